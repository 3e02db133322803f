"""What `make run` says at once where it cannot work, and what it leaves behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.platforms.ready import MODULES, has_wheel, is_whole, wrong

ROOT = Path(__file__).parents[2]


def test_nothing_is_wrong_with_a_python_that_is_claimed() -> None:
    assert wrong((3, 11), MODULES) == ""
    assert wrong((3, 14), MODULES) == ""


@pytest.mark.parametrize(
    ("version", "modules", "said"),
    [
        ((3, 10), MODULES, "make PYTHON=python3.12 run"),
        ((3, 6), [], "make PYTHON=python3.12 run"),
        ((3, 13), ["venv"], "apt-get install python3.13-venv"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_what_to_do(
    version: tuple[int, int], modules: list[str], said: str
) -> None:
    told = wrong(version, modules)

    assert said in told
    assert "\n" not in told


def test_a_wheel_has_a_redis_up_to_python_3_13_on_two_machines() -> None:
    assert has_wheel((3, 13), "x86_64")
    assert has_wheel((3, 11), "aarch64")
    assert not has_wheel((3, 14), "x86_64")
    assert not has_wheel((3, 13), "riscv64")


def make(folder: Path, *words: str, path: str = os.environ["PATH"]) -> tuple[int, str]:
    """`make` in a folder of its own, which has what it needs to begin, and no network."""
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


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def python_that(folder: Path, does: str) -> Path:
    """A Python that does this before it runs `-m MODULE ARGUMENT`."""
    script = f"import runpy, sys; {does}; del sys.argv[1]; module = sys.argv.pop(1); "
    script += "runpy.run_module(module, run_name='__main__')"
    return program(folder / "python3", f'exec {sys.executable} -c "{script}" "$@"')


NO_ENSUREPIP = "sys.modules['ensurepip'] = None"
PYTHON_3_14 = "sys.version_info = (3, 14, 0, 'final', 0)"


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
    code, said = make(tmp_path, f"PYTHON={python_that(tmp_path, NO_ENSUREPIP)}", "run")

    assert code == 2
    assert "has no venv; as root: apt-get install python3." in said
    assert not (tmp_path / ".venv").exists()


def server(folder: Path, version: str) -> Path:
    return program(folder / "redis-server", f"echo 'Redis server v={version} sha=0'")


def test_where_no_wheel_has_a_redis_an_old_one_of_the_system_is_told_at_once(
    tmp_path: Path,
) -> None:
    old = server(tmp_path / "bin", "6.0.16")
    # Alone: beside it in /bin a new one, or a Valkey, may be installed.
    (old.parent / "sh").symlink_to("/bin/sh")
    python = python_that(tmp_path, PYTHON_3_14)

    code, said = make(tmp_path, f"PYTHON={python}", "run", path=str(old.parent))

    assert code == 2
    assert "redis-server is redis 6.0" in said
    assert "as root: apt-get install redis-server" in said
    assert not (tmp_path / ".venv").exists()


def told(path: Path) -> str:
    """Why the system's Redis cannot be used, where this folder is the PATH."""
    asks = "from tests.platforms.ready import no_redis; print(no_redis(), end='')"
    command = [sys.executable, "-c", asks]
    return subprocess.check_output(command, cwd=ROOT, env={"PATH": str(path)}, text=True)


def test_a_new_one_of_the_system_will_do_and_none_will_not(tmp_path: Path) -> None:
    new = server(tmp_path / "bin", "6.2.0")

    assert told(new.parent) == ""
    assert "as root: apt-get install redis-server" in told(tmp_path)


def test_offline_it_says_so_and_what_was_not_finished_is_made_anew(tmp_path: Path) -> None:
    left = program(tmp_path / ".venv/bin/python", f"echo {tmp_path}/enc")

    code, said = make(tmp_path, f"PYTHON={sys.executable}", "run")

    assert code == 2
    assert "Is this machine offline? The next run continues" in said
    assert "making .venv" in said
    assert left.resolve() == Path(sys.executable).resolve()
    assert not (tmp_path / ".venv/.sandbox").exists()


def finished(folder: Path) -> Path:
    """The stamp of a .venv whose pip runs by its own Python's path, as pip lays it."""
    pip = program(folder / "bin/pip", "")
    (folder / "bin/python").symlink_to("/bin/sh")
    pip.write_text(f"#!{folder}/bin/python\necho pip 25.1 from {folder}/lib/pip '(python 3.13)'\n")
    stamp = folder / ".sandbox"
    stamp.touch()
    return stamp


def test_this_one_is_whole() -> None:
    assert is_whole(Path(sys.prefix, ".sandbox"))


def test_one_is_not_whole_any_more_where_it_was_moved_copied_or_not_finished(
    tmp_path: Path,
) -> None:
    stamp = finished(tmp_path / "first")
    copy = shutil.copytree(stamp.parent, tmp_path / "copy", symlinks=True)
    assert is_whole(stamp)
    assert not is_whole(copy / ".sandbox")

    moved = stamp.parent.rename(tmp_path / "moved")
    assert not is_whole(moved / ".sandbox")

    again = finished(tmp_path / "again")
    again.unlink()
    assert not is_whole(again)


def runs(folder: Path, enc: Path) -> None:
    """A .venv that was finished, and imports enc from there."""
    program(folder / ".venv/bin/python", f"echo {enc}")
    (folder / ".venv/.sandbox").touch()


def test_a_finished_one_that_does_not_run_is_looked_at_again(tmp_path: Path) -> None:
    runs(tmp_path, tmp_path / "elsewhere/enc")

    code, said = make(tmp_path, f"PYTHON={python_that(tmp_path, NO_ENSUREPIP)}", "run")

    assert code == 2
    assert "has no venv" in said


def test_a_finished_one_that_runs_is_kept(tmp_path: Path) -> None:
    runs(tmp_path, tmp_path / "enc")

    assert make(tmp_path, f"PYTHON={python_that(tmp_path, NO_ENSUREPIP)}", "run") == (0, "")


@pytest.mark.parametrize("name", ["VENV", "ROOT"])
def test_a_variable_of_the_environment_names_no_folder_of_ours(name: str) -> None:
    """Make would delete a VENV that is not whole, and it may be somebody's own."""
    env = {"PATH": os.environ["PATH"], name: "/precious"}
    done = subprocess.run(
        ["make", "-n", "venv"], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )

    assert "/precious" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("word", "said"), [("VENV=/mine", "/mine/bin"), ("ROOT=sid", "root.sh sid")]
)
def test_a_word_of_the_command_line_does(word: str, said: str) -> None:
    done = subprocess.run(
        ["make", "-n", "venv", word], cwd=ROOT, capture_output=True, text=True, check=True,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip

    assert said in done.stdout
