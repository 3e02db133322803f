"""What a release is made of. Without its Lua the service starts, and fails when it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.house import release


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("release") / "source"
    return release.copy(release.ROOT, release.tracked(release.ROOT), to)


@pytest.fixture(scope="module")
def built(
    source: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, tuple[release.Artifact, set[str]]]:
    """By the ends of their names."""
    dist = tmp_path_factory.mktemp("dist") / "dist"
    made = list(release.artifacts(source, release.tracked(release.ROOT), dist))
    return dict(zip(("sdist", "wheel", "module"), made, strict=True))


@pytest.mark.parametrize("what", ["sdist", "wheel", "module"])
def test_has_every_file_that_belongs_there_and_no_other(
    built: Mapping[str, tuple[release.Artifact, set[str]]], what: str
) -> None:
    artifact, wanted = built[what]
    assert artifact.problems(wanted) == []


def test_the_wheel_has_what_the_programs_read_besides_python(
    built: Mapping[str, tuple[release.Artifact, set[str]]],
) -> None:
    holds = built["wheel"][0].holds
    suffixes = {Path(name).suffix for name in holds}

    assert {".lua", ".html", ".css", ".js", ".svg", ".typed"} <= suffixes
    assert any(name.startswith("provisioner/bootstrap/templates/") for name in holds)


@pytest.mark.parametrize("what", ["sdist", "wheel", "module"])
def test_has_no_tests_and_no_caches(
    built: Mapping[str, tuple[release.Artifact, set[str]]], what: str
) -> None:
    parts = {part for name in built[what][0].holds for part in name.split("/")}
    assert not parts & {"tests", "spec", "__pycache__", ".venv", ".git"}
