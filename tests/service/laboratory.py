"""One table of misbehaviours for every client of /v1/enc: what is tried, and what must come of it.

The script and the node terminus run through the very same cases; each brings how it asks.
"""

from __future__ import annotations

import itertools
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from tests.service.certificates import Authority, as_puppets_own, server_context
from tests.service.enc_script import keep
from tests.service.misbehaving import serve
from tests.service.misbehaviours import (
    DEFINITE,
    LATE,
    NODE,
    NOT_WHOLE,
    RESETS,
    TABLE,
    WHOLE,
    WHOLE_ANSWERS,
    Misbehaviour,
    Outcome,
)

# What the cache holds: not what the service says, so that it shows where an answer comes from.
EARLIER = WHOLE.replace(b"pdf2swf", b"earlier")
SHORT_TIMEOUT = 0.4
# The machine is used by others as well: the strict bounds are tried elsewhere.
LONG_TIMEOUT = 15
SLACK = 5
TRANSPORTS = ["unix", "http", "https"]
# TCP differs from a unix socket in how it is reached and reset; TLS also in how it ends.
TRIED = [
    *itertools.product(["unix"], TABLE),
    *itertools.product(["http"], WHOLE_ANSWERS + DEFINITE + RESETS),
    *itertools.product(["https"], WHOLE_ANSWERS + DEFINITE + NOT_WHOLE + RESETS + LATE),
]

# What a client's way of asking returns.
Run = TypeVar("Run")


@dataclass(frozen=True)
class Tried(Generic[Run]):
    run: Run
    # What the cache holds afterwards.
    kept: bytes | None
    requests: list[bytes]


@dataclass(frozen=True)
class Laboratory:
    """Folder and certificates to try a misbehaviour with."""

    folder: Path
    tls_settings: dict[str, object]
    tls_context: ssl.SSLContext

    @classmethod
    def below(cls, folder: Path) -> Laboratory:
        authority = Authority(folder, "authority")
        client = authority.issue("puppet", key=as_puppets_own())
        server = authority.issue("enc", "localhost")
        settings = {"ca": authority.file, "cert": client.cert, "key": client.key}
        return cls(folder, settings, server_context(server, authority))

    def attempt(
        self, ask: Callable[..., Run], transport: str, case: Misbehaviour, *, cached: bool = True
    ) -> Tried[Run]:
        """`ask` takes a node and settings."""
        folder = self.folder / f"{transport}-{TABLE.index(case)}-{cached}"
        (cache := folder / "cache").mkdir(parents=True)
        file = keep(cache, NODE, EARLIER) if cached else cache / NODE
        timeout = SHORT_TIMEOUT if case.late else LONG_TIMEOUT
        tls = self.tls_context if transport == "https" else None
        with serve(case.acts, transport, folder, tls) as server:
            run = ask(NODE, url=server.url, cache=cache, timeout=timeout, **self.tls_settings)
        kept = file.read_bytes() if file.exists() else None
        return Tried(run, kept, server.requests)


def answer_to(case: Misbehaviour, *, cached: bool) -> bytes:
    """What the client has to take for the answer; nothing where it has to fail."""
    return EARLIER if cached and case.outcome is Outcome.NO_ANSWER else case.text


def kept_after(case: Misbehaviour) -> bytes | None:
    """A whole answer is kept, a retired node's is dropped, and all else leaves the cache alone."""
    return {Outcome.ANSWERED: case.text, Outcome.RETIRED: None}.get(case.outcome, EARLIER)


def seconds_for(case: Misbehaviour) -> float:
    return SHORT_TIMEOUT + SLACK if case.late else LONG_TIMEOUT


def named(case: Misbehaviour | str) -> str:
    return case if isinstance(case, str) else case.name.replace(" ", "-")
