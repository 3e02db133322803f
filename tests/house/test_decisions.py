"""The list of decisions is whole."""

from __future__ import annotations

from tests.house.imports import ROOT

FOLDER = ROOT / "docs/decisions"


def test_every_page_is_in_the_list() -> None:
    listed = (FOLDER / "README.md").read_text()
    pages = [page.name for page in FOLDER.glob("0*.md")]

    assert [page for page in pages if f"]({page})" not in listed] == []


def test_no_number_is_taken_twice() -> None:
    numbers = [page.name[:4] for page in FOLDER.glob("0*.md")]
    assert len(numbers) == len(set(numbers))
