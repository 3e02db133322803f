"""What the wheel carries besides Python: without it the service starts and fails when asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
CARRIED = ("*.lua", "*.html", "*.css", "*.js", "*.svg", "templates/*", "py.typed")


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Built from a copy of what a commit would hold: no build leaves anything in the tree."""
    folder = tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            target = folder / "source" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    build = "import setuptools; setuptools.setup()"
    command = [sys.executable, "-c", build, "--quiet", "build_py", "--build-lib", folder / "lib"]
    subprocess.run(command, cwd=folder / "source", check=True)
    lib = folder / "lib"
    return {str(path.relative_to(lib)) for path in lib.rglob("*") if path.is_file()}


@pytest.mark.parametrize("package", ["enc", "provisioner"])
def test_has_every_file_that_our_programs_read(names: set[str], package: str) -> None:
    needed = {
        str(path.relative_to(ROOT))
        for pattern in CARRIED
        for path in (ROOT / package).rglob(pattern)
        if path.is_file()
    }
    assert needed
    assert needed <= names


def test_has_no_tests(names: set[str]) -> None:
    assert not [name for name in names if name.startswith("tests/")]
