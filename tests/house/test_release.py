"""A release has one version everywhere, and what is wrong with it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house import release


def test_what_is_missing_and_what_is_too_much_are_named() -> None:
    artifact = release.Artifact(Path("x.whl"), frozenset({"enc/a.py", "tests/b.py"}))

    assert artifact.problems(["enc/a.py", "enc/node.lua"]) == [
        "x.whl lacks enc/node.lua",
        "x.whl has tests/b.py, which does not belong there",
    ]
    assert artifact.problems(["enc/a.py", "tests/b.py"]) == []


class TestTheVersion:
    def test_is_the_same_wherever_it_stands(self) -> None:
        assert list(release.versions(release.ROOT, release.tracked(release.ROOT))) == []

    @pytest.mark.parametrize(
        ("name", "says"),
        [
            ("README.md", "README.md names rolecall 9.9.9"),
            ("puppet/rolecall/manifests/init.pp", "init.pp names rolecall 9.9.9"),
            ("puppet/rolecall/metadata.json", "metadata.json says 9.9.9"),
            ("CHANGELOG.md", "CHANGELOG.md's newest release is ['9.9.9']"),
        ],
    )
    def test_is_another_one_in_one_place_and_is_found(
        self, tmp_path: Path, name: str, says: str
    ) -> None:
        places = ["README.md", "CHANGELOG.md", "setup.cfg", "puppet/rolecall/metadata.json",
                  "puppet/rolecall/manifests/init.pp"]  # fmt: skip
        copy = release.copy(release.ROOT, places, tmp_path)
        version = release.version_of(copy)
        (copy / name).write_text((copy / name).read_text().replace(version, "9.9.9"))

        (problem, *more) = release.versions(copy, places)
        assert says in problem
        assert more == []
