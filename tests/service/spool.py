"""The spool of reports as the report processor fills it, and the script that empties it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.service.autosign_script import environment
from tests.service.enc_script import KILLED_AFTER, PYTHON, Run

SCRIPT = Path(__file__).parents[2] / "puppet/rolecall/files/ship-reports"
COMMAND = [PYTHON, "-I", "-S", str(SCRIPT)]
FIRST = "20261124T010000.000000001.jsonl"
SECOND = "20261124T010000.000000002.jsonl"
THIRD = "20261124T020000.000000000.jsonl"


def line(number: int, **members: object) -> bytes:
    """A summary, by its number; the shipper looks at the certname at most."""
    return json.dumps({"version": 1, "certname": "i-0abc", "number": number} | members).encode()


def fill(file: Path, numbers: Sequence[int]) -> None:
    with file.open("ab") as out:
        out.writelines(line(number) + b"\n" for number in numbers)


def write(spool: Path, text: bytes) -> None:
    """As the processor does: one write, and once more if the file was taken away meanwhile."""
    while True:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        file = os.open(spool / "incoming", flags, 0o640)
        try:
            os.write(file, text + b"\n")
            if os.fstat(file).st_ino == _inode(spool / "incoming"):
                return
        finally:
            os.close(file)


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def run_ship(
    spool: Path | str,
    *arguments: str,
    url: str = "",
    within: Sequence[str] = (),
    **settings: object,
) -> Run:
    begun = time.monotonic()
    done = subprocess.run(
        [*within, *COMMAND, *arguments],
        env=environment(spool=spool, url=url or "unix:/nonexistent", **settings),
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=KILLED_AFTER,
        check=False,
    )
    seconds = time.monotonic() - begun
    return Run(done.returncode, done.stdout, done.stderr.decode("ascii"), seconds)


def start_ship(
    spool: Path, *arguments: str, url: str, within: Sequence[str] = (), **settings: object
) -> subprocess.Popen:
    return subprocess.Popen(
        [*within, *COMMAND, *arguments],
        env=environment(spool=spool, url=url, **settings),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def left(spool: Path) -> list[str]:
    """What waits there."""
    names = sorted(path.name for path in spool.iterdir())
    return [name for name in names if name == "incoming" or name.endswith(".jsonl")]
