"""What one pass suspects and the next one confirms: their names, as the store keeps them.

``absent:<certname>``: EC2 does not list a node's machine. ``orphan:<region>:<instance id>``: nobody
wants this machine. ``template:<region>:<name>``: a launch template of no launch that we know.
"""

from __future__ import annotations

ABSENT, ORPHAN, TEMPLATE = "absent:", "orphan:", "template:"


def absent(certname: str) -> str:
    return f"{ABSENT}{certname}"


def orphan(region: str, instance_id: str) -> str:
    return f"{ORPHAN}{region}:{instance_id}"


def template(region: str, name: str) -> str:
    return f"{TEMPLATE}{region}:{name}"


def region_of(what: str) -> str:
    """Where it can be confirmed; "" for one that goes with its node."""
    kind, _, rest = what.partition(":")
    return "" if f"{kind}:" == ABSENT else rest.partition(":")[0]
