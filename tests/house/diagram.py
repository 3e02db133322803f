"""The picture of the house in CONTRIBUTING.md, drawn from the imports.

``python -m tests.house.diagram`` draws it anew; a test fails when it is out of date.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.house.imports import PACKAGES, ROOT, arrows, floors

FILE = ROOT / "CONTRIBUTING.md"
BEGIN, END = "<!-- rooms: drawn by python -m tests.house.diagram -->", "<!-- end of rooms -->"

Rooms = Mapping[str, frozenset[str]]


def drawn() -> str:
    """Mermaid: a room stands above all that it imports."""
    parts = [line for package in PACKAGES for line in _package(package)]
    return "\n".join(["```mermaid", "flowchart TB", *parts, "```"])


def direct(rooms: Rooms) -> Rooms:
    """Without the arrows that a longer way makes plain."""
    return {
        name: frozenset(
            one for one in others if not any(one in _reach(rooms, by) for by in others - {one})
        )
        for name, others in rooms.items()
    }


def current(text: str, picture: str) -> str:
    """The file with this picture in it. Raises ValueError where there is no place for it."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"CONTRIBUTING.md has no {BEGIN} with {END} behind it")
    return f"{before}{BEGIN}\n\n{picture}\n\n{END}{after}"


def _package(package: str) -> Iterator[str]:
    rooms = arrows(package)
    height = floors(rooms)
    yield f"  subgraph {package}"
    for name in sorted(rooms, key=lambda one: (-height[one], one)):
        yield f'    {name}["{name.partition(".")[2]}"]'
    for name, others in sorted(direct(rooms).items()):
        if others:
            yield f"    {name} --> {' & '.join(sorted(others))}"
    yield "  end"


def _reach(rooms: Rooms, name: str) -> frozenset[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        new = rooms[waiting.pop()] - found
        found |= new
        waiting += new
    return frozenset(found)


if __name__ == "__main__":
    FILE.write_text(current(FILE.read_text(), drawn()))
