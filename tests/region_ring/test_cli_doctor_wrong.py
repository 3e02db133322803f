"""Each thing that can be wrong is found by the doctor, alone, and with what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.region.handle import Region
from tests.region_ring.cli import Done, Operator, roles_yaml
from tests.region_ring.doctoring import look, wrong
from tests.region_ring.operators import Operators, in_parallel

DENIED = "UnauthorizedOperation"
DRY = {"DryRun": "true"}


@pytest.fixture(scope="module")
def operators(
    region_server: Region, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operators]:
    with Operators.open(region_server, tmp_path_factory.mktemp("cli"), alone=True) as found:
        found.new(begun=False).redis.config_set("appendonly", "yes")
        yield found


@dataclass(frozen=True)
class Case:
    """What is wrong, what is found broken or a warning, and what its line must have in it."""

    what: str
    parts: tuple[str, ...]
    verdict: str = "broken"
    fault: tuple[str, str] | None = None
    match: dict[str, str] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    web: dict[str, object] = field(default_factory=dict)
    prepare: Callable[[Operator], object] = lambda _: None


def denied(action: str) -> Case:
    return Case(
        f"EC2 @: {action}",
        (DENIED, f"allow ec2:{action}"),
        fault=(action, DENIED),
        match=DRY,
    )


def other_account(operator: Operator) -> None:
    operator.redis.hset("meta", "account", "999999999999")


CASES = {
    "create template": denied("CreateLaunchTemplate"),
    "create fleet": denied("CreateFleet"),
    "terminate": denied("TerminateInstances"),
    "tag": denied("CreateTags"),
    "delete template": denied("DeleteLaunchTemplate"),
    "run": Case(
        "EC2 @: RunInstances (batch)",
        (DENIED, "allow ec2:RunInstances"),
        fault=("RunInstances", DENIED),
        match=DRY,
    ),
    "pass role": Case(
        "EC2 @: RunInstances with profile node (web)",
        ("iam:PassRole",),
        fault=("RunInstances", DENIED),
        match={**DRY, "IamInstanceProfile.Name": "node"},
        web={"instance_profile": "node"},
    ),
    "list templates": Case(
        "EC2 @: DescribeLaunchTemplates",
        (DENIED, "allow ec2:DescribeLaunchTemplates"),
        fault=("DescribeLaunchTemplates", DENIED),
    ),
    "image": Case(
        "EC2 @: ground of web",
        ("InvalidAMIID.NotFound", "launch.image"),
        web={"image": "ami-0123456789abcdef0"},
    ),
    "group": Case(
        "EC2 @: ground of web",
        ("InvalidGroup.NotFound", "launch.security_groups"),
        web={"security_groups": ["sg-0123456789abcdef0"]},
    ),
    "other account": Case(
        "AWS: account", ("999999999999", "AWS_PROFILE"), prepare=other_account
    ),
    "no queue": Case(
        "SQS us-east-1: notices",
        ("NonExistentQueue",),
        env={"SPOT_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/none"},
    ),
    "bad url": Case(
        "settings: PUPPETDB_URL", ("not like https://puppetdb:8081",), env={"PUPPETDB_URL": "x"}
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def ended(operators: Operators) -> dict[str, tuple[Operator, Done]]:
    def tried(pair: tuple[Case, Operator]) -> tuple[Operator, Done]:
        case, operator = pair
        operator.apply(roles_yaml(operator.world, **case.web))
        operator.redis.hset("meta", "account", "123456789012")
        if not case.web:
            assert operator.run("launch", "solid").code == 0
        template(operator)
        case.prepare(operator)
        if case.fault:
            said = denial(case) if case.match else None
            operator.fault(*case.fault, times=-1, match=case.match, message=said)
        return operator, look(operator, **case.env)

    found = in_parallel(tried, [(case, operators.new()) for case in CASES.values()])
    return dict(zip(CASES, found, strict=True))


def denial(case: Case) -> str:
    """As EC2 words it: it names what is missing, which need not be the call."""
    action = "iam:PassRole" if "iam:PassRole" in case.parts else f"ec2:{case.fault[0]}"  # type: ignore[index]
    return f"User: arn:aws:iam::1:user/x is not authorized to perform: {action} on resource: *"


def template(operator: Operator) -> None:
    """As a launch that runs just now has it."""
    operator.region.client("ec2", operator.place).create_launch_template(
        LaunchTemplateName="l-0123456789abcdef",
        LaunchTemplateData={"ImageId": operator.world.image},
        TagSpecifications=[
            {
                "ResourceType": "launch-template",
                "Tags": [{"Key": "rolecall:site", "Value": operator.place}],
            }
        ],
    )


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_found_alone_with_what_to_do(
    ended: dict[str, tuple[Operator, Done]], name: str
) -> None:
    case, (operator, done) = CASES[name], ended[name]
    what = case.what.replace("@", operator.place)

    found = wrong(done)

    assert list(found) == [what], found
    line = f"{found[what]['said']}; {found[what]['remedy']}"
    assert [part for part in case.parts if part not in line] == [], line
    assert found[what]["verdict"] == case.verdict
    assert done.code == (1 if case.verdict == "broken" else 0)
    assert done.said == [f"provisioner: 1 of {len(done.json)} broken: {what}"]
