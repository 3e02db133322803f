"""What is claimed of platforms, as matrix.toml says.

python -m tests.platforms.matrix        # prints README's table
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

FILE = Path(__file__).with_name("matrix.toml")
WHOLE, COMPILED = "whole", "compiled"


@dataclass(frozen=True)
class System:
    """A distribution's release. ``tried`` is ``whole`` or ``compiled``: see matrix.toml."""

    name: str
    release: str
    tried: str
    codename: str = ""


@dataclass(frozen=True)
class Python:
    version: str
    on: str


@dataclass(frozen=True)
class Puppet:
    """A major version, and the server's and agent's releases that it is tried with."""

    version: str
    server: str
    agent: str
    on: str


@dataclass(frozen=True)
class Store:
    name: str
    version: str
    on: str


@dataclass(frozen=True)
class Matrix:
    systems: Sequence[System]
    pythons: Sequence[Python]
    puppets: Sequence[Puppet]
    stores: Sequence[Store]

    @classmethod
    def read(cls, file: Path = FILE) -> Self:
        """Raises TypeError where an entry has a key too many or too few."""
        said = tomllib.loads(file.read_text(encoding="utf-8"))
        return cls(
            [System(**entry) for entry in said["system"]],
            [Python(**entry) for entry in said["python"]],
            [Puppet(**entry) for entry in said["puppet"]],
            [Store(**entry) for entry in said["store"]],
        )


def table(matrix: Matrix) -> str:
    """README's table: what, which, how it is tried."""
    whole = [each for each in matrix.systems if each.tried == WHOLE]
    compiled = [each for each in matrix.systems if each.tried == COMPILED]
    rows = [
        ("system", _systems(whole), "every test, on the release itself"),
        ("system", _systems(compiled), "the Puppet module's catalogues, compiled"),
        *(("Python", each.version, each.on) for each in matrix.pythons),
        *(("Puppet", f"{p.server} (agent {p.agent})", p.on) for p in matrix.puppets),
        *((each.name, each.version, each.on) for each in matrix.stores),
    ]
    lines = ["| | which | tried with |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def _systems(systems: Sequence[System]) -> str:
    return ", ".join(f"{system.name} {system.release}" for system in systems)


if __name__ == "__main__":
    print(table(Matrix.read()), end="")
