"""What the report processor adds to a run, and how small it makes a large report."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from tests.bench.table import Row, show
from tests.real.reportdriver import ReportDriver, as_yaml, log, report
from tests.real.rubydriver import JRUBY_HOME, MRI, jruby

REPORTS = 400
# A puppetserver's JVM compiles what it has run often enough.
WARM_UP = 2000
BOUND_MS = 5
YAML_BYTES = 20_000
BOUND_BYTES = 4096


def measure() -> list[Row]:
    if shutil.which("ruby") is None or shutil.which("puppet") is None:
        return [_skipped("ruby and puppet are not installed; run: make debs")]
    rows = [_size(), *_spans("C Ruby", MRI, 0)]
    if not JRUBY_HOME.is_dir():
        return [*rows, _skipped("JRuby is not installed; run: make debs")]
    return [*rows, *_spans("JRuby, warm", jruby(), WARM_UP)]


def _skipped(why: str) -> Row:
    return Row(what="report processor", measured=f"not measured: {why}", bound="-", ok=True)


def _spans(name: str, ruby: Sequence[str], warm_up: int) -> list[Row]:
    given = _large_report()
    with tempfile.TemporaryDirectory() as folder, ReportDriver.start(ruby) as puppet:
        for _ in range(warm_up // REPORTS):
            puppet.save([given] * REPORTS, spool=folder, timeouts=True)
        spent = puppet.save([given] * REPORTS, spool=folder, timeouts=True)
    if spent.logs:
        raise RuntimeError(f"what was measured was a failure: {spent.logs[0]}")
    return [
        _time(f"{name}, median", median(spent.ms)),
        _time(f"{name}, p95", quantiles(spent.ms, n=20)[-1]),
    ]


def _time(how: str, ms: float) -> Row:
    return Row(
        what=f"report processor, added to a run ({how} of {REPORTS})",
        measured=f"{ms:.2f} ms",
        bound=f"<= {BOUND_MS} ms",
        ok=ms <= BOUND_MS,
    )


def _size() -> Row:
    text = as_yaml(_large_report())
    with tempfile.TemporaryDirectory() as folder, ReportDriver.start() as puppet:
        puppet.save([text], spool=folder)
        size = Path(folder, "incoming").stat().st_size
    return Row(
        what=f"report processor, {len(text)} bytes of YAML as JSON",
        measured=f"{size} bytes",
        bound=f"<= {BOUND_BYTES}",
        ok=0 < size <= BOUND_BYTES,
    )


def _large_report() -> dict[str, Any]:
    found = report("failed")
    template = next(iter(found["resource_statuses"].values()))
    number = 0
    while len(as_yaml(found)) < YAML_BYTES:
        number += 1
        name = f"File[/srv/{number}]"
        found["resource_statuses"][name] = template | {"resource": name, "title": name}
        found["logs"].append(log(f"could not set {number}: {'no such user, ' * 30}", source=name))
    return found


if __name__ == "__main__":
    show(measure())
