"""How the house stands, in figures: ``make house``. Nothing here is a gate."""

from __future__ import annotations

import configparser
import statistics

from tests.house import sizes
from tests.house.facts import homes
from tests.house.imports import PACKAGES, ROOT, arrows, floors


def main() -> None:
    for package in PACKAGES:
        rooms = arrows(package)
        height, count = max(floors(rooms).values()), sum(map(len, rooms.values()))
        print(f"{package}: {len(rooms)} rooms on {height} floors, {count} arrows")
    print("files over 300 lines:", *_listed(sizes.long_files()))
    lengths = dict(sizes.functions())
    counts = sorted(lengths.values())
    print(
        f"functions: {len(counts)}; lines without docstring: median "
        f"{statistics.median(counts):.0f}, p90 {counts[len(counts) * 9 // 10]}"
    )
    print(
        "functions over 30 lines:",
        *_listed(
            (name, lines) for name, lines in lengths.items() if lines > sizes.LONGEST_FUNCTION
        ),
    )
    print(
        "facts with another number of homes than one:",
        *_listed((fact, ", ".join(where)) for fact, where in homes().items() if len(where) != 1),
    )
    print(f"import contracts: {_contracts()} (python -m pytest tests/house tries to break each)")


def _listed(found: object) -> list[str]:
    return [f"\n  {name}: {lines}" for name, lines in found] or ["none"]  # type: ignore[attr-defined]


def _contracts() -> int:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    return sum(name.startswith("importlinter:contract") for name in settings.sections())


if __name__ == "__main__":
    main()
