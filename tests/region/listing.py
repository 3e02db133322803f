"""DescribeInstances and its kin: filters, pages, and what a young machine hides."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from tests.region.launching import dry_run
from tests.region.machines import CODES, Machine
from tests.region.state import State, Store, not_found
from tests.region.views import (
    private_dns,
    public_dns,
    public_ip,
    reservations,
    tag_set,
)
from tests.region.views import (
    state as state_view,
)
from tests.region.wire import ApiError, Reply, Request, answer, timestamp
from tests.region.world import ACCOUNT

PAGE_MIN, PAGE_MAX = 5, 1000
VALUES_MAX = 200
T = TypeVar("T")
Value = str | list[str] | None

FILTERS: dict[str, Callable[[Machine, float], Value]] = {
    "architecture": lambda each, now: each.spec.architecture,
    "availability-zone": lambda each, now: each.spec.pool.zone,
    "client-token": lambda each, now: each.token,
    "dns-name": public_dns,
    "iam-instance-profile.arn": lambda each, now: (
        f"arn:aws:iam::{ACCOUNT}:instance-profile/{each.spec.profile}"
        if each.spec.profile
        else None
    ),
    "image-id": lambda each, now: each.spec.image,
    "instance-id": lambda each, now: each.id,
    "instance-lifecycle": lambda each, now: "spot" if each.spec.pool.market == "spot" else None,
    "instance-state-code": lambda each, now: str(CODES[each.state]),
    "instance-state-name": lambda each, now: each.state,
    "instance-type": lambda each, now: each.spec.pool.instance_type,
    "instance.group-id": lambda each, now: [key for key, _ in each.spec.groups],
    "instance.group-name": lambda each, now: [name for _, name in each.spec.groups],
    "ip-address": lambda each, now: public_ip(each),
    "ipv6-address": lambda each, now: each.ipv6_address(now),
    "key-name": lambda each, now: each.spec.key_name,
    "launch-time": lambda each, now: timestamp(each.launched_at),
    "owner-id": lambda each, now: ACCOUNT,
    "private-dns-name": private_dns,
    "private-ip-address": lambda each, now: each.address(now),
    "reservation-id": lambda each, now: each.reservation,
    "spot-instance-request-id": lambda each, now: each.spot_request,
    "state-reason-code": lambda each, now: each.state_reason[0] if each.state_reason else None,
    "subnet-id": lambda each, now: None if each.gone else each.spec.subnet,
    "tag-key": lambda each, now: list(each.tags),
    "vpc-id": lambda each, now: None if each.gone else each.spec.vpc,
}


def describe_instances(state: State, store: Store, request: Request) -> Reply:
    params, now = request.params, state.clock.now()
    if params.get("InstanceIds") and params.get("MaxResults"):
        text = "The parameter instancesSet cannot be used with the parameter maxResults"
        raise ApiError("InvalidParameterCombination", text)
    found = _found(state, store, params, now)
    matching = filtered(found, params.get("Filters") or [], now)
    if request.dry_run:
        raise dry_run()
    page, token = paged(matching, params, floor=PAGE_MIN)
    content = {"reservationSet": reservations(page, now), "nextToken": token}
    return answer("DescribeInstances", content)


def _found(state: State, store: Store, params: dict[str, Any], now: float) -> list[Machine]:
    if ids := params.get("InstanceIds"):
        return _by_id(state, store, ids, now)
    if state.config.disrupted_zones:
        raise ApiError("InternalError", "An internal error has occurred")
    return [each for each in store.known(now) if now >= each.listed_at]


def _by_id(state: State, store: Store, ids: list[str], now: float) -> list[Machine]:
    """A question by id may not know yet what was just launched; asking counts."""
    machines = store.find(ids, now)
    young = [each for each in machines if each.unknown_n > 0 or now < each.known_at]
    for each in young:
        each.unknown_n = max(0, each.unknown_n - 1)
    if young:
        raise not_found([each.id for each in young])
    if any(each.spec.pool.zone in state.config.disrupted_zones for each in machines):
        raise ApiError("InternalError", "An internal error has occurred")
    return machines


def filtered(machines: list[Machine], filters: list[dict[str, Any]], now: float) -> list[Machine]:
    """A machine passes when each filter has a value that fits; * and ? are wild."""
    for each in filters:
        _check(each)
    return [machine for machine in machines if all(_passes(machine, each, now) for each in filters)]


def _check(said: dict[str, Any]) -> None:
    name = said.get("Name", "null")
    if name not in FILTERS and not name.startswith("tag:"):
        raise ApiError("InvalidParameterValue", f"The filter '{name}' is invalid")
    if len(said.get("Values") or []) > VALUES_MAX:
        text = f"The maximum number of filter values specified on a single call is {VALUES_MAX}"
        raise ApiError("FilterLimitExceeded", text)


def _passes(machine: Machine, said: dict[str, Any], now: float) -> bool:
    name, patterns = said["Name"], said.get("Values") or []
    if name.startswith("tag:"):
        value: Value = machine.tags.get(name.removeprefix("tag:"))
    else:
        value = FILTERS[name](machine, now)
    if value is None:
        return False
    values = value if isinstance(value, list) else [value]
    return any(_fits(each, pattern) for each in values for pattern in patterns)


def _fits(value: str, pattern: str) -> bool:
    return value == pattern or fnmatchcase(value, pattern.replace("[", "[[]"))


def paged(found: list[T], params: dict[str, Any], *, floor: int) -> tuple[list[T], str | None]:
    """A page, and the token of the next. Without MaxResults there is one page."""
    size, token = params.get("MaxResults"), params.get("NextToken")
    start = _start(token) if token else 0
    if size is None:
        return found[start:], None
    if not floor <= size <= PAGE_MAX:
        text = f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value greater "
        raise ApiError("InvalidParameterValue", f"{text}than {floor} and less than {PAGE_MAX}.")
    rest = start + size < len(found)
    following = base64.b64encode(f"from:{start + size}".encode()).decode() if rest else None
    return found[start : start + size], following


def _start(token: str) -> int:
    try:
        return int(base64.b64decode(token).decode().removeprefix("from:"))
    except (binascii.Error, ValueError):
        raise ApiError("InvalidNextToken", "The token is invalid.") from None


def describe_status(state: State, store: Store, request: Request) -> Reply:
    params, now = request.params, state.clock.now()
    found = _found(state, store, params, now)
    if not params.get("IncludeAllInstances"):
        found = [each for each in found if each.state == "running"]
    known = {"availability-zone", "instance-state-name", "instance-state-code", "tag-key"}
    for each in params.get("Filters") or []:
        if each["Name"] not in known and not each["Name"].startswith("tag:"):
            raise ApiError("InvalidParameterValue", f"The filter '{each['Name']}' is invalid")
    matching = filtered(found, params.get("Filters") or [], now)
    page, token = paged(matching, params, floor=PAGE_MIN)
    content = {"instanceStatusSet": [_status(each) for each in page], "nextToken": token}
    return answer("DescribeInstanceStatus", content)


def _status(machine: Machine) -> dict[str, Any]:
    well = {"status": "ok" if machine.state == "running" else "not-applicable"}
    return {
        "instanceId": machine.id,
        "availabilityZone": machine.spec.pool.zone,
        "instanceState": state_view(machine.state),
        "systemStatus": well,
        "instanceStatus": well,
    }


def describe_attribute(state: State, store: Store, request: Request) -> Reply:
    (machine,) = _by_id(state, store, [request.params["InstanceId"]], state.clock.now())
    wanted, spec = request.params["Attribute"], machine.spec
    values: dict[str, Any] = {
        "userData": {"value": spec.user_data} if spec.user_data else {},
        "instanceInitiatedShutdownBehavior": {"value": spec.shutdown_behavior},
        "disableApiTermination": {"value": machine.protected},
        "instanceType": {"value": spec.pool.instance_type},
    }
    if wanted not in values:
        text = f"The simulated region does not show {wanted}."
        raise ApiError("UnsupportedOperation", text)
    content = {"instanceId": machine.id, wanted: values[wanted]}
    return answer("DescribeInstanceAttribute", content)


def describe_tags(state: State, store: Store, request: Request) -> Reply:
    """Of machines, their volumes and interfaces; the tags of all else are moto's."""
    rows = [row for each in store.known(state.clock.now()) for row in _tags(each)]
    names = {
        "key": "key", "value": "value", "resource-id": "resourceId", "resource-type": "resourceType"
    }  # fmt: skip
    for said in request.params.get("Filters") or []:
        if said["Name"] not in names:
            raise ApiError("InvalidParameterValue", f"The filter '{said['Name']}' is invalid")
        key, patterns = names[said["Name"]], said.get("Values") or []
        rows = [row for row in rows if any(_fits(row[key], pattern) for pattern in patterns)]
    page, token = paged(rows, request.params, floor=PAGE_MIN)
    return answer("DescribeTags", {"tagSet": page, "nextToken": token})


def _tags(machine: Machine) -> Iterator[dict[str, str]]:
    owned = [(machine.id, "instance", machine.tags)]
    spec = machine.spec.tags
    owned += [
        (f"vol-{number}{machine.id[3:]}", "volume", spec.get("volume", {}))
        for number in range(len(machine.spec.volumes))
    ]
    owned.append((f"eni-{machine.id[2:]}", "network-interface", spec.get("network-interface", {})))
    for key, kind, tags in owned:
        for row in tag_set(tags):
            yield {"resourceId": key, "resourceType": kind, **row}
