"""Simulated months: thousands of passes amid faults, and the invariants after each of them.

python -m tests.bench.months SEED [PASSES]      one seed's story again
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from enc.inventory import connect
from tests.bench.table import Row
from tests.servers import RedisServer
from tests.service.invariants import check
from tests.service.months import Months

SEEDS = range(1000, 1020)
PASSES = 500  # of each seed
# What happens besides is meant well, or is an order.
KIND = frozenset({"plenty", "mend", "go_on", "manners", "new_spec", "save"})
MOST_CALLS = 100


def measure() -> list[Row]:
    began = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        told = list(pool.map(_told, SEEDS))
    seconds = time.perf_counter() - began
    for story in told:
        if story["broken"]:
            print(f"seed {story['seed']}: {story['broken']}", file=sys.stderr, flush=True)
    return [*_sizes(told, seconds), _faults(told), _broken(told), _calls(told)]


def _sizes(told: Sequence[dict[str, Any]], seconds: float) -> list[Row]:
    passes, wanted = sum(story["passes"] for story in told), PASSES * len(SEEDS)
    return [
        Row(
            what=f"months: passes, with the seeds {SEEDS[0]} to {SEEDS[-1]}",
            measured=f"{passes:,}",
            bound=f">= {wanted:,}",
            ok=passes >= wanted,
        ),
        Row(what="the same: time", measured=f"{seconds:.0f} s", bound="-", ok=True),
    ]


def _faults(told: Sequence[dict[str, Any]]) -> Row:
    happened = sum((Counter(story["happened"]) for story in told), Counter[str]())
    faults = {name: count for name, count in happened.items() if name not in KIND}
    return Row(
        what=f"the same: faults put in, of {len(faults)} kinds",
        measured=f"{sum(faults.values()):,}",
        bound="> 0",
        ok=sum(faults.values()) > 0,
    )


def _broken(told: Sequence[dict[str, Any]]) -> Row:
    seeds = [str(story["seed"]) for story in told if story["broken"]]
    return Row(
        what="the same: invariants broken",
        measured=f"{len(seeds)}" + (f" (seeds {', '.join(seeds)})" if seeds else ""),
        bound="= 0",
        ok=not seeds,
    )


def _calls(told: Sequence[dict[str, Any]]) -> Row:
    most = max(story["calls"] for story in told)
    return Row(
        what="the same: EC2 calls of the worst pass, describes included",
        measured=f"{most}",
        bound=f"<= {MOST_CALLS}",
        ok=most <= MOST_CALLS,
    )


# One seed -------------------------------------------------------------------------------------


def _told(seed: int) -> dict[str, Any]:
    """In a process of its own, as one has only one core; one that dies has broken something."""
    words = [sys.executable, "-m", "tests.bench.months", str(seed)]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        return {"seed": seed, "broken": done.stderr, "passes": 0, "happened": {}, "calls": 0}
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def story_of(seed: int, passes: int) -> dict[str, Any]:
    """Raises what a pass or an invariant does."""
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder)).start()
        try:
            redis = connect(server.url, timeout=60)
            months = Months.of(redis, seed)
            months.live(passes)
            check(redis)
        finally:
            server.end()
    return {
        "seed": seed,
        "broken": "",
        "passes": months.passes,
        "happened": months.happened,
        "calls": months.most_calls,
    }


if __name__ == "__main__":
    print(json.dumps(story_of(int(sys.argv[1]), int((sys.argv[2:] or [PASSES])[0]))))
