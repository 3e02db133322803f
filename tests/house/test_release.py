"""A release says one version everywhere, and its check finds what is missing."""

from __future__ import annotations

from tests.house.release import CARRIED, missing, strange, versions


def test_every_place_says_the_same_version() -> None:
    assert len(set(versions().values())) == 1, versions()


def test_a_file_that_is_missing_is_found() -> None:
    lacking = list(missing(["enc/inventory/node.lua", "scripts/enc"]))

    assert "lacks enc/inventory/write.lua" in lacking
    assert "lacks autosign" in lacking
    assert "lacks enc/inventory/node.lua" not in lacking
    assert "lacks enc" not in lacking
    assert CARRIED


def test_what_is_no_part_of_it_is_found() -> None:
    found = list(strange(["tests/warm.py", "enc/model.py", "enc/__pycache__/x.pyc"]))
    assert found == ["has tests/warm.py", "has enc/__pycache__/x.pyc"]
