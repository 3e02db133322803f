"""ClientTokens: the same request twice makes one thing.

https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import replace

from tests.region.state import State
from tests.region.wire import ApiError, Reply, Request

ACTIONS = {"CreateFleet", "RunInstances", "CreateLaunchTemplate", "CreateLaunchTemplateVersion"}
TOKEN_LENGTH = 64
_INSTANCE = re.compile(rb"<instanceId>(i-[0-9a-f]+)</instanceId>")
_LISTS = re.compile(rb"<(errorSet|fleetInstanceSet)>.*?</\1>", re.DOTALL)


def once(state: State, request: Request, work: Callable[[], Reply]) -> Reply:
    """The answer, or the one that an identical request with the same token got."""
    token = request.flat.get("ClientToken")
    if request.service != "ec2" or request.action not in ACTIONS or not token or request.dry_run:
        return work()
    if len(token) > TOKEN_LENGTH or not token.isascii():
        raise ApiError("InvalidParameterValue", f"Invalid client token: {token}")
    key = (request.region, request.action, token)
    signature = _signature(request)
    if key in state.tokens:
        return _replay(state, request, *state.tokens[key], signature)
    reply = work()
    if reply.status == 200:
        state.tokens[key] = (signature, reply)
    return reply


def _signature(request: Request) -> str:
    return hashlib.sha256(json.dumps(sorted(request.flat.items())).encode()).hexdigest()


def _replay(state: State, request: Request, first: str, reply: Reply, signature: str) -> Reply:
    if first != signature:
        raise ApiError(
            "IdempotentParameterMismatch",
            "Arguments on this idempotent request are inconsistent with arguments used in "
            "previous request(s).",
        )
    if request.action == "RunInstances":
        _still_there(state, request, reply)
    if request.action == "CreateFleet" and not state.config.replay_lists:
        return replace(reply, body=_LISTS.sub(rb"<\1/>", reply.body))
    return reply


def _still_there(state: State, request: Request, reply: Reply) -> None:
    machines = state.store(request.region).machines
    ids = [each.decode() for each in _INSTANCE.findall(reply.body)]
    if ids and all(machines[each].gone for each in ids):
        text = f"The client token {request.flat['ClientToken']} belongs to a terminated instance."
        raise ApiError("IdempotentInstanceTerminated", text)
