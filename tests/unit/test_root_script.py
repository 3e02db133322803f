"""`make TARGET ROOT=trixie`, where it cannot run: it says so, and makes nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


@pytest.fixture
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where every user may read it, in a folder that is no checkout of git."""
    folder = Path(tmp_path_factory.mktemp("root"))
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o755)
    for name in ("tests/platforms/root.sh", "tests/real/debs.sh"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder / "tests/platforms/root.sh"


def run(script: Path, *words: str, root: bool = True, **env: str) -> tuple[int, str]:
    within = () if root or os.geteuid() else NOBODY
    done = subprocess.run(
        [*within, "sh", script, *words],
        env={"PATH": os.environ["PATH"], "HOME": str(script.parent), **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", [(), ("trixie",), ("buster", "real"), ("", "real")])
def test_what_it_does_not_know_is_a_wrong_usage(script: Path, words: tuple[str, ...]) -> None:
    code, said = run(script, *words)

    assert (code, "usage: " in said) == (2, True)


def test_without_root_it_says_what_to_run(script: Path) -> None:
    code, said = run(script, "trixie", "real", root=False)

    assert code == 1
    assert "needs root, for its namespaces; run: sudo make real ROOT=trixie" in said


def test_the_other_release_is_skipped_without_root_and_not_in_ci(script: Path) -> None:
    code, said = run(script, "other", "differs", root=False)
    assert (code, "skipped: " in said) == (0, True)

    code, said = run(script, "other", "differs", root=False, CI="true")
    assert (code, "skipped: " in said) == (1, False)


@pytest.mark.skipif(os.geteuid() != 0, reason="without root it ends before that")
def test_what_is_no_checkout_of_git_is_told_and_nothing_is_made(script: Path) -> None:
    code, said = run(script, "trixie", "real")

    assert (code, "is no checkout of git" in said) == (1, True)
    assert not (script.parent / ".cache").exists()
