"""Files and functions that are too long to be read at one look."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.house.imports import PACKAGES, ROOT, sources

LONGEST_FILE, LONGEST_FUNCTION = 300, 30


def long_files() -> Iterator[tuple[str, int]]:
    """(path, lines), of the product's Python and Lua."""
    scripts = sorted((ROOT / "enc").rglob("*.lua"))
    for file in [*(file for package in PACKAGES for file in sources(package)), *scripts]:
        lines = len(file.read_text().splitlines())
        if lines > LONGEST_FILE:
            yield str(file.relative_to(ROOT)), lines


def inits() -> Iterator[Path]:
    for package in PACKAGES:
        yield from sorted((ROOT / package).rglob("__init__.py"))


def functions() -> Iterator[tuple[str, int]]:
    """(path:name, lines of code): without decorators, docstring and empty lines."""
    for package in PACKAGES:
        for file in sources(package):
            yield from _functions(file)


def _functions(file: Path) -> Iterator[tuple[str, int]]:
    text = file.read_text()
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first, last = node.lineno, node.end_lineno or node.lineno
            told = node.body[0] if ast.get_docstring(node) is not None else None
            counted = [
                number
                for number in range(first, last + 1)
                if lines[number - 1].strip()
                and not (told and told.lineno <= number <= (told.end_lineno or 0))
            ]
            yield f"{file.relative_to(ROOT)}:{node.name}", len(counted)
