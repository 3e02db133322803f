"""The region as a WSGI application: control and metadata, then faults, then the work."""

from __future__ import annotations

import socket
import time
import traceback
from collections.abc import Iterable
from contextlib import suppress
from email.utils import format_datetime
from typing import Any

from tests.region import control, faults, imds, routes, world
from tests.region.state import State
from tests.region.wire import Reply, Request, read, refusal

CONTROL, IMDS = "/_region/", "/_imds/"


class CutError(Exception):
    """The connection is to be closed, after the answer's first half if there is one."""

    def __init__(self, half: Reply | None = None) -> None:
        super().__init__("cut by a scripted fault")
        self.half = half


class App:
    """Callable as WSGI. What kills a handler is kept in ``state.crashes``."""

    def __init__(self) -> None:
        self.state = State()
        world.install(self.state.free_addresses)
        self.state.reset()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            reply = self._respond(environ)
            return _send(reply, start_response, len(reply.body))
        except CutError as cut:
            if cut.half:
                return _send(cut.half, start_response, len(cut.half.body) // 2)
            _close(environ)
            raise ConnectionAbortedError(str(cut)) from None
        except BaseException:
            # werkzeug would leave the connection open and the client waiting for its time-out.
            self.state.crashes.append(traceback.format_exc())
            _close(environ)
            raise

    def _respond(self, environ: dict[str, Any]) -> Reply:
        path = environ.get("PATH_INFO", "")
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if path.startswith(CONTROL):
            return control.answer(self.state, path.removeprefix(CONTROL), body)
        if path.startswith(IMDS):
            return imds.answer(self.state, environ, path.removeprefix(IMDS))
        return self._call(environ, read(environ, body), body)

    def date(self) -> str:
        """For the Date header: EC2's clock."""
        return format_datetime(self.state.clock.wall(self.state.config.clock_skew_s), usegmt=True)

    def _call(self, environ: dict[str, Any], request: Request, body: bytes) -> Reply:
        with self.state.lock:
            fault = faults.pick(self.state.faults, request) or {}
            entry = _log(self.state, request)
        time.sleep(fault.get("latency_s", _latency(self.state, request)))
        error, cut = faults.error(fault), fault.get("cut")
        page = Reply(200, fault["page"].encode()) if "page" in fault else None
        if cut == "before":
            raise CutError
        if error and not fault.get("after"):
            return _noted(entry, refusal(request, error))
        if page and not fault.get("after"):
            return _noted(entry, page)
        with self.state.lock:
            reply = routes.work(self.state, environ, request, body)
        if cut:
            raise CutError(reply if cut == "half" else None)
        return _noted(entry, page or (refusal(request, error) if error else reply))


def _send(reply: Reply, start_response: Any, length: int) -> list[bytes]:
    size = ("Content-Length", str(len(reply.body)))
    start_response(f"{reply.status} Simulated", [*reply.headers, size])
    return [reply.body[:length]]


def _latency(state: State, request: Request) -> float:
    said = state.config.latency_s
    return said.get(request.action, said.get("*", 0.0))


def _log(state: State, request: Request) -> dict[str, Any]:
    entry = {
        "service": request.service,
        "region": request.region,
        "action": request.action,
        "params": {k: v for k, v in request.flat.items() if k not in ("Action", "Version")},
        "status": None,
    }
    state.calls.append(entry)
    return entry


def _noted(entry: dict[str, Any], reply: Reply) -> Reply:
    entry["status"] = reply.status
    return reply


def _close(environ: dict[str, Any]) -> None:
    with suppress(KeyError, OSError):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
