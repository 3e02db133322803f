"""`make bench`: each promise beside what was measured just now. Exit code 1 when one is missed.

python -m tests.bench [PART...]
"""

from __future__ import annotations

import sys
from importlib import import_module

from tests.bench.table import Row, show

PARTS = (
    "enc_script",
    "service",
    "dns",
    "policy",
    "report_processor",
    "terminus",
    "launch",
    "listing",
    "converge",
    "months",
    "cli",
    "ls",
    "pages",
    "discovery",
    "importing",
)


def main(names: list[str]) -> int:
    rows: list[Row] = []
    for name in names or PARTS:
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows += import_module(f"tests.bench.{name}").measure()
    show(rows)
    return 0 if all(row.ok for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
