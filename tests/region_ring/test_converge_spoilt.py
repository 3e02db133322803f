"""A value in Redis that nobody of ours wrote stops what it is of, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis import Redis

from enc.domain.model import CONVERGE, Kind, Node, State
from enc.inventory import Inventory, Query
from enc.inventory.counts import Counts
from enc.inventory.query import Everything, Queries
from provisioner.ports.tags import EXPIRES_TAG, LAUNCH_TAG
from tests.builders import event
from tests.builders import launch as a_launch
from tests.fakes.clock import START, FakeClock
from tests.service import invariants
from tests.service.farm import Farm

LAUNCH = "l-00000000000000aa"


@pytest.fixture
def farm(inventory: Inventory, clock: FakeClock) -> Farm:
    """Fleets of three, web's and db's: one of db's machines has just been lost."""
    made = Farm.on(inventory, clock)
    made.apply("db")
    made.apply()
    made.passes(3)
    lost = next(node for node in made.nodes(State.READY) if node.role == "db")
    made.cloud.kill(lost.certname)
    return made


def of(farm: Farm, role: str) -> list[Node]:
    return [node for node in farm.nodes() if node.role == role]


def a_node(farm: Farm) -> str:
    return f"node:{of(farm, 'web')[0].certname}"


def replaced(farm: Farm, key: str, spoil: Callable[[], object]) -> None:
    farm.store.redis.delete(key)
    spoil()


SPOIL: dict[str, Callable[[Farm, Redis], object]] = {
    "a node that is no hash": lambda farm, redis: replaced(
        farm, key := a_node(farm), lambda: redis.set(key, "x")
    ),
    "a node that is no text": lambda farm, redis: redis.hset(a_node(farm), "name", b"\xff"),
    "a node in no state": lambda farm, redis: redis.hset(a_node(farm), "state", "asleep"),
    "a node out of the index": lambda farm, redis: [
        redis.hset(a_node(farm), "state", "asleep"),
        redis.zrem("nodes", a_node(farm).removeprefix("node:")),
    ],
    "a role that is no JSON": lambda farm, redis: redis.hset("role:web", "definition", "{"),
    "a role that is no text": lambda farm, redis: redis.hset("role:web", "definition", b"\xff"),
    "a role that is no hash": lambda farm, redis: replaced(
        farm, "role:web", lambda: redis.set("role:web", "x")
    ),
    "a hold that is no JSON": lambda farm, redis: redis.set("hold:web", "{"),
    "a hold that is no text": lambda farm, redis: redis.sadd("hold:web", "x"),
    "an approval that is no JSON": lambda farm, redis: redis.set("approved:web", "["),
    "a back-off that is no JSON": lambda farm, redis: redis.set("backoff:web", "x"),
    "a suspicion that is no JSON": lambda farm, redis: [
        redis.sadd("suspects", "absent:i-0"),
        redis.set("suspect:absent:i-0", "x"),
    ],
    "a launch that wants nothing known": lambda farm, redis: [
        opened(farm),
        redis.hset(f"launch:{LAUNCH}", "want", "many"),
    ],
    "counts that are wrong": lambda farm, redis: redis.hset("fleet:web", "fleet:ready:spot", "7"),
    "counts that are none": lambda farm, redis: redis.hset("fleet:web", "fleet:ready:spot", "x"),
    "counts that are no hash": lambda farm, redis: replaced(
        farm, "fleet:web", lambda: redis.set("fleet:web", "x")
    ),
}


def opened(farm: Farm) -> None:
    made = a_launch(LAUNCH, role="web", kind=Kind.FLEET, owner=CONVERGE, opened_at=START)
    farm.store.launches.open(made, event("launch opened"))


@pytest.mark.parametrize("how", SPOIL)
def test_other_roles_are_looked_after_and_nothing_that_runs_is_ended(
    farm: Farm, redis: Redis, how: str
) -> None:
    webs = {node.certname for node in of(farm, "web")}
    SPOIL[how](farm, redis)

    farm.passes(6)

    assert sum(node.state is State.READY for node in of(farm, "db")) == 3
    assert webs <= {*farm.cloud.alive}
    assert len(farm.cloud.alive) == 6


def test_a_record_that_is_gone_from_under_its_index_ends_no_machine(
    farm: Farm, redis: Redis
) -> None:
    name = of(farm, "web")[0].certname
    redis.delete(f"node:{name}")
    farm.passes(6)
    assert name in farm.cloud.alive
    assert len(of(farm, "web")) == 2
    assert any(name in note and "is gone, though" in note for note in farm.plan().notes)


def test_a_role_that_is_gone_from_under_its_index_is_not_pruned(farm: Farm, redis: Redis) -> None:
    redis.delete("role:web")
    farm.prune()
    farm.passes(4)
    assert len(of(farm, "web")) == 3
    assert not any("--prune" in note for note in farm.plan().notes)


def test_the_damaged_record_of_a_machine_that_is_gone_keeps_nobody_out(
    farm: Farm, redis: Redis
) -> None:
    name = of(farm, "web")[0].certname
    redis.hset(f"node:{name}", "launched_at", "yesterday")
    farm.cloud.kill(name)
    farm.passes(6)
    assert len([node for node in of(farm, "web") if node.state is State.READY]) == 3


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00Z"])
def test_a_tag_with_a_time_beyond_all_calendars_is_no_life(farm: Farm, time: str) -> None:
    machine = farm.cloud.machines.by_id[of(farm, "web")[0].certname]
    extra = farm.cloud.copy(machine, {EXPIRES_TAG: time, LAUNCH_TAG: "l-00000000000000ff"})
    farm.passes(3)
    adopted = farm.store.nodes.get(extra)
    assert adopted is not None
    assert adopted.expires_at is None


def test_a_record_with_a_time_beyond_all_calendars_is_left_alone(farm: Farm, redis: Redis) -> None:
    name = of(farm, "web")[0].certname
    redis.hset(f"node:{name}", "state_since", "9999-12-31T23:59:59Z")
    farm.passes(3)
    assert name in farm.cloud.alive
    assert any(f"node:{name}" in note for note in farm.plan().notes)


@pytest.mark.parametrize("how", [name for name in SPOIL if "counts" not in name])
def test_what_is_left_alone_is_named(farm: Farm, redis: Redis, how: str) -> None:
    SPOIL[how](farm, redis)
    quiet = how.startswith(("an approval", "a back-off", "a suspicion"))
    assert any("in Redis" in note for note in farm.plan().notes) is not quiet


@pytest.mark.parametrize("how", [name for name in SPOIL if "counts" in name])
def test_counts_that_are_wrong_are_put_right(farm: Farm, redis: Redis, how: str) -> None:
    SPOIL[how](farm, redis)
    farm.passes(1)
    invariants.check(redis)
    assert not [one for one in farm.plan().actions if one.verb == "recount"]


def test_counts_that_move_meanwhile_are_left_to_the_next_pass(farm: Farm, redis: Redis) -> None:
    redis.hset("fleet:web", "fleet:ready:spot", "7")
    node = of(farm, "web")[0]

    class Moving(Queries):
        """Somebody drains a node just when its role was counted."""

        def everything(self, query: Query = Query()) -> Everything:  # noqa: B008
            found = super().everything(query)
            farm.store.nodes.change(node, event("draining"), state=State.DRAINING)
            return found

    assert not Counts(redis, Moving(redis)).put_right("web", event("recounted"))
    assert farm.store.counts.put_right("web", event("recounted"))
    invariants.check(redis)
