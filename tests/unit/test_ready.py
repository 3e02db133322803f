"""What `make run` says at once where it cannot work, and what it leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.platforms.ready import MODULES, is_whole, wrong

ROOT = Path(__file__).parents[2]
READY = ROOT / "tests/platforms/ready.py"
REDIS = ["redis-server"]


@pytest.mark.parametrize(
    ("version", "machine", "servers"),
    [
        ((3, 11), "x86_64", []),
        ((3, 13), "aarch64", []),
        ((3, 14), "x86_64", REDIS),
        ((3, 14), "aarch64", ["valkey-server"]),
        ((3, 13), "riscv64", REDIS),
    ],
)
def test_nothing_is_wrong_where_a_redis_is_to_be_had(
    version: tuple[int, int], machine: str, servers: list[str]
) -> None:
    assert wrong(version, machine, MODULES, servers) == ""


@pytest.mark.parametrize(
    ("version", "machine", "modules", "servers", "said"),
    [
        ((3, 10), "x86_64", MODULES, REDIS, "make PYTHON=python3.12 run"),
        ((3, 6), "x86_64", [], [], "make PYTHON=python3.12 run"),
        ((3, 13), "x86_64", ["venv"], REDIS, "apt-get install python3-venv"),
        ((3, 14), "x86_64", MODULES, [], "apt-get install redis-server"),
        ((3, 12), "riscv64", MODULES, [], "apt-get install redis-server"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_what_to_do(
    version: tuple[int, int], machine: str, modules: list[str], servers: list[str], said: str
) -> None:
    told = wrong(version, machine, modules, servers)

    assert said in told
    assert "\n" not in told


def make(folder: Path, *words: str, path: str = os.environ["PATH"]) -> tuple[int, str]:
    """`make` in a folder of its own, which has what it needs to begin."""
    for name in ("Makefile", "setup.cfg", "pyproject.toml", "requirements", "tests"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    done = subprocess.run(
        ["/usr/bin/make", *words],
        cwd=folder,
        env={"PATH": path, "PIP_NO_INDEX": "1", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def program(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_machine_without_python_is_told_so_and_nothing_is_made(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "sh").symlink_to("/bin/sh")

    code, said = make(tmp_path, "run", path=str(tools))

    assert code == 2
    assert "python3 is not installed; as root: apt-get install python3 python3-venv" in said
    assert not (tmp_path / ".venv").exists()


def test_a_python_that_cannot_make_a_venv_leaves_none(tmp_path: Path) -> None:
    """As Debian's without python3-venv: there is `venv`, and no `ensurepip`."""
    lacking = tmp_path / "python3"
    program(lacking, f'exec {sys.executable} -c "{LACKING}" "$@"')

    code, said = make(tmp_path, f"PYTHON={lacking}", "run")

    assert code == 2
    assert "has no venv; as root: apt-get install python3-venv" in said
    assert not (tmp_path / ".venv").exists()


LACKING = """
import importlib.util, runpy, sys
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name == 'ensurepip' else real(name, *more)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""


def test_offline_it_says_so_keeps_what_is_there_and_the_next_run_goes_on(tmp_path: Path) -> None:
    for _ in range(2):
        code, said = make(tmp_path, f"PYTHON={sys.executable}", "run")

        assert code == 2
        assert "Is this machine offline? What is there is kept, and the next run goes on." in said
        # Not taken for whole.
        assert not (tmp_path / ".venv/.sandbox").exists()
    assert "making .venv" not in said
    assert is_whole(tmp_path / ".venv")


def test_a_venv_that_a_stop_left_half_made_is_made_anew(tmp_path: Path) -> None:
    venv = tmp_path / ".venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin/python").symlink_to(sys.executable)
    (venv / "left").touch()

    done = subprocess.run([sys.executable, READY, venv], capture_output=True, text=True, check=True)

    assert "making" in done.stderr
    assert is_whole(venv)
    assert not (venv / "left").exists()


def test_a_whole_one_is_kept() -> None:
    done = subprocess.run(
        [sys.executable, READY, sys.prefix], capture_output=True, text=True, check=True
    )

    assert done.stderr == ""
