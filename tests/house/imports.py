"""The rooms of a package, and which of them import which, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("enc", "provisioner")


def sources(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def room(module: str) -> str:
    """A folder below a package, or a file beside it: ``provisioner.loop``, ``enc.logs``."""
    return ".".join(module.split(".")[:2])


def module_of(file: Path) -> str:
    steps = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(steps[:-1] if steps[-1] == "__init__" else steps)


def imported(file: Path) -> Iterator[str]:
    """Modules. A name may be one, too: ``from enc.web import api`` is enc.web.api."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (_deepest(node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def arrows(package: str) -> Mapping[str, frozenset[str]]:
    """Room -> the rooms of the same package that it imports."""
    found: dict[str, set[str]] = {}
    for file in sources(package):
        here = room(module_of(file))
        if here == package:
            continue
        there = {room(one) for one in imported(file) if one.startswith(f"{package}.")}
        found.setdefault(here, set()).update(there - {here})
    return {name: frozenset(others & set(found)) for name, others in found.items()}


def floors(rooms: Mapping[str, frozenset[str]]) -> Mapping[str, int]:
    """Each room stands above all that it imports; 1 is the ground.

    Raises RecursionError for a circle.
    """
    found: dict[str, int] = {}

    def floor(name: str) -> int:
        if name not in found:
            found[name] = 1 + max(map(floor, rooms[name]), default=0)
        return found[name]

    return {name: floor(name) for name in rooms}


def _deepest(module: str, name: str) -> str:
    path = ROOT.joinpath(*module.split("."), name)
    return f"{module}.{name}" if path.with_suffix(".py").exists() or path.is_dir() else module
