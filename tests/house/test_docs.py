"""Docs can be read in a terminal and in a diff."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

from tests.house.imports import ROOT

WIDEST = 120
# A line that begins so is no prose: a table, a link's target, what a page is drawn by.
NO_PROSE = ("|", "[", "<", "#")


def prose(text: str) -> Iterator[tuple[int, str]]:
    code = False
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("```"):
            code = not code
        elif not code and not line.startswith("    ") and not line.lstrip().startswith(NO_PROSE):
            yield number, line


def test_no_line_of_prose_is_wider_than_a_screen() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    wide = [
        f"{name}:{number}"
        for name in listed.stdout.split()
        if not name.endswith("REFERENCE.md")
        for number, line in prose((ROOT / name).read_text())
        # One word that is too long cannot be wrapped.
        if len(line) > WIDEST and " " in line.strip()
    ]
    assert wide == []
