"""The least that the provisioner's credentials must allow, as a policy of IAM. Pure.

Narrowed by the tag ``rolecall:site`` wherever EC2 can: which action knows which resources and
conditions is in https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from provisioner.doctor.service_roles import ROLES
from provisioner.ports import SITE_TAG
from provisioner.rolesfile.spec import RoleSpec

Statement = dict[str, Any]
_SSM = "resolve:ssm:"
_QUEUE_NAME = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_QUEUE_NAME = 80
# EC2 lets nobody narrow what is only read.
READS = (
    "ec2:DescribeImages",
    "ec2:DescribeInstances",
    "ec2:DescribeKeyPairs",
    "ec2:DescribeLaunchTemplates",
    "ec2:DescribeRegions",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "sts:GetCallerIdentity",
)
# A fleet launches in our name, so that what RunInstances needs is ours to have.
LAUNCHES = ("ec2:CreateFleet", "ec2:RunInstances")
# What a launch uses, and what it makes without a tag of ours (see ec2_template).
_USED = ("image", "key-pair", "security-group", "snapshot", "subnet")
_UNTAGGED = ("fleet", "spot-instances-request")
# CreateFleet has no tags for these: their launch template has, which RunInstances is judged by.
_TAGGED_BY_TEMPLATE = ("network-interface", "volume")
_TAGGED = ("instance", *_TAGGED_BY_TEMPLATE)
TEMPLATE = "launch-template"


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What the policy depends on.

    ``profiles`` are instance profiles of roles, ``parameters`` SSM parameters that name images;
    None: nobody knows, so any are allowed.
    """

    site: str
    queue: str
    profiles: tuple[str, ...] | None = None
    parameters: tuple[str, ...] | None = None


def needs(site: str, queue_url: str, specs: Sequence[RoleSpec] | None) -> Needs:
    queue = urlsplit(queue_url).path.rpartition("/")[2] or queue_name(site)
    if specs is None:
        return Needs(site=site, queue=queue)
    launches = [spec.launch for spec in specs if spec.launch]
    bursts = [spec.burst.image for spec in specs if spec.burst and spec.burst.image]
    images = [*(launch.image for launch in launches), *bursts]
    return Needs(
        site=site,
        queue=queue,
        profiles=_sorted(each.instance_profile for each in launches if each.instance_profile),
        parameters=_sorted(each.removeprefix(_SSM) for each in images if each.startswith(_SSM)),
    )


def queue_name(site: str) -> str:
    return _QUEUE_NAME.sub("-", f"rolecall-{site}")[:_LONGEST_QUEUE_NAME]


def policy(given: Needs) -> dict[str, Any]:
    statements = [
        _statement("Look", READS, ["*"]),
        *_launching(given.site),
        *_ours(given.site),
        *_passing(given.profiles),
        *_parameters(given.parameters),
        *_service_roles(),
        _queue(given.queue),
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def actions(document: Mapping[str, Any]) -> set[str]:
    return {action for one in document["Statement"] for action in one["Action"]}


def _launching(site: str) -> list[Statement]:
    """Machines, volumes and interfaces can be made only with our tag, templates likewise."""
    tagged = {"StringEquals": {f"aws:RequestTag/{SITE_TAG}": site}}
    ours = {"StringEquals": {f"aws:ResourceTag/{SITE_TAG}": site}}
    creating = ["CreateFleet", "CreateLaunchTemplate", "RunInstances"]
    while_creating = {"StringEquals": {**tagged["StringEquals"], "ec2:CreateAction": creating}}
    template, made = _ec2(TEMPLATE), _ec2(*_TAGGED)
    return [
        _statement("LaunchFrom", LAUNCHES, _ec2(*_USED, *_UNTAGGED)),
        _statement("AskForFleets", LAUNCHES[:1], _ec2(*_TAGGED_BY_TEMPLATE)),
        _statement("LaunchFromOurTemplates", LAUNCHES, template, ours),
        _statement("LaunchWithOurTag", LAUNCHES, made, tagged),
        _statement("TemplatesWithOurTag", ("ec2:CreateLaunchTemplate",), template, tagged),
        _statement("TagWhileCreating", ("ec2:CreateTags",), template + made, while_creating),
    ]


def _ours(site: str) -> list[Statement]:
    """Ending and assigning: what carries our site's tag. It cannot be moved to another site."""
    ours = {"StringEquals": {f"aws:ResourceTag/{SITE_TAG}": site}}
    staying = {**ours, "StringEqualsIfExists": {f"aws:RequestTag/{SITE_TAG}": site}}
    return [
        _statement("EndOurs", ("ec2:TerminateInstances",), _ec2("instance"), ours),
        _statement("DeleteOurs", ("ec2:DeleteLaunchTemplate",), _ec2(TEMPLATE), ours),
        _statement("AssignOurs", ("ec2:CreateTags",), _ec2("instance"), staying),
    ]


def _passing(profiles: tuple[str, ...] | None) -> list[Statement]:
    """The roles in the instance profiles: as a rule they have the profiles' names."""
    if profiles == ():
        return []
    named = ["arn:aws:iam::*:role/*"] if profiles is None else [_role(each) for each in profiles]
    to_ec2 = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    return [_statement("PassRole", ("iam:PassRole",), named, to_ec2)]


def _role(profile: str) -> str:
    account = profile.split(":")[4] if profile.startswith("arn:") else "*"
    return f"arn:aws:iam::{account}:role/{profile.rpartition('/')[2]}"


def _parameters(names: tuple[str, ...] | None) -> list[Statement]:
    if names == ():
        return []
    named = ["/*"] if names is None else [each if each[0] == "/" else f"/{each}" for each in names]
    # Public parameters are of no account.
    resources = [f"arn:aws:ssm:*:*:parameter{name.partition(':')[0]}" for name in named]
    return [_statement("ImagesByName", ("ssm:GetParameter", "ssm:GetParameters"), resources)]


def _service_roles() -> list[Statement]:
    places = [
        f"arn:aws:iam::*:role/aws-service-role/{service}/{role}" for role, service in ROLES.items()
    ]
    for_these = {"StringEquals": {"iam:AWSServiceName": list(ROLES.values())}}
    return [
        _statement("LookForServiceRoles", ("iam:GetRole",), places),
        _statement("MakeServiceRoles", ("iam:CreateServiceLinkedRole",), places, for_these),
    ]


def _queue(name: str) -> Statement:
    used = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage")
    return _statement("Notices", used, [f"arn:aws:sqs:*:*:{name}"])


def _statement(
    sid: str,
    allowed: Sequence[str],
    resources: Sequence[str],
    condition: Mapping[str, Any] | None = None,
) -> Statement:
    made = {"Sid": sid, "Effect": "Allow", "Action": list(allowed), "Resource": list(resources)}
    return {**made, "Condition": dict(condition)} if condition else made


def _ec2(*kinds: str) -> list[str]:
    return [f"arn:aws:ec2:*:*:{kind}/*" for kind in kinds]


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))
