"""AWS says no, or nothing: exit 1, AWS's own code and what to do, and nothing left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tests.region.handle import Region
from tests.region_ring.cli import Done, Operator, roles_yaml
from tests.region_ring.operators import Operators, in_parallel
from tests.servers import free_port

DENIED = "UnauthorizedOperation"
NOBODYS = "0123456789abcdef0"
NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}


@dataclass(frozen=True)
class Case:
    """What is wrong, what is run, and what the message must have in it: a code, and advice."""

    expected: tuple[str, ...]
    fault: tuple[str, str] | None = None
    env: dict[str, str] = field(default_factory=dict)
    web: dict[str, object] = field(default_factory=dict)
    words: str = "launch web"
    prepare: Callable[[Operator], object] = lambda _: None


def of_other_account(operator: Operator) -> None:
    operator.redis.hset("meta", "account", "999999999999")


def no_meta(operator: Operator) -> None:
    operator.redis.flushdb()


def denied(action: str, advice: str = "") -> Case:
    return Case((DENIED, action, advice or f"allow ec2:{action}"), fault=(action, DENIED))


REFUSED = {
    "no credentials": Case(("NoCredentialsError", "AWS_ACCESS_KEY_ID"), env=NO_KEYS),
    "no such profile": Case(("ProfileNotFound", "nobody"), env={"AWS_PROFILE": "nobody"}),
    "expired": Case(("ExpiredToken", "sign in again"), fault=("GetCallerIdentity", "ExpiredToken")),
    "expired later": Case(("RequestExpired", "clock"), fault=("CreateFleet", "RequestExpired")),
    "wrong secret": Case(
        ("SignatureDoesNotMatch", "secret key"), fault=("DescribeImages", "SignatureDoesNotMatch")
    ),
    "wrong account": Case(("999999999999", "AWS_PROFILE"), prepare=of_other_account),
    "no endpoint": Case(
        ("EndpointConnectionError", "AWS_ENDPOINT_URL"),
        env={"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"},
    ),
    "bad endpoint": Case(("ValueError",), env={"AWS_ENDPOINT_URL": "nowhere"}),
    "wrong region": Case(("us-moon-1",), web={"region": "us-moon-1"}),
    "image": Case(("InvalidAMIID.NotFound", "launch.image"), web={"image": f"ami-{NOBODYS}"}),
    "image denied": denied("DescribeImages"),
    "parameter": Case(
        ("ParameterNotFound", "launch.image"), web={"image": "resolve:ssm:/no/such/image"}
    ),
    "subnet": Case(
        ("InvalidSubnetID.NotFound", "launch.subnets"), web={"subnets": [f"subnet-{NOBODYS}"]}
    ),
    "subnet denied": denied("DescribeSubnets"),
    "key": Case(("InvalidKeyPair.NotFound", "launch.key_name"), web={"key_name": "nobodys"}),
    "key denied": denied("DescribeKeyPairs"),
    "group": Case(
        ("InvalidGroup.NotFound", "launch.security_groups"),
        web={"security_groups": [f"sg-{NOBODYS}"]},
    ),
    "group denied": denied("DescribeSecurityGroups"),
    "template denied": denied("CreateLaunchTemplate"),
    "fleet denied": denied("CreateFleet"),
    "init denied": Case(
        (DENIED, "allow ec2:DescribeRegions"),
        fault=("DescribeRegions", DENIED),
        words="init",
        prepare=no_meta,
    ),
    "init cannot list": Case(
        (DENIED, "allow ec2:DescribeInstances"),
        fault=("DescribeInstances", DENIED),
        words="init",
        prepare=no_meta,
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def operators(
    region_server: Region, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operators]:
    with Operators.open(region_server, tmp_path_factory.mktemp("cli")) as found:
        yield found


@pytest.fixture(scope="module")
def refused(operators: Operators) -> dict[str, tuple[Operator, Done]]:
    def tried(pair: tuple[Case, Operator]) -> tuple[Operator, Done]:
        case, operator = pair
        operator.apply(roles_yaml(operator.world, **case.web))
        case.prepare(operator)
        if case.fault:
            operator.fault(*case.fault, times=-1)
        return operator, operator.run(*case.words.split(), **case.env)

    ended = in_parallel(tried, [(case, operators.new()) for case in REFUSED.values()])
    return dict(zip(REFUSED, ended, strict=True))


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_exits_1_with_awss_code_and_what_to_do(
    refused: dict[str, tuple[Operator, Done]], name: str
) -> None:
    _, ended = refused[name]

    assert (ended.code, ended.out) == (1, ""), ended
    [said] = ended.said
    assert [part for part in REFUSED[name].expected if part not in said] == [], said
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_leaves_no_machine_no_template_and_no_open_launch(
    refused: dict[str, tuple[Operator, Done]], name: str
) -> None:
    operator, _ = refused[name]

    assert operator.machines() == []
    assert operator.templates() == []
    assert [key for key in operator.stored() if key.startswith("node")] == []
    assert "open" not in [operator.redis.hget(key, "state") for key in launches(operator)]


def launches(operator: Operator) -> list[str]:
    return [key for key in operator.stored() if key.startswith("launch:")]


@pytest.mark.parametrize("name", ["init denied", "init cannot list"])
def test_an_init_that_cannot_see_everything_begins_nothing(
    refused: dict[str, tuple[Operator, Done]], name: str
) -> None:
    operator, _ = refused[name]

    assert operator.redis.exists("meta") == 0


def test_what_is_found_before_the_launch_writes_nothing(
    refused: dict[str, tuple[Operator, Done]],
) -> None:
    for name in ("no credentials", "image", "subnet denied", "wrong account", "wrong region"):
        assert launches(refused[name][0]) == []
