"""init --regions as its users meet it: an organisation denies some, and later others are used."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.region.handle import Region
from tests.region_ring.cli import ACCOUNT, Operator, roles_yaml
from tests.region_ring.operators import Operators


@pytest.fixture(scope="module")
def operators(
    region_server: Region, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operators]:
    with Operators.open(region_server, tmp_path_factory.mktemp("cli")) as found:
        yield found


@pytest.fixture
def stranger(operators: Operators) -> Operator:
    """Before a store that nobody has begun."""
    return operators.new(begun=False)


@pytest.fixture
def operator(operators: Operators) -> Operator:
    return operators.new()


# No operator is in these.
DENIED, CALM = "us-west-1", "ca-central-1"


@pytest.fixture
def denied(region_server: Region) -> Iterator[None]:
    region_server.deny(DENIED)
    yield
    region_server.clear_faults()


@pytest.mark.usefixtures("denied")
def test_a_region_that_is_denied_is_named_and_what_is_advised_works(stranger: Operator) -> None:
    failed = stranger.run("init")

    assert (failed.code, failed.out) == (1, "")
    assert f"1 of 38 region(s) cannot be read: {DENIED} (UnauthorizedOperation)" in failed.err
    assert "explicit deny in a service control policy" in failed.err
    assert stranger.redis.exists("meta") == 0

    advised = failed.err.split("'")[1].split()[1:]
    done = stranger.run(*advised)

    assert (done.code, done.out.split(", ")[1]) == (0, f"37 region(s) of account {ACCOUNT}")
    assert f"not in use, and not looked into: {DENIED} (UnauthorizedOperation)" in done.err
    assert DENIED not in (stranger.redis.hget("meta", "regions") or DENIED)


def test_where_the_regions_are_not_told_those_of_the_setting_are_used(stranger: Operator) -> None:
    stranger.region.fault("DescribeRegions", "UnauthorizedOperation", times=2)
    failed = stranger.run("init")
    done = stranger.run("init", REGIONS=f"{stranger.place} {CALM}")

    assert failed.code == 1
    assert "Or name those in use: 'provisioner init --regions us-east-1,eu-west-1'" in failed.err
    assert done.code == 0
    assert done.out.startswith(f"begun: site {stranger.place}, 2 region(s) of account")
    assert "EC2 does not tell which other regions there are: UnauthorizedOperation" in done.err


def test_regions_are_changed_later_and_one_with_machines_stays(operator: Operator) -> None:
    assert operator.run("launch", "solid").code == 0
    for name in ("web", "batch", "solid", "plain"):
        operator.redis.srem("roles", name)
        operator.redis.delete(f"role:{name}")

    without = operator.run("init", "--regions", CALM)
    with_ = operator.run("init", "--regions", f"{CALM},{operator.place}")
    again = operator.run("init", REGIONS=f"{operator.place}, {CALM}")
    whole = operator.run("init", "--regions", "all")

    assert without.code == 1
    assert "1 region(s) cannot be left out" in without.err
    assert f"{operator.place} (node i-" in without.err
    assert with_.code == 0
    assert "(1 machine(s) of site" in with_.out
    assert again.out.startswith("nothing to do: begun on")
    assert whole.out.startswith("regions in use: every enabled one")
    assert operator.redis.hget("meta", "regions") == ""


def test_a_machine_without_a_record_keeps_its_region_in_use(operator: Operator) -> None:
    assert operator.run("launch", "solid").code == 0
    operator.redis.flushdb()

    failed = operator.run("init", "--regions", CALM)

    assert failed.code == 1
    assert f"1 in {operator.place}" in failed.err
    assert operator.redis.exists("meta") == 0


def test_a_role_in_a_region_that_is_not_in_use_is_not_applied(stranger: Operator) -> None:
    assert stranger.run("init", "--regions", CALM).code == 0
    path = stranger.file(roles_yaml(stranger.world))

    failed = stranger.run("roles", "apply", path)
    stranger.run("init", "--regions", f"{CALM},{stranger.place}")
    done = stranger.run("roles", "apply", path)

    assert failed.code == 1
    assert f"--regions {CALM},{stranger.place}" in failed.err
    assert done.code == 0


@pytest.mark.parametrize(
    ("words", "env"),
    [
        (("--regions", "mars"), {}),
        (("--regions", ","), {}),
        (("--regions", CALM, "--no-ec2"), {}),
        ((), {"REGIONS": "us-east-1;eu-west-1"}),
    ],
    ids=str,
)
def test_regions_that_cannot_be_are_mistyped(
    stranger: Operator, words: tuple[str, ...], env: dict[str, str]
) -> None:
    assert stranger.run("init", *words, **env).code == 2
    assert stranger.redis.keys() == []


def test_an_inventory_without_ec2_has_no_regions(stranger: Operator) -> None:
    assert stranger.run("init", "--no-ec2").code == 0

    failed = stranger.run("init", "--regions", CALM)

    assert failed.code == 1
    assert "--no-ec2" in failed.err
