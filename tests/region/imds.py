"""The instance metadata service of each machine, under ``/_imds/<instance-id>/``.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any

from tests.region.machines import Machine
from tests.region.state import State
from tests.region.views import private_dns, public_dns, public_ip
from tests.region.wire import Reply
from tests.region.world import ACCOUNT

TTL_MAX = 21600
# Each version is served under its date too, and to us they are all one:
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
VERSION = re.compile(r"^\d{4}-\d\d-\d\d(/|$)")
IDENTITY = "latest/dynamic/instance-identity"
PLAIN = (("Content-Type", "text/plain"),)


def answer(state: State, environ: dict[str, Any], path: str) -> Reply:
    instance_id, _, wanted = path.partition("/")
    wanted = VERSION.sub(r"latest\1", wanted)
    with state.lock:
        for store in state.stores.values():
            store.settle(state.clock.now())
            if instance_id in store.machines:
                return _answer(state, store.machines[instance_id], environ, wanted)
    return _text(404, "no such machine")


def _answer(state: State, machine: Machine, environ: dict[str, Any], wanted: str) -> Reply:
    if machine.state != "running":
        return _text(503, "the machine is not running")
    if wanted == "latest/api/token":
        return _token(machine, environ)
    if not _trusted(machine, environ):
        return _text(401, "")
    return _read(machine, state, wanted)


def _trusted(machine: Machine, environ: dict[str, Any]) -> bool:
    """A wrong token is refused even where none is needed."""
    said = environ.get("HTTP_X_AWS_EC2_METADATA_TOKEN")
    required = machine.spec.metadata.get("HttpTokens") == "required"
    return said == _secret(machine) or (said is None and not required)


def _read(machine: Machine, state: State, wanted: str) -> Reply:
    if wanted == "latest/user-data":
        raw = base64.b64decode(machine.spec.user_data or "")
        return _bytes(200, raw) if raw else _text(404, "")
    if wanted == f"{IDENTITY}/document":
        return _text(200, json.dumps(_document(machine)))
    if wanted.rstrip("/") == IDENTITY:
        return _text(200, "document")
    if wanted.startswith("latest/meta-data"):
        return _meta(machine, state, wanted.removeprefix("latest/meta-data").strip("/"))
    return _text(404, "")


def _token(machine: Machine, environ: dict[str, Any]) -> Reply:
    ttl = environ.get("HTTP_X_AWS_EC2_METADATA_TOKEN_TTL_SECONDS", "")
    if environ["REQUEST_METHOD"] != "PUT":
        return _text(405, "")
    if not ttl.isdigit() or not 0 < int(ttl) <= TTL_MAX:
        return _text(400, "")
    headers = (*PLAIN, ("X-aws-ec2-metadata-token-ttl-seconds", ttl))
    return Reply(200, _secret(machine).encode(), headers)


def _secret(machine: Machine) -> str:
    return base64.b64encode(hashlib.sha256(machine.id.encode()).digest()).decode()


def _meta(machine: Machine, state: State, key: str) -> Reply:
    """A leaf's text, or a folder's list, where folders end in a slash."""
    leaves = _leaves(machine, state.clock.now())
    if key in leaves:
        return _text(200, leaves[key])
    prefix = f"{key}/" if key else ""
    inner = [each.removeprefix(prefix) for each in leaves if each.startswith(prefix)]
    names = {each.split("/")[0] + ("/" if "/" in each else "") for each in inner}
    return _text(200, "\n".join(sorted(names))) if names else _text(404, "")


def _leaves(machine: Machine, now: float) -> dict[str, str]:
    spec = machine.spec
    name = private_dns(machine, now)
    found = {
        "ami-id": spec.image,
        "ami-launch-index": str(machine.index),
        "hostname": name,
        "instance-id": machine.id,
        "instance-life-cycle": spec.pool.market,
        "instance-type": spec.pool.instance_type,
        "local-hostname": name,
        "local-ipv4": machine.private_ip,
        "placement/availability-zone": spec.pool.zone,
        "placement/region": machine.region,
        "public-hostname": public_dns(machine, now),
        "public-ipv4": public_ip(machine),
        "reservation-id": machine.reservation,
        "security-groups": "\n".join(name for _, name in spec.groups),
    }
    if machine.notice:
        action, at = machine.notice
        said = {"action": action, "time": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
        found["spot/instance-action"] = json.dumps(said)
    if machine.rebalance:
        said = {"noticeTime": f"{machine.rebalance:%Y-%m-%dT%H:%M:%SZ}"}
        found["events/recommendations/rebalance"] = json.dumps(said)
    if spec.metadata.get("InstanceMetadataTags") == "enabled":
        found |= {f"tags/instance/{key}": value for key, value in machine.tags.items()}
    return {key: value for key, value in found.items() if value}


def _document(machine: Machine) -> dict[str, Any]:
    return {
        "accountId": ACCOUNT,
        "architecture": machine.spec.architecture,
        "availabilityZone": machine.spec.pool.zone,
        "imageId": machine.spec.image,
        "instanceId": machine.id,
        "instanceType": machine.spec.pool.instance_type,
        "privateIp": machine.private_ip,
        "region": machine.region,
        "version": "2017-09-30",
    }


def _text(status: int, text: str) -> Reply:
    return _bytes(status, text.encode())


def _bytes(status: int, body: bytes) -> Reply:
    return Reply(status, body, PLAIN)
