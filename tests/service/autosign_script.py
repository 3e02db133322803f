"""Runs the autosign script as puppetserver does: a certname, a request on stdin, cwd /."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.service.enc_script import KILLED_AFTER, PYTHON, SURROUNDINGS, Run
from tests.service.misbehaviours import NODE
from tests.service.misframings import Answer

SCRIPT = Path(__file__).parents[2] / "puppet/rolecall/files/autosign"
COMMAND = [PYTHON, "-I", "-S", str(SCRIPT)]
# The script never looks inside: whether it is one is the service's to say.
REQUEST = b"-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n"
SIGN = Answer(f"sign {NODE}\n".encode(), "text/plain; charset=utf-8")


def environment(**settings: object) -> dict[str, str]:
    """Settings are given as ENC_<KEY>; the machine's own enc.conf is kept out."""
    plain = {"ENC_CONF": "/nonexistent/enc.conf"}
    return (
        plain | SURROUNDINGS | {f"ENC_{key.upper()}": str(value) for key, value in settings.items()}
    )


def run_autosign(
    *arguments: str | bytes,
    request: bytes | int = REQUEST,
    within: Sequence[str] = (),
    **settings: object,
) -> Run:
    """`request` is what stdin holds, or a file to read it from; `within` runs a command."""
    stdin = {"stdin": request} if isinstance(request, int) else {"input": request}
    begun = time.monotonic()
    done = subprocess.run(
        [*within, *COMMAND, *arguments],
        **stdin,
        env=environment(**settings),
        cwd="/",
        capture_output=True,
        timeout=KILLED_AFTER,
        check=False,
    )
    seconds = time.monotonic() - begun
    return Run(done.returncode, done.stdout, done.stderr.decode("ascii"), seconds)
