"""The counts of files become those of rooms."""

from __future__ import annotations

from tests.house.covered import rooms


def file(lines: int, passed: int) -> dict[str, int]:
    branches = {"num_branches": 2, "covered_branches": 1}
    return {"num_statements": lines, "covered_lines": passed, **branches}


def test_a_room_has_the_counts_of_its_files_and_a_package_those_of_its_rooms() -> None:
    found = rooms(
        [
            ("enc/domain/model.py", file(10, 9)),
            ("enc/domain/explain/words.py", file(20, 10)),
            ("enc/logs.py", file(5, 5)),
        ]
    )
    lines = {name: (one["covered_lines"], one["num_statements"]) for name, one in found.items()}

    assert lines == {
        "enc": (24, 35),
        "enc.domain": (19, 30),
        "enc.logs": (5, 5),
        "provisioner": (0, 0),
    }
    assert found["enc"]["num_branches"] == 6
