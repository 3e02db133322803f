"""What git asks before it commits: .pre-commit-config.yaml, as pre-commit runs it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / ".pre-commit-config.yaml"
RUFF = ("ruff-check", "ruff-format")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with our rules and our tools, and nothing in it."""
    for name in (CONFIG.name, "ruff.toml", "setup.cfg"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").symlink_to(Path(sys.prefix))
    git(tmp_path, "init", "--quiet")
    return tmp_path


def git(tree: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=tree, check=True)


def hook(tree: Path, name: str, *more: str) -> subprocess.CompletedProcess[str]:
    """As `git commit` starts it, without a network: a proxy that is not there."""
    git(tree, "add", "--all", "--", ":!.venv")
    command = [sys.executable, "-m", "pre_commit", "run", name, *more]
    nowhere = {"PATH": "/usr/bin:/bin", "HOME": str(tree / "home"), "https_proxy": "127.0.0.1:9"}
    return subprocess.run(
        command, cwd=tree, env=nowhere, capture_output=True, text=True, check=False
    )


def every_hook() -> list[dict[str, Any]]:
    repositories = yaml.safe_load(CONFIG.read_text())["repos"]
    return [one for repository in repositories for one in repository["hooks"]]


@pytest.mark.parametrize("name", RUFF)
def test_a_file_that_ruff_would_change_is_not_committed(tree: Path, name: str) -> None:
    (tree / "bad.py").write_text("import os,sys\n")
    done = hook(tree, name)

    assert done.returncode == 1, done.stdout
    assert "bad.py" in done.stdout


@pytest.mark.parametrize("name", RUFF)
def test_a_clean_file_is(tree: Path, name: str) -> None:
    (tree / "good.py").write_text('"""Nothing."""\n')
    done = hook(tree, name)

    assert (done.returncode, "Passed" in done.stdout) == (0, True), done.stdout


@pytest.mark.parametrize(("length", "code"), [(72, 0), (73, 1)])
def test_a_subject_has_at_most_72_characters(tree: Path, length: int, code: int) -> None:
    message = tree / "message"
    message.write_text("x" * length + "\n\n" + "y" * 200 + "\n")
    stage = ("--hook-stage", "commit-msg", "--commit-msg-filename", str(message))

    assert hook(tree, "subject", *stage).returncode == code


def test_they_ask_what_make_check_asks_and_download_nothing() -> None:
    tools = [" ".join(one["entry"].split()[:2]) for one in every_hook()[:-1]]

    assert tools == [
        ".venv/bin/ruff check",
        ".venv/bin/ruff format",
        ".venv/bin/mypy",
        ".venv/bin/lint-imports",
    ]
    assert {one["language"] for one in every_hook()} <= {"system", "pygrep"}
