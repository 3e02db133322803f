"""Taking reports on a real store: state, status and runs together, each report once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from enc.domain.model import Node, State
from enc.inventory import (
    ConflictError,
    CorruptError,
    Inventory,
    StoreLostError,
    StoreUnavailableError,
    connect,
)
from enc.inventory.clock import redis_now
from enc.inventory.meta import OtherSiteError
from enc.inventory.nodes import Nodes
from enc.inventory.reports import Reports, Taken
from enc.inventory.runs import run_record
from tests.builders import event, foreign, node
from tests.conftest import begin, on_each_redis
from tests.fakes.clock import START
from tests.servers import RedisServer
from tests.service.invariants import check, dump
from tests.summaries import report

pytestmark = on_each_redis

NODE = "i-0aaaaaaaaaaaaaaa1"
HALF_HOUR = timedelta(minutes=30)


def born(store: Inventory, state: State = State.PENDING, **fields: Any) -> Node:
    return store.nodes.create(node(NODE, state=state, **fields), event("launched"))


def taken(store: Inventory, number: int = 0, **changes: Any) -> Taken:
    """The report of the run that began ``number`` half hours after the start."""
    time = changes.pop("time", START + number * HALF_HOUR)
    found = report(changes.pop("certname", NODE), time=time, **changes)
    return store.reports.take(found, site="default", who="ship-reports")


def as_it_is(store: Inventory) -> Node:
    found = store.nodes.get(NODE)
    assert found is not None
    return found


def life(store: Inventory) -> list[str]:
    return [entry["what"] for entry in store.events.life(NODE)]


def test_a_good_report_makes_a_pending_node_ready_in_two_steps(
    inventory: Inventory, redis: Redis
) -> None:
    born(inventory)
    before = redis_now(redis)

    assert taken(inventory) is Taken.TAKEN

    found = as_it_is(inventory)
    assert (found.state, found.report_status, found.report_at) == (State.READY, "changed", START)
    assert found.ready_at is not None
    assert found.ready_at == found.state_since >= before.replace(microsecond=0)
    _, running, ready = inventory.events.life(NODE)
    assert (running["was"], running["state"]) == ("pending", "running")
    assert (ready["was"], ready["state"]) == ("running", "ready")
    assert (ready["who"], ready["why"]) == ("ship-reports", "Puppet's report: changed")
    assert redis.hgetall("fleet:web") == {"extra:ready:spot": "1"}
    check(redis)


@pytest.mark.parametrize("state", [State.RUNNING, State.FAILED])
def test_a_good_report_makes_a_running_or_failed_node_ready(
    inventory: Inventory, redis: Redis, state: State
) -> None:
    born(inventory, state)

    taken(inventory)

    assert as_it_is(inventory).state is State.READY
    assert life(inventory) == ["launched", "ready"]
    check(redis)


@pytest.mark.parametrize("state", [State.LOST, State.DRAINING, State.RETIRING, State.READY])
def test_a_good_report_of_another_node_is_kept_and_moves_nothing(
    inventory: Inventory, redis: Redis, state: State
) -> None:
    before = born(inventory, state)

    assert taken(inventory) is Taken.TAKEN

    found = as_it_is(inventory)
    assert found == replace(before, report_status="changed", report_at=START, rev=before.rev + 1)
    assert life(inventory) == ["launched", "report"]
    check(redis)


def test_a_failed_run_is_kept_and_makes_nothing_ready(inventory: Inventory) -> None:
    born(inventory, State.RUNNING)

    taken(inventory, status="failed", errors=["no such package"])

    assert (as_it_is(inventory).state, as_it_is(inventory).report_status) == ("running", "failed")
    [run] = inventory.reports.runs(NODE)
    assert run.errors == ("no such package",)
    assert "no such package" not in str(inventory.events.life(NODE))


def test_a_report_that_comes_twice_changes_nothing_the_second_time(
    inventory: Inventory, redis: Redis
) -> None:
    born(inventory)
    taken(inventory)
    before = dump(redis)

    assert taken(inventory) is Taken.OLD
    assert taken(inventory, -1, status="failed") is Taken.OLD
    assert dump(redis) == before


def test_routine_writes_no_events_and_a_change_of_status_does(
    inventory: Inventory, redis: Redis
) -> None:
    born(inventory)
    said = ["changed", "unchanged", "unchanged", "unchanged", "failed", "failed", "unchanged"]

    for number, status in enumerate(said):
        taken(inventory, number, status=status)

    assert [run.status for run in inventory.reports.runs(NODE)] == said
    whys = [entry["why"] for entry in inventory.events.life(NODE) if entry["what"] == "report"]
    assert whys == [f"Puppet's report: {s}" for s in ("unchanged", "failed", "unchanged")]
    assert as_it_is(inventory).report_at == START + 6 * HALF_HOUR
    check(redis)


def test_the_last_ten_runs_are_kept_oldest_first_and_whole(inventory: Inventory) -> None:
    born(inventory, State.READY)
    counts = {**report().resources, "total": 7, "failed": 0}
    for number in range(12):
        taken(inventory, number, resources={**counts, "changed": number}, errors=["\x1b\u2028é"])

    runs = inventory.reports.runs(NODE)

    assert [run.resources["changed"] for run in runs] == list(range(2, 12))
    time = START + 11 * HALF_HOUR
    sent = report(resources={**counts, "changed": 11}, errors=["\x1b\u2028é"], time=time)
    assert runs[-1] == sent
    assert run_record(runs[-1])["time"] == "2026-01-01T17:30:00.000Z"


def test_what_is_empty_in_a_run_takes_no_room_and_comes_back(
    inventory: Inventory, redis: Redis
) -> None:
    born(inventory, State.READY)
    nothing = {
        **dict.fromkeys(("environment", "configuration_version", "transaction_uuid"), ""),
        "puppet_version": "",
        "seconds": {"total": 0, "config_retrieval": None},
        "resources": dict.fromkeys(report().resources, 0),
        "status": "unchanged",
    }

    taken(inventory, **nothing)

    [text] = redis.lrange(f"runs:{NODE}", 0, -1)
    assert json.loads(text) == {
        "time": "2026-01-01T12:00:00.000Z",
        "status": "unchanged",
        "seconds": {"total": 0.0},
    }
    assert inventory.reports.runs(NODE) == [report(**nothing)]


def test_the_runs_of_a_node_go_with_its_life_and_not_those_of_another(
    inventory: Inventory, redis: Redis
) -> None:
    other = "db1.example.com"
    inventory.nodes.create(foreign(other), event())
    taken(inventory, certname=other)
    born(inventory, State.RETIRING)
    taken(inventory)
    inventory.nodes.archive(as_it_is(inventory), event("archived"))

    assert inventory.reports.runs(NODE) == []
    assert len(inventory.reports.runs(other)) == 1
    check(redis)


def test_a_report_of_a_node_that_has_ended_or_never_was_is_told_apart_and_leaves_nothing(
    inventory: Inventory, redis: Redis
) -> None:
    born(inventory, State.RETIRING)
    inventory.nodes.archive(as_it_is(inventory), event("archived"))
    before = dump(redis)

    assert taken(inventory) is Taken.ENDED
    assert taken(inventory, certname="i-0aaaaaaaaaaaaaaa9") is Taken.UNKNOWN
    assert dump(redis) == before


def a_moment_passes(redis: Redis) -> None:
    """Times are kept in milliseconds: two within one are the same time."""
    began = redis_now(redis)
    while redis_now(redis) - began < timedelta(milliseconds=2):
        pass


def test_a_report_of_a_clock_that_is_ahead_is_taken_once_however_often_it_is_sent(
    inventory: Inventory, redis: Redis
) -> None:
    born(inventory, State.RUNNING)
    early = redis_now(redis) + HALF_HOUR
    assert taken(inventory, time=early, status="failed", transaction_uuid="a") is Taken.TAKEN
    a_moment_passes(redis)
    assert taken(inventory, time=early + HALF_HOUR, transaction_uuid="b") is Taken.TAKEN
    a_moment_passes(redis)

    again = taken(inventory, time=early, status="failed", transaction_uuid="a")

    assert again is Taken.OLD
    assert as_it_is(inventory).report_status == "changed"
    assert len(inventory.reports.runs(NODE)) == 2


def test_a_spoilt_run_keeps_no_report_of_such_a_clock_out(
    inventory: Inventory, redis: Redis
) -> None:
    born(inventory, State.RUNNING)
    redis.rpush(f"runs:{NODE}", "spoilt")

    assert taken(inventory, time=redis_now(redis) + HALF_HOUR) is Taken.TAKEN


def test_one_without_a_uuid_is_taken_again(inventory: Inventory, redis: Redis) -> None:
    born(inventory, State.RUNNING)
    early = redis_now(redis) + HALF_HOUR

    for _ in range(2):
        assert taken(inventory, time=early, transaction_uuid="") is Taken.TAKEN
        a_moment_passes(redis)


def test_a_clock_that_is_years_ahead_blocks_no_later_report(
    inventory: Inventory, redis: Redis
) -> None:
    born(inventory, State.READY)
    before = redis_now(redis)

    taken(inventory, time=before + timedelta(days=3650), status="failed")

    found = as_it_is(inventory)
    assert found.report_at is not None
    assert before - timedelta(seconds=1) < found.report_at <= redis_now(redis)
    assert inventory.reports.runs(NODE)[0].time == found.report_at
    assert taken(inventory, time=found.report_at + timedelta(milliseconds=1)) is Taken.TAKEN


# Somebody else, and the end of the world


class Interrupted(Nodes):
    """Lets something happen just before each report is written."""

    happens: Callable[[], object]

    def report(self, *args: Any, **fields: Any) -> Node:
        self.happens()
        return super().report(*args, **fields)


def interrupted(store: Inventory, happens: Callable[[], object]) -> Reports:
    nodes = Interrupted(store.redis)
    nodes.happens = happens
    return Reports(store.redis, nodes, store.lookups)


def test_a_node_that_somebody_changed_meanwhile_is_looked_at_again(inventory: Inventory) -> None:
    born(inventory, State.RUNNING)

    def drain() -> None:
        if as_it_is(inventory).state is State.RUNNING:
            inventory.nodes.change(as_it_is(inventory), event(), state=State.DRAINING)

    reports = interrupted(inventory, drain)

    assert reports.take(report(), site="default", who="x") is Taken.TAKEN
    assert (as_it_is(inventory).state, as_it_is(inventory).report_status) == ("draining", "changed")


def test_a_node_that_somebody_changes_without_pause_is_given_up_and_can_be_sent_again(
    inventory: Inventory,
) -> None:
    born(inventory, State.READY)
    busy = interrupted(inventory, lambda: inventory.nodes.change(as_it_is(inventory), event()))

    with pytest.raises(StoreUnavailableError, match="changed by someone else each of the 5 times"):
        busy.take(report(), site="default", who="x")
    assert inventory.reports.runs(NODE) == []
    assert taken(inventory) is Taken.TAKEN


def test_who_dies_between_the_steps_to_ready_has_not_taken_the_report(
    inventory: Inventory,
) -> None:
    born(inventory)

    def die() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted(inventory, die).take(report(), site="default", who="x")
    assert (as_it_is(inventory).state, as_it_is(inventory).report_at) == (State.RUNNING, None)

    assert taken(inventory) is Taken.TAKEN
    assert as_it_is(inventory).state is State.READY
    assert life(inventory) == ["launched", "running", "ready"]


def test_a_node_that_ends_between_the_look_and_the_writing_keeps_no_runs(
    inventory: Inventory, redis: Redis
) -> None:
    retiring = born(inventory, State.RETIRING)
    reports = interrupted(inventory, lambda: inventory.nodes.archive(retiring, event()))

    assert reports.take(report(), site="default", who="x") is Taken.ENDED
    check(redis)


def test_the_same_report_many_times_at_once_is_taken_once(
    inventory: Inventory, redis: Redis, redis_server: RedisServer
) -> None:
    born(inventory)
    gate, found = threading.Barrier(4), []

    def send() -> None:
        mine = Inventory.on(connect(redis_server.url, timeout=5))
        gate.wait()
        found.append(taken(mine))
        mine.redis.close()

    threads = [threading.Thread(target=send) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert sorted(found) == [Taken.OLD] * 3 + [Taken.TAKEN]
    assert len(inventory.reports.runs(NODE)) == 1
    check(redis)


def test_a_lost_store_is_no_answer(inventory: Inventory, redis: Redis) -> None:
    redis.flushall()

    for act in (lambda: taken(inventory), lambda: inventory.reports.runs(NODE)):
        with pytest.raises(StoreLostError):
            act()


def test_another_sites_store_is_no_answer(new_store: Inventory) -> None:
    begin(new_store, site="elsewhere")

    with pytest.raises(OtherSiteError):
        taken(new_store)


def test_a_store_that_is_lost_between_the_look_and_the_writing_gets_nothing(
    inventory: Inventory, redis: Redis
) -> None:
    born(inventory, State.READY)
    reports = interrupted(inventory, redis.flushall)

    with pytest.raises(StoreLostError):
        reports.take(report(), site="default", who="x")
    assert redis.keys() == []


def test_a_full_redis_takes_nothing_of_a_routine_report(inventory: Inventory, redis: Redis) -> None:
    born(inventory, State.READY)
    taken(inventory)
    before = dump(redis)
    redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailableError, match="raise its maxmemory"):
            taken(inventory, 1)
    finally:
        redis.config_set("maxmemory", 0)
    assert dump(redis) == before


def test_a_log_that_takes_no_event_takes_no_run_either(inventory: Inventory, redis: Redis) -> None:
    born(inventory, State.READY)
    redis.xadd("events", {"what": "the last"}, id=f"{2**64 - 1}-{2**64 - 1}")
    before = dump(redis)

    with pytest.raises(StoreUnavailableError, match="stream"):
        taken(inventory)
    assert dump(redis) == before


@pytest.mark.parametrize("key", [f"runs:{NODE}", f"life:{NODE}", f"node:{NODE}", "nodes", "events"])
def test_a_key_of_the_wrong_type_is_named_and_nothing_is_written(
    inventory: Inventory, redis: Redis, key: str
) -> None:
    born(inventory, State.READY)
    redis.delete(key)
    redis.set(key, "text")
    before = dump(redis)

    with pytest.raises(CorruptError) as caught:
        taken(inventory)
    assert caught.value.key == key
    assert dump(redis) == before


@pytest.mark.parametrize(
    "text",
    [
        *("", "text", "[]", "null", "{}", '{"time":"x","status":"changed"}'),
        '{"time":"2026-01-01T12:00:00.000Z","status":"changed","seconds":[]}',
    ],
)
def test_a_run_that_is_none_is_named(inventory: Inventory, redis: Redis, text: str) -> None:
    born(inventory)
    redis.rpush(f"runs:{NODE}", text)

    with pytest.raises(CorruptError, match=f"^runs:{NODE} in Redis holds"):
        inventory.reports.runs(NODE)


def test_a_conflict_is_what_an_old_rev_gets(inventory: Inventory) -> None:
    old = born(inventory, State.READY)
    inventory.nodes.change(old, event(), held="x")

    with pytest.raises(ConflictError):
        inventory.nodes.report(old, "{}", datetime.now(START.tzinfo), None, report_status="changed")
    assert inventory.reports.runs(NODE) == []
