"""Asking Puppet's services over HTTPS: our certificate, every wait bounded, one message for a no.

What is not an answer in full is a PuppetError; what an answer means, the adapters say.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from threading import Lock
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from provisioner.adapters.tls import FileError, Tls, explained
from provisioner.adapters.watch import Watch, WatchedAdapter
from provisioner.ports.errors import PuppetError, Refusal

_CHUNK = 65536
_EXCERPT = 200  # characters of an answer that a message shows
_SERVER_ERRORS = 500
_REFUSALS: Mapping[int, Refusal] = {
    HTTPStatus.UNAUTHORIZED: Refusal.DENIED,
    HTTPStatus.FORBIDDEN: Refusal.DENIED,
    HTTPStatus.NOT_FOUND: Refusal.MISSING,
    HTTPStatus.CONFLICT: Refusal.CONFLICT,
    HTTPStatus.TOO_MANY_REQUESTS: Refusal.ILL,
}


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """In seconds and bytes. ``read`` is between two bytes, ``whole`` from the call to its end.

    A CA rewrites its whole revocation list for each revocation, which takes seconds where it is
    long. A server that does not filter lists every certificate: some 700 bytes each.
    """

    connect: float = 5.0
    read: float = 30.0
    whole: float = 60.0
    size: int = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    reason: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def excerpt(self) -> str:
        """Its status and the beginning of its text, on one line that a terminal may show."""
        text = self.body[: 4 * _EXCERPT].decode("utf-8", "replace")
        printable = "".join(c if c.isprintable() else " " for c in text)
        said = " ".join(printable.split())[:_EXCERPT]
        status = f"{self.status} {self.reason}".strip()
        return f"{status}: {said}" if said else status


class Caller:
    """One service. Nothing is read or connected before the first call; may be used by threads."""

    def __init__(
        self, service: str, url: str, tls: Tls | None, bounds: Bounds | None = None
    ) -> None:
        self._name, self._url, self._tls = f"{service} ({url})", url, tls
        self._bounds = bounds or Bounds()
        self._session: requests.Session | None = None
        self._lock = Lock()

    def ask(
        self,
        act: str,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Answer:
        """Ask once and return the whole answer, of whatever status.

        ``act`` says in messages what it is for. ``body`` is sent as JSON. Raises PuppetError: AWAY,
        DENIED (TLS, or a file of ours) or UNEXPECTED (a size without end).
        """
        asked = requests.Request(method, self._url + path, params=query, json=body)
        session = self._ready(act)
        with Watch(self._bounds.whole) as watch:
            try:
                answer = self._whole(act, session, asked)
            except (requests.RequestException, HTTPError, OSError) as error:
                raise self._unanswered(act, error, late=watch.cut) from error
        # An answer of no given length looks whole when it is cut.
        if watch.cut:
            raise self._late(act)
        return answer

    def no(self, act: str, answer: Answer, *, hint: str = "") -> PuppetError:
        """The error that an answer is which was not hoped for."""
        ill = answer.status >= _SERVER_ERRORS
        refusal = _REFUSALS.get(answer.status, Refusal.ILL if ill else Refusal.UNEXPECTED)
        return self.error(refusal, act, answer.excerpt, hint=hint)

    def error(self, refusal: Refusal, act: str, why: str, *, hint: str = "") -> PuppetError:
        return PuppetError(refusal, f"{self._name}: {act}: {why}", hint=hint)

    def _whole(self, act: str, session: requests.Session, asked: requests.Request) -> Answer:
        response = session.send(
            session.prepare_request(asked),
            timeout=(self._bounds.connect, self._bounds.read),
            allow_redirects=False,
            stream=True,
            # Never True: requests would add the public CAs to Puppet's own.
            verify=self._tls.ca if self._tls else False,
        )
        with closing(response):
            return Answer(
                status=response.status_code,
                reason=response.reason or "",
                headers=response.headers,
                body=self._read(act, response),
            )

    def _read(self, act: str, response: requests.Response) -> bytes:
        """As it was sent: an answer that unpacks itself could grow without end."""
        body = bytearray()
        for chunk in response.raw.stream(_CHUNK, decode_content=False):
            body += chunk
            if len(body) > self._bounds.size:
                why = f"an answer of more than {self._bounds.size} bytes"
                raise self.error(Refusal.UNEXPECTED, act, why)
        return bytes(body)

    def _ready(self, act: str) -> requests.Session:
        with self._lock:
            if self._session is None:
                self._session = _session(self._context(act))
            return self._session

    def _context(self, act: str) -> ssl.SSLContext | None:
        if self._tls is None:
            return None
        try:
            return self._tls.context()
        except FileError as error:
            raise self.error(Refusal.DENIED, act, str(error)) from error

    def _late(self, act: str) -> PuppetError:
        return self.error(Refusal.AWAY, act, f"no whole answer within {self._bounds.whole:g} s")

    def _unanswered(self, act: str, error: Exception, *, late: bool) -> PuppetError:
        root = _root(error)
        if late:
            return self._late(act)
        if isinstance(root, ssl.SSLError):
            refusal, why, hint = explained(root)
            return self.error(refusal, act, why, hint=hint)
        return self.error(Refusal.AWAY, act, self._silence(error, root))

    def _silence(self, error: Exception, root: BaseException) -> str:
        if isinstance(error, requests.ConnectTimeout):
            return f"no connection within {self._bounds.connect:g} s"
        if isinstance(root, TimeoutError) or isinstance(error, requests.ReadTimeout):
            # The handshake has the time of the connection, and fails as reading does.
            within = f"{self._bounds.connect:g} s to connect, {self._bounds.read:g} s for more"
            return f"no answer in time ({within})"
        return getattr(root, "strerror", None) or str(root) or type(root).__name__


def _session(context: ssl.SSLContext | None) -> requests.Session:
    session = requests.Session()
    # Neither proxies nor .netrc nor another CA out of the environment.
    session.trust_env = False
    session.headers.update(
        {
            "Accept": "application/json, text/plain;q=0.9",
            "Accept-Encoding": "identity",
            "User-Agent": "rolecall",
        }
    )
    for scheme in ("https://", "http://"):
        session.mount(scheme, WatchedAdapter(context))
    return session


def _root(error: BaseException) -> BaseException:
    """What requests and urllib3 have wrapped, each in its own way.

    Not __context__: that may be an error which our caller was just dealing with.
    """
    for inner in (getattr(error, "reason", None), *error.args, error.__cause__):
        if isinstance(inner, BaseException):
            return _root(inner)
    return error
