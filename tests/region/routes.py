"""Who answers which action: ours where EC2's manners matter, moto for the rest."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.region import (
    acts,
    capacity,
    documented,
    fleet,
    launching,
    listing,
    policy,
    service_roles,
    templates,
    tokens,
    world,
)
from tests.region.state import State, Store
from tests.region.wire import ApiError, Reply, Request, refusal

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
ON_TAGS: dict[str, Handler] = {"CreateTags": acts.create_tags, "DeleteTags": acts.delete_tags}
# moto would do these with machines of its own, which nobody would see.
REFUSED = {"RequestSpotInstances", "RequestSpotFleet", "ModifyFleet", "ImportInstance"}
REGIONAL = {"ec2", "ssm", "sqs", "events"}
_OWNED = {"instance": "i-", "volume": "vol-", "network-interface": "eni-"}


def work(state: State, environ: dict[str, Any], request: Request, body: bytes) -> Reply:
    """The answer, good or bad. Under the state's lock."""
    try:
        _allowed(request)
        return tokens.once(state, request, lambda: _route(state, environ, request, body))
    except ApiError as error:
        return refusal(request, error)


def _route(state: State, environ: dict[str, Any], request: Request, body: bytes) -> Reply:
    if request.service == "iam" and service_roles.about(request):
        return service_roles.answer(state, request)
    if request.service != "ec2":
        return _moto(environ, _at_once(request, body))
    documented.check(request)
    now, store = state.clock.now(), state.store(request.region)
    store.settle(now)
    capacity.arrive(state.config, now)
    policy.check(state, store, request)
    if handler := _handler(request):
        return handler(state, store, request)
    templates.check(store, request)
    reply = _moto(environ, body)
    templates.note_births(store, now)
    return reply


def _at_once(request: Request, body: bytes) -> bytes:
    """So that moto waits for nothing under our lock. Its queue is one server: empty is empty."""
    if request.action != "ReceiveMessage" or not request.json_protocol:
        return body
    return json.dumps({**json.loads(body), "WaitTimeSeconds": 0}).encode()


def _moto(environ: dict[str, Any], body: bytes) -> Reply:
    status, headers, content = world.call(environ, body)
    set_by_us = {"content-length", "date", "server"}
    kept = tuple(each for each in headers if each[0].lower() not in set_by_us)
    return Reply(status, content, kept)


def _handler(request: Request) -> Handler | None:
    if request.action in ON_TAGS:
        ours = acts.ours(request.params.get("Resources") or [])
        return ON_TAGS[request.action] if ours else None
    if request.action == "DescribeTags":
        return listing.describe_tags if _about_machines(request) else None
    return HANDLERS.get(request.action)


def _about_machines(request: Request) -> bool:
    said = {each["Name"]: each.get("Values") or [] for each in request.params.get("Filters") or []}
    kinds = set(said.get("resource-type", [])) & set(_OWNED)
    return bool(kinds) or any(
        each.startswith(tuple(_OWNED.values())) for each in said.get("resource-id", [])
    )


def _allowed(request: Request) -> None:
    if request.service in REGIONAL and request.region not in world.regions():
        text = "AWS was not able to validate the provided access credentials"
        raise ApiError("AuthFailure", text)
    if request.service == "ec2" and request.action in REFUSED:
        text = f"The simulated region does not do {request.action}."
        raise ApiError("UnsupportedOperation", text)
