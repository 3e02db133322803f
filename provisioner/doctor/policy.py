"""The least that the provisioner's credentials must allow, as a policy of IAM. Pure.

Narrowed by the tag ``rolecall:site`` wherever EC2 can: which action knows which resources and
conditions is in https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from enc.domain.rolespec import RoleSpec
from provisioner.doctor.service_roles import ROLE, SERVICE
from provisioner.ports.tags import SITE_TAG

Statement = dict[str, Any]
_SSM = "resolve:ssm:"
_QUEUE_NAME = re.compile(r"[^A-Za-z0-9_-]")
_LONGEST_QUEUE_NAME = 80
# EC2 lets nobody narrow what is only read.
READS = (
    "ec2:DescribeImages",
    "ec2:DescribeInstances",
    "ec2:DescribeInstanceTypeOfferings",
    "ec2:DescribeInstanceTypes",
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
# China's EC2 asks under both names: https://github.com/aws/karpenter-provider-aws/pull/6839
_EC2: Mapping[str, str | list[str]] = {
    "aws": "ec2.amazonaws.com",
    "aws-cn": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"],
}


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What the policy depends on.

    ``queues`` are names, one at least. ``profiles`` are instance profiles of roles, ``parameters``
    SSM parameters that name images; None: nobody knows, so any are allowed. ``passed`` are ARNs of
    the IAM roles in the profiles, as far as IAM has told them. ``partition``: ``aws-us-gov``, ….
    """

    site: str
    queues: tuple[str, ...]
    profiles: tuple[str, ...] | None = None
    parameters: tuple[str, ...] | None = None
    passed: Mapping[str, str] = field(default_factory=dict)
    partition: str = "aws"


def needs(site: str, queue_urls: Sequence[str], specs: Sequence[RoleSpec] | None) -> Needs:
    named = (urlsplit(url).path.rpartition("/")[2] for url in queue_urls)
    queues = tuple(dict.fromkeys(named)) or (queue_name(site),)
    if specs is None:
        return Needs(site=site, queues=queues)
    launches = [spec.launch for spec in specs if spec.launch]
    bursts = [spec.burst.image for spec in specs if spec.burst and spec.burst.image]
    images = [*(launch.image for launch in launches), *bursts]
    return Needs(
        site=site,
        queues=queues,
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
        *_passing(given),
        *_parameters(given.parameters),
        *_service_roles(),
        _queues(given.queues),
    ]
    moved = [_moved(one, given.partition) for one in statements]
    return {"Version": "2012-10-17", "Statement": moved}


def _moved(statement: Statement, partition: str) -> Statement:
    """To another part of AWS. IAM takes no wildcard in its place.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
    """
    ours, theirs = "arn:aws:", f"arn:{partition}:"
    return {**statement, "Resource": [r.replace(ours, theirs, 1) for r in statement["Resource"]]}


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


def _passing(given: Needs) -> list[Statement]:
    """The roles in the instance profiles, and the right to ask IAM which they are."""
    if given.profiles == ():
        return []
    looked, passed = ["arn:aws:iam::*:instance-profile/*"], ["arn:aws:iam::*:role/*"]
    if given.profiles is not None:
        looked = [each for one in given.profiles for each in _named("instance-profile", one)]
        passed = [each for one in given.profiles for each in _roles_in(one, given.passed)]
    service = _EC2.get(given.partition, _EC2["aws"])
    to_ec2 = {"StringEquals": {"iam:PassedToService": service}}
    return [
        _statement("LookForProfiles", ("iam:GetInstanceProfile",), looked),
        _statement("PassRole", ("iam:PassRole",), list(dict.fromkeys(passed)), to_ec2),
    ]


def _roles_in(profile: str, passed: Mapping[str, str]) -> list[str]:
    """Where IAM did not tell it: as a rule a role has its profile's name, in whatever path."""
    return [passed[profile]] if profile in passed else _named("role", profile)


def _named(kind: str, profile: str) -> list[str]:
    account = profile.split(":")[4] if profile.startswith("arn:") else "*"
    name = profile_name(profile)
    return [f"arn:aws:iam::{account}:{kind}/{name}", f"arn:aws:iam::{account}:{kind}/*/{name}"]


def profile_name(profile: str) -> str:
    """Of an instance profile that a role names, or whose ARN, with its path, it has."""
    return profile.rpartition("/")[2]


def _parameters(names: tuple[str, ...] | None) -> list[Statement]:
    if names == ():
        return []
    named = ["/*"] if names is None else [each if each[0] == "/" else f"/{each}" for each in names]
    # Public parameters are of no account.
    resources = [f"arn:aws:ssm:*:*:parameter{name.partition(':')[0]}" for name in named]
    return [_statement("ImagesByName", ("ssm:GetParameter", "ssm:GetParameters"), resources)]


def _service_roles() -> list[Statement]:
    place = [f"arn:aws:iam::*:role/aws-service-role/{SERVICE}/{ROLE}"]
    for_this = {"StringEquals": {"iam:AWSServiceName": SERVICE}}
    return [
        _statement("LookForServiceRoles", ("iam:GetRole",), place),
        _statement("MakeServiceRoles", ("iam:CreateServiceLinkedRole",), place, for_this),
    ]


def _queues(names: Sequence[str]) -> Statement:
    used = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage")
    return _statement("Notices", used, [f"arn:aws:sqs:*:*:{name}" for name in names])


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
