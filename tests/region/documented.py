"""What AWS documents of the calls that we make. What it does not, the region refuses.

https://docs.aws.amazon.com/AWSEC2/latest/APIReference/, read in 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.region import world
from tests.region.wire import ApiError, Request

# What a call may tag as it makes it: of CreateFleet what is said of the type instant.
AT_LAUNCH = {"instance", "volume", "network-interface", "spot-instances-request"}
TAGGABLE = {
    "CreateFleet": {"fleet", "instance"},
    "CreateLaunchTemplate": {"launch-template"},
    "CreateLaunchTemplateVersion": set(),
    "RunInstances": AT_LAUNCH | {"elastic-gpu"},
}
TEMPLATE_NAME = re.compile(r"[a-zA-Z0-9().\-/_]{3,128}")
HOP_LIMIT_MAX = 64
# How many of a list one call takes.
MOST = {
    "CreateTags": {"Resources": 1000},
    "DescribeInstances": {"InstanceIds": 1000},
    "TerminateInstances": {"InstanceIds": 1000},
    "DescribeLaunchTemplates": {"LaunchTemplateIds": 200, "LaunchTemplateNames": 200},
}
PAGE_OF_TEMPLATES = 200
# An unknown one spoils its own pool, and not the call.
OF_A_POOL = {"InstanceType"}


def check(request: Request) -> None:
    """Raises EC2's error for the first thing that is not documented."""
    said = request.params
    for key, value in _unknown_values(world.documented_values(request.action), said):
        raise ApiError("InvalidParameterValue", f"Value ({value}) for parameter {key} is invalid.")
    if request.action in TAGGABLE:
        data = said.get("LaunchTemplateData") or {}
        _tagged(said, TAGGABLE[request.action])
        _tagged(data, AT_LAUNCH)
        _hops(data.get("MetadataOptions") or said.get("MetadataOptions") or {})
    _named(request.action, said)
    _long(request.action, said)


def _unknown_values(shape: Any, value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Names and values that are in no list of the service's model."""
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if name in value:
                yield from _unknown_values(member, value[name], name)
    elif shape.type_name == "list":
        for each in value:
            yield from _unknown_values(shape.member, each, key)
    elif key not in OF_A_POOL and getattr(shape, "enum", None) and value not in shape.enum:
        yield key, str(value)


def _tagged(said: dict[str, Any], taggable: set[str]) -> None:
    kinds = [str(each.get("ResourceType")) for each in said.get("TagSpecifications") or []]
    for kind in kinds:
        if kind not in taggable:
            text = f"'{kind}' is not a valid taggable resource type for this operation."
            raise ApiError("InvalidParameterValue", text)
    if len(set(kinds)) < len(kinds):
        text = "A resource type may be specified in one TagSpecification only."
        raise ApiError("InvalidParameterValue", text)


def _hops(options: dict[str, Any]) -> None:
    hops = options.get("HttpPutResponseHopLimit", 1)
    if not 1 <= hops <= HOP_LIMIT_MAX:
        text = f"Value ({hops}) for parameter HttpPutResponseHopLimit is invalid."
        raise ApiError("InvalidParameterValue", text)


def _named(action: str, said: dict[str, Any]) -> None:
    name = said.get("LaunchTemplateName", "")
    if action == "CreateLaunchTemplate" and not TEMPLATE_NAME.fullmatch(name):
        text = f"The launch template name {name} is not valid."
        raise ApiError("InvalidLaunchTemplateName.MalformedException", text)


def _long(action: str, said: dict[str, Any]) -> None:
    for key, most in MOST.get(action, {}).items():
        if len(said.get(key) or []) > most:
            text = f"{key} has more than {most} values."
            raise ApiError("InvalidParameterValue", text)
    if action == "DescribeLaunchTemplates" and (said.get("MaxResults") or 1) > PAGE_OF_TEMPLATES:
        text = f"MaxResults is more than {PAGE_OF_TEMPLATES}."
        raise ApiError("InvalidParameterValue", text)
