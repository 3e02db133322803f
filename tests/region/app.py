"""The region as a WSGI application: ours where EC2's manners matter, moto's for the rest."""

from __future__ import annotations

import socket
import time
import traceback
from collections.abc import Callable, Iterable
from contextlib import suppress
from email.utils import format_datetime
from typing import Any

from tests.region import (
    acts,
    capacity,
    control,
    faults,
    fleet,
    imds,
    launching,
    listing,
    templates,
    tokens,
    world,
)
from tests.region.state import State, Store
from tests.region.wire import ApiError, Reply, Request, read, refusal

Handler = Callable[[State, Store, Request], Reply]
HANDLERS: dict[str, Handler] = {
    "CreateFleet": fleet.create_fleet,
    "DeleteFleets": fleet.delete_fleets,
    "RunInstances": launching.run_instances,
    "DescribeInstances": listing.describe_instances,
    "DescribeInstanceStatus": listing.describe_status,
    "DescribeInstanceAttribute": listing.describe_attribute,
    "ModifyInstanceAttribute": acts.modify_attribute,
    "TerminateInstances": acts.terminate_instances,
    "StopInstances": acts.stop_instances,
    "StartInstances": acts.start_instances,
    "RebootInstances": acts.reboot_instances,
    "DescribeLaunchTemplates": templates.describe,
}
# moto would do these with machines of its own, which nobody would see.
REFUSED = {"RequestSpotInstances", "RequestSpotFleet", "ModifyFleet", "CreateReplaceRootVolumeTask"}


class App:
    """Callable as WSGI. A handler that dies is kept in ``state.crashes``."""

    def __init__(self) -> None:
        self.state = State()
        world.install(self.state.free_addresses)
        self.state.reset()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            status, headers, body = self._respond(environ)
        except BaseException:
            # werkzeug would leave the connection open and the client waiting for its time-out.
            self.state.crashes.append(traceback.format_exc())
            _cut(environ)
            raise
        if body is None:
            _cut(environ)
            raise ConnectionAbortedError("cut by a scripted fault")
        headers.append(("Date", self._date()))
        start_response(f"{status} Simulated", headers)
        return [body]

    def _respond(self, environ: dict[str, Any]) -> tuple[int, list[tuple[str, str]], bytes | None]:
        path = environ.get("PATH_INFO", "")
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if path.startswith("/_region/"):
            return control.answer(self.state, path.removeprefix("/_region/"), body)
        if path.startswith("/_imds/"):
            return imds.answer(self.state, environ, path.removeprefix("/_imds/"))
        return self._call(environ, read(environ, body), body)

    def _date(self) -> str:
        return format_datetime(self.state.clock.wall(self.state.config.clock_skew_s), usegmt=True)

    def _call(
        self, environ: dict[str, Any], request: Request, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes | None]:
        with self.state.lock:
            fault = faults.pick(self.state.faults, request) or {}
            entry = _log(self.state, request)
        time.sleep(fault.get("latency_s", _latency(self.state, request)))
        cut, error = fault.get("cut"), faults.error(fault)
        if cut == "before":
            return 0, [], None
        if error and not fault.get("after"):
            return _said(entry, refusal(request, error))
        with self.state.lock:
            reply, headers = self._work(environ, request, body)
        if cut == "after":
            return 0, [], None
        if error:
            return _said(entry, refusal(request, error))
        return _said(entry, reply, headers, half=cut == "half")

    def _work(
        self, environ: dict[str, Any], request: Request, body: bytes
    ) -> tuple[Reply, list[tuple[str, str]]]:
        extra: list[tuple[str, str]] = []

        def work() -> Reply:
            handler = self._handler(request)
            if handler:
                return handler(self.state, self._settled(request.region), request)
            status, headers, content = world.call(environ, body)
            extra.extend(headers)
            return Reply(status, content, "")

        try:
            _allowed(request)
            return tokens.once(self.state, request, work), extra
        except ApiError as error:
            return refusal(request, error), []
        finally:
            if request.service == "ec2" and request.action.startswith("CreateLaunchTemplate"):
                templates.born(self.state, self.state.store(request.region))

    def _settled(self, region: str) -> Store:
        now, store = self.state.clock.now(), self.state.store(region)
        store.settle(now)
        capacity.arrive(self.state.config, now)
        return store

    def _handler(self, request: Request) -> Handler | None:
        if request.service != "ec2":
            return None
        if request.action in ("CreateLaunchTemplate", "CreateLaunchTemplateVersion"):
            templates.check(request)
        if request.action in ("CreateTags", "DeleteTags"):
            ours = acts.ours(request.params.get("Resources") or [])
            act = acts.create_tags if request.action == "CreateTags" else acts.delete_tags
            return act if ours else None
        if request.action == "DescribeTags":
            return listing.describe_tags if _about_machines(request) else None
        return HANDLERS.get(request.action)


def _about_machines(request: Request) -> bool:
    said = {each["Name"]: each.get("Values") or [] for each in request.params.get("Filters") or []}
    ids = said.get("resource-id", [])
    kinds = {"instance", "volume", "network-interface"}
    return bool(kinds & set(said.get("resource-type", []))) or any(
        each.startswith(("i-", "vol-", "eni-")) for each in ids
    )


def _allowed(request: Request) -> None:
    if request.service == "ec2" and request.region not in world.regions():
        text = "AWS was not able to validate the provided access credentials"
        raise ApiError("AuthFailure", text)
    if request.service == "ec2" and request.action in REFUSED:
        text = f"The simulated region does not do {request.action}."
        raise ApiError("UnsupportedOperation", text)


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


def _said(
    entry: dict[str, Any],
    reply: Reply,
    headers: list[tuple[str, str]] | None = None,
    *,
    half: bool = False,
) -> tuple[int, list[tuple[str, str]], bytes]:
    """``half``: the length of the whole answer, and half of it."""
    entry["status"] = reply.status
    lost = {"content-length", "date", "server"}
    kept = [each for each in headers or [] if each[0].lower() not in lost]
    if not kept:
        kept = [("Content-Type", reply.content_type)]
    kept.append(("Content-Length", str(len(reply.body))))
    return reply.status, kept, reply.body[: len(reply.body) // 2] if half else reply.body


def _cut(environ: dict[str, Any]) -> None:
    with suppress(KeyError, OSError):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
