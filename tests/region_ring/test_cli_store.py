"""init and roles, as their users meet them."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest
import yaml

from tests.builders import event, node
from tests.region.handle import Region
from tests.region_ring.cli import ACCOUNT, Operator, roles_yaml
from tests.region_ring.operators import Operators, in_parallel


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


def test_a_new_store_is_begun_and_the_next_step_named(stranger: Operator) -> None:
    done = stranger.run("init")

    assert done.code == 0
    assert done.out == (
        f"begun: site {stranger.place}, 38 region(s) of account {ACCOUNT}, 0 machine(s) adopted\n"
    )
    assert done.err == "next: 'provisioner roles apply FILE'\n"
    assert stranger.redis.hget("meta", "account") == ACCOUNT


def test_a_second_init_does_nothing(stranger: Operator) -> None:
    assert stranger.run("init", "--no-ec2").code == 0
    before = stranger.stored()

    again = stranger.run("init", AWS_ENDPOINT_URL="http://127.0.0.1:1")

    assert again.code == 0
    assert again.out.startswith("nothing to do: begun on 2")
    assert stranger.stored() == before


def test_without_ec2_it_is_asked_nothing(stranger: Operator) -> None:
    done = stranger.run("init", "--no-ec2", AWS_ENDPOINT_URL="http://127.0.0.1:1")

    assert done.code == 0
    assert done.out.startswith(f"begun: site {stranger.place}, no EC2, 0 machine(s)")


def test_another_sites_store_is_not_begun_again(operator: Operator) -> None:
    done = operator.run("init", ROLECALL_SITE="elsewhere")

    assert (done.code, done.out) == (1, "")
    assert "set ROLECALL_SITE, or point REDIS_URL at that site's Redis" in done.said[0]


def test_a_site_name_that_cannot_be_one_is_mistyped(operator: Operator) -> None:
    done = operator.run("ls", ROLECALL_SITE="a b")

    assert done.code == 2
    assert "ROLECALL_SITE is 'a b'" in done.said[0]


def test_a_lost_store_is_filled_from_ec2(operator: Operator) -> None:
    launched = operator.run("launch", "solid", "-n", "2", "--format", "json").json
    machines = operator.machines()
    operator.redis.flushdb()
    assert operator.run("launch", "solid").code == 1

    done = operator.run("init")

    assert done.code == 0
    assert "2 machine(s) adopted" in done.out
    assert operator.nodes() == machines
    shown = operator.run("show", machines[0], "--format", "json").json
    assert (shown["role"], shown["launch"]) == ("solid", launched["launch"])


def test_an_init_that_is_stopped_has_begun_nothing_and_goes_on(stranger: Operator) -> None:
    stranger.region.fault("DescribeInstances", latency_s=1.0, times=-1)
    stranger.region.calls(clear=True)
    command = stranger.start("init")
    stranger.wait_for_call("DescribeInstances")

    command.signal(signal.SIGINT)
    stopped = command.end()
    stranger.region.clear_faults()

    assert stopped.code == 130
    assert stopped.said == [
        "provisioner: interrupted; the store is not initialised; run 'provisioner init' again"
    ]
    assert stranger.redis.exists("meta") == 0
    assert stranger.run("init").code == 0


def test_two_inits_at_once_begin_one_store(stranger: Operator) -> None:
    done = in_parallel(lambda _: stranger.run("init", "--no-ec2"), range(2))

    assert [one.code for one in done] == [0, 0]
    assert len(stranger.inventory.events.after()) == 1


def test_roles_are_applied_and_each_is_named(stranger: Operator) -> None:
    stranger.begin()
    path = stranger.file(roles_yaml(stranger.world))

    done = stranger.run("roles", "apply", path)
    again = stranger.run("roles", "apply", path)

    assert (done.code, done.out) == (
        0,
        "applied web\napplied batch\napplied solid\napplied plain\n",
    )
    assert (again.code, again.out) == (0, "nothing to do: 4 role(s) unchanged\n")


def test_types_that_ec2_cannot_launch_are_a_mistake_and_change_nothing(operator: Operator) -> None:
    path = operator.file(roles_yaml(operator.world, instance_types=["c5.large", "c6g.large"]))
    before = operator.stored()

    done = operator.run("roles", "apply", path)

    assert (done.code, done.out) == (2, "")
    assert done.said[0].endswith(f"EC2 cannot launch what {path} names, nothing was changed:")
    why = f"this type runs arm64 images, and {operator.world.image} is x86_64"
    assert done.said[1:] == [f"  roles.web: c6g.large: {why}"]
    assert operator.stored() == before


def test_an_ec2_that_cannot_be_asked_is_a_warning_and_roles_are_applied(
    stranger: Operator,
) -> None:
    stranger.begin()
    path = stranger.file(roles_yaml(stranger.world))

    done = stranger.run("roles", "apply", path, AWS_ENDPOINT_URL="http://127.0.0.1:1")

    assert done.code == 0
    assert done.err.count("not checked with EC2: web, batch, solid: ") == 1
    assert "applied web" in done.out


def test_roles_as_they_were_are_not_looked_up_again(operator: Operator) -> None:
    path = operator.file(roles_yaml(operator.world))

    done = operator.run("roles", "apply", path, AWS_ENDPOINT_URL="http://127.0.0.1:1")

    assert done.code == 0
    assert "EC2" not in done.err


def test_the_sites_limits_are_applied_shown_as_a_difference_and_bind(operator: Operator) -> None:
    text = yaml.safe_dump({"limits": {"machines": 1}} | yaml.safe_load(roles_yaml(operator.world)))
    path = operator.file(text)

    differs = operator.run("roles", "diff", path).out
    done = operator.run("roles", "apply", path)
    first, second = (operator.run("launch", "web", "--wait-until", "accepted") for _ in range(2))

    assert "changed limits\n  ~ machines: 10000 -> 1\n" in differs
    assert "applied limits" in done.out
    assert operator.run("roles", "diff", path).out == "no difference\n"
    assert (first.code, second.code) == (0, 1)
    assert second.said[-1].startswith("provisioner: limits.machines of the site is 1: 1 live")
    assert len(operator.machines("pending", "running")) == 1


def test_a_file_without_limits_leaves_those_of_the_site(operator: Operator) -> None:
    before = operator.inventory.limits.get()

    operator.run("roles", "apply", operator.file(roles_yaml(operator.world, max=9)))

    assert operator.inventory.limits.get() == before


def test_a_difference_is_shown_and_changes_nothing(operator: Operator) -> None:
    changed = yaml.safe_load(roles_yaml(operator.world, max=9))
    changed["roles"] |= {"new": {"classes": ["x"]}}
    del changed["roles"]["plain"]
    path = operator.file(yaml.safe_dump(changed))
    before = operator.stored()

    done = operator.run("roles", "diff", path)
    same = operator.run("roles", "diff", operator.file(roles_yaml(operator.world)))

    assert done.code == 0
    headlines = [line for line in done.out.splitlines() if not line.startswith(" ")]
    assert headlines == ["new new", "not in the file plain", "changed web"]
    assert "  ~ launch.max: 5 -> 9" in done.out.splitlines()
    assert (same.code, same.out) == (0, "no difference\n")
    assert operator.stored() == before


def test_what_an_older_version_stored_differs_only_in_what_the_file_says(
    operator: Operator,
) -> None:
    for name in ("web", "solid"):
        key = f"role:{name}"
        definition = json.loads(operator.redis.hget(key, "definition"))
        del definition["launch"]["monitoring"], definition["launch"]["http_put_response_hop_limit"]
        operator.redis.hset(key, "definition", json.dumps(definition))
    same = operator.run("roles", "diff", operator.file(roles_yaml(operator.world)))
    other = operator.run("roles", "diff", operator.file(roles_yaml(operator.world, max=9)))

    assert same.out == "no difference\n"
    assert other.out == "changed web\n  ~ launch.max: 5 -> 9\n"


def test_what_the_file_lacks_is_kept_unless_it_is_pruned(operator: Operator) -> None:
    path = operator.file("roles: {other: {classes: [x]}}")

    kept = operator.run("roles", "apply", path)
    pruned = operator.run("roles", "apply", "--prune", path)

    assert "kept web: stored, and not in" in kept.err
    assert "(--prune removes it)" in kept.err
    assert pruned.out == "removed batch\nremoved plain\nremoved solid\nremoved web\n"
    assert operator.run("roles", "ls").out.splitlines()[1].split()[0] == "other"


def test_a_role_with_nodes_is_not_pruned(operator: Operator) -> None:
    operator.inventory.nodes.create(node(), event())
    path = operator.file("roles: {other: {classes: [x]}}")
    before = operator.stored()

    done = operator.run("roles", "apply", "--prune", path)

    assert done.code == 1
    assert "web" in done.said[0]
    assert operator.stored() == before


def test_roles_are_listed_and_shown(operator: Operator) -> None:
    operator.inventory.nodes.create(node(), event())

    listed = operator.run("roles", "ls", "--format", "json").json
    shown = operator.run("roles", "show", "web")
    as_json = operator.run("roles", "show", "web", "--format", "json")

    assert [(one["role"], one["nodes"]) for one in listed] == [
        ("batch", 0),
        ("plain", 0),
        ("solid", 0),
        ("web", 1),
    ]
    assert yaml.safe_load(shown.out) == as_json.json
    assert as_json.json["launch"]["market"] == "spot"


def test_empty_states_name_the_next_step(stranger: Operator) -> None:
    stranger.begin()

    listed, roles, history = (
        stranger.run(*words.split()) for words in ("ls", "roles ls", "history")
    )

    assert {one.code for one in (listed, roles, history)} == {0}
    assert {one.out for one in (listed, roles, history)} == {""}
    assert "'provisioner roles apply FILE' comes first" in listed.err
    assert roles.err == "no roles yet: 'provisioner roles apply FILE'\n"
    assert history.err == "no machine has ended yet\n"
