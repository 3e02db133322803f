"""A launch is written down only where every limit leaves room for it: looked at in one script."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis

from enc.domain.limits import Bound, Limits
from enc.domain.model import Kind, LaunchState, State
from enc.inventory import CorruptError, Inventory, LimitReachedError, StoreLostError, connect
from tests.builders import event, foreign, launch, node
from tests.fakes.clock import START
from tests.servers import RedisServer
from tests.service.invariants import dump

OF_WEB = Bound(role="web", what="machines", most=3)
OF_SITE = Bound(role="", what="machines", most=3)
WEB_HOURLY = Bound(role="web", what="launches_per_hour", most=2)
SITE_HOURLY = Bound(role="", what="launches_per_hour", most=2)


def opened(inventory: Inventory, number: int, *bounds: Bound, **fields: object) -> None:
    name = f"l-{number:016x}"
    inventory.launches.open(launch(name, **fields), event("launch opened"), bounds)


def machine(inventory: Inventory, number: int, **fields: object) -> None:
    inventory.nodes.create(node(f"i-{number:017x}", **fields), event("launched"))


@pytest.mark.parametrize("bound", [OF_WEB, OF_SITE])
def test_up_to_the_limit_a_launch_is_written_and_beyond_it_nothing_is(
    inventory: Inventory, redis: Redis, bound: Bound
) -> None:
    machine(inventory, 1)
    opened(inventory, 1, bound, want=2)
    before = dump(redis)
    with pytest.raises(LimitReachedError, match="1 live, open launches ask for 2 more, and 1 are"):
        opened(inventory, 2, bound, want=1)
    assert dump(redis) == before


def test_what_has_come_of_an_open_launch_counts_once(inventory: Inventory) -> None:
    opened(inventory, 1, want=2)
    machine(inventory, 1, launch=f"l-{1:016x}")
    opened(inventory, 2, OF_WEB, OF_SITE, want=1)
    with pytest.raises(LimitReachedError, match="1 live, open launches ask for 2 more"):
        opened(inventory, 3, OF_WEB, want=1)


def test_what_a_closed_launch_did_not_get_is_not_asked_for(inventory: Inventory) -> None:
    opened(inventory, 1, want=3)
    inventory.launches.close(f"l-{1:016x}", LaunchState.FAILED, event("launch failed"))
    opened(inventory, 2, OF_WEB, OF_SITE, want=3)


@pytest.mark.parametrize("kind", [Kind.FLEET, Kind.EXTRA, Kind.BURST])
def test_machines_of_each_kind_count(inventory: Inventory, kind: Kind) -> None:
    machine(inventory, 1, kind=kind)
    for bound in (OF_WEB, OF_SITE):
        with pytest.raises(LimitReachedError, match="1 live"):
            opened(inventory, 1, bound, want=3)


def test_machines_that_are_gone_and_foreign_ones_do_not_count(inventory: Inventory) -> None:
    gone = ((State.LOST, ""), (State.RETIRING, "confirm"), (State.RETIRING, "clean"))
    for number, (state, step) in enumerate(gone):
        made = inventory.nodes.create(node(f"i-{number:017x}"), event("launched"))
        inventory.nodes.change(made, event("gone"), state=state, retire_step=step)
    for name in ("db1.example.com", "db2.example.com"):
        stranger = inventory.nodes.create(foreign(name, role="web"), event("assigned"))
    inventory.nodes.change(stranger, event("ends"), state=State.RETIRING)
    opened(inventory, 1, OF_WEB, OF_SITE, want=3)


@pytest.mark.parametrize("step", ["terminate", ""])
@pytest.mark.parametrize("bound", [OF_WEB, OF_SITE])
def test_a_retiring_machine_counts_until_ec2_was_told_to_end_it(
    inventory: Inventory, bound: Bound, step: str
) -> None:
    made = inventory.nodes.create(node(f"i-{1:017x}"), event("launched"))
    inventory.nodes.change(made, event("retiring"), state=State.RETIRING, retire_step=step)
    with pytest.raises(LimitReachedError, match="1 live"):
        opened(inventory, 1, bound, want=3)


def test_a_retiring_machine_of_another_role_counts_for_the_site_alone(
    inventory: Inventory,
) -> None:
    made = inventory.nodes.create(node(f"i-{1:017x}", role="db"), event("launched"))
    inventory.nodes.change(made, event("retiring"), state=State.RETIRING, retire_step="terminate")
    opened(inventory, 1, OF_WEB, want=3)
    inventory.launches.close(f"l-{1:016x}", LaunchState.FAILED, event("launch failed"))
    with pytest.raises(LimitReachedError, match="1 live"):
        opened(inventory, 2, OF_SITE, want=3)


def test_another_role_s_machines_count_for_the_site_alone(inventory: Inventory) -> None:
    machine(inventory, 1, role="db")
    opened(inventory, 1, OF_WEB, want=3)
    with pytest.raises(LimitReachedError, match="of the site is 3: 1 live"):
        opened(inventory, 2, OF_SITE, want=1)


@pytest.mark.parametrize("bound", [WEB_HOURLY, SITE_HOURLY])
def test_launches_of_the_last_hour_count_and_older_ones_do_not(
    inventory: Inventory, bound: Bound
) -> None:
    late = START + timedelta(minutes=61)
    opened(inventory, 1, bound)
    opened(inventory, 2, bound)
    with pytest.raises(LimitReachedError, match="2 launches were opened within the last hour"):
        opened(inventory, 3, bound)
    opened(inventory, 3, bound, opened_at=late)


def test_another_role_s_launches_count_for_the_site_alone(inventory: Inventory) -> None:
    for number in (1, 2):
        opened(inventory, number, role="db")
    opened(inventory, 3, WEB_HOURLY)
    with pytest.raises(LimitReachedError, match="of the site"):
        opened(inventory, 4, SITE_HOURLY)


def test_records_that_somebody_garbled_keep_nobody_from_launching(
    inventory: Inventory, redis: Redis
) -> None:
    opened(inventory, 1)
    opened(inventory, 2)
    redis.hset(f"launch:l-{1:016x}", "want", "many")
    redis.delete(f"launch:l-{2:016x}")
    redis.set(f"launch:l-{2:016x}", "x")
    redis.set("fleet:web", "x")
    opened(inventory, 3, OF_WEB, OF_SITE, WEB_HOURLY, want=3)


def test_of_many_at_once_as_many_come_through_as_there_is_room(
    inventory: Inventory, redis_server: RedisServer
) -> None:
    def one(number: int) -> bool:
        client = connect(redis_server.url, timeout=5)
        try:
            opened(Inventory.on(client), number, OF_WEB, OF_SITE, want=1)
        except LimitReachedError:
            return False
        finally:
            client.close()
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(12))) == 3


# The site's limits.


def test_limits_are_read_as_they_were_written(inventory: Inventory) -> None:
    assert inventory.limits.get() == Limits()
    given = Limits(machines=50, launches_per_hour=20)
    assert inventory.limits.put(given, event("roles applied"))
    assert inventory.limits.get() == given
    assert not inventory.limits.put(given, event("roles applied"))
    assert inventory.limits.put(replace(given, machines=None), event("roles applied"))
    assert inventory.limits.get() == Limits(launches_per_hour=20)


def test_limits_of_a_store_that_is_lost_are_not_none(inventory: Inventory, redis: Redis) -> None:
    redis.delete("meta")
    with pytest.raises(StoreLostError):
        inventory.limits.get()


@pytest.mark.parametrize("text", ["x", "[]", '{"machines": "9"}', '{"machines": true}', '{"m": 1}'])
def test_limits_that_cannot_be_read_are_an_error(
    inventory: Inventory, redis: Redis, text: str
) -> None:
    redis.hset("meta", "limits", text)
    with pytest.raises(CorruptError, match="meta"):
        inventory.limits.get()
