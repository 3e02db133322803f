"""What must not creep back, and the picture that must be true."""

from __future__ import annotations

from tests.house import sizes
from tests.house.diagram import FILE, current, drawn
from tests.house.facts import homes
from tests.house.imports import arrows, floors


def test_contributing_shows_the_rooms_as_they_are() -> None:
    text = FILE.read_text()
    assert current(text, drawn()) == text, "run: python -m tests.house.diagram"


def test_no_rooms_import_each_other_in_a_circle() -> None:
    for package in ("enc", "provisioner"):
        assert floors(arrows(package))


def test_every_package_says_in_a_line_what_it_is_for() -> None:
    silent = [file for file in sizes.inits() if not file.read_text().startswith('"""')]
    assert silent == []


def test_a_fact_has_one_home() -> None:
    assert {fact: where for fact, where in homes().items() if len(where) != 1} == {}
