"""What one look-up of the ENC script costs, against a Python that does nothing."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tests.bench.clock import medians
from tests.bench.table import Row, show
from tests.service.enc_script import COMMAND, PYTHON
from tests.service.misbehaving import read, send, serve
from tests.service.misbehaviours import NODE, response

ROUNDS = 100
BOUND = 1.5
CLASSES = 10
ANSWER = "".join(
    [
        "---\nclasses:\n",
        *(f'  "role::part{number}": {{"workers": {number}}}\n' for number in range(CLASSES)),
        f'parameters:\n  "role": "whole"\n# end {NODE}\n',
    ]
).encode()
NOTHING = (PYTHON, "-I", "-S", "-c", "pass")


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with serve((read, send(response(ANSWER))), "unix", folder) as server:
            plain = {"ENC_CONF": "", "ENC_URL": server.url}
            cached = plain | {"ENC_CACHE": str(folder)}
            rows = [
                _row("over the unix socket", plain),
                _row("the same, and cached", cached),
            ]
        if (folder / NODE).read_bytes() != ANSWER:
            raise RuntimeError("what was measured was not a look-up")
    return rows


def _row(how: str, settings: dict[str, str]) -> Row:
    commands = {"nothing": NOTHING, "look-up": (*COMMAND, NODE)}
    spent = medians(commands, os.environ | settings, ROUNDS)
    ratio = spent["look-up"] / spent["nothing"]
    milliseconds = " / ".join(f"{spent[each] * 1000:.1f} ms" for each in ("look-up", "nothing"))
    return Row(
        what=f"enc, one look-up {how}: CPU / `python3 -I -S -c pass`",
        measured=f"{ratio:.2f} ({milliseconds})",
        bound=f"<= {BOUND}",
        ok=ratio <= BOUND,
    )


if __name__ == "__main__":
    show(measure())
