"""Which share of each room the tests passed through: ``make coverage``. Nothing here is a gate."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.house.imports import PACKAGES, ROOT, module_of, room

LINES, BRANCHES = ("num_statements", "covered_lines"), ("num_branches", "covered_branches")


def main() -> None:
    """Of the last ``coverage run``, in this folder."""
    print(f"{'room':<24}{'lines':>8}{'passed':>9}{'branches':>10}{'passed':>9}")
    for name, counts in sorted(rooms(measured().items()).items()):
        print(f"{name:<24}{_share(counts, LINES)}{_share(counts, BRANCHES, wide=10)}")


def measured() -> Mapping[str, Mapping[str, int]]:
    """Path below the repository -> coverage's counts of that file."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "coverage", "json", "--quiet", "-o", str(report)]
        subprocess.run(command, cwd=ROOT, check=True)
        files: Mapping[str, Any] = json.loads(report.read_text())["files"]
    return {path: file["summary"] for path, file in files.items()}


def rooms(files: Iterable[tuple[str, Mapping[str, int]]]) -> Mapping[str, Counter[str]]:
    """The counts of each room, and of each package as a whole."""
    found: dict[str, Counter[str]] = {name: Counter() for name in PACKAGES}
    for path, counts in files:
        here = room(module_of(ROOT / path))
        for name in {here, here.partition(".")[0]}:
            found.setdefault(name, Counter()).update(
                {key: counts[key] for key in (*LINES, *BRANCHES)}
            )
    return found


def _share(counts: Mapping[str, int], keys: tuple[str, str], *, wide: int = 8) -> str:
    """How many, and which part of them; none are whole."""
    all_, passed = (counts[key] for key in keys)
    part = f"{100 * passed / all_:.1f} %" if all_ else "-"
    return f"{all_:>{wide}}{part:>9}"


if __name__ == "__main__":
    main()
