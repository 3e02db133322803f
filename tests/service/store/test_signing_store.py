"""Judging a certificate request on a real store: one key for a node, and a bounded record."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from enc.domain.certname import ImpossibleCertnameError
from enc.domain.model import State
from enc.domain.trust import Reason, Verdict, password
from enc.inventory import ConflictError, CorruptError, Inventory, StoreError, StoreLostError
from enc.inventory.clock import redis_now
from enc.inventory.signing import ACCEPTED, REFUSED
from tests.builders import event, foreign, launch, node
from tests.conftest import begin, on_each_redis
from tests.csrs import ec_key, request

NODE = "i-0aaaaaaaaaaaaaaa1"
LAUNCH = "l-00000000000000aa"
KEY = "5e" * 32
GOOD = request(NODE, password(KEY, NODE), key=ec_key())
OTHER_KEY = request(NODE, password(KEY, NODE), key=ec_key(name="other"))
STRANGERS = request(NODE, "0" * 64, key=ec_key(name="stranger"))

pytestmark = on_each_redis


@pytest.fixture
def store(inventory: Inventory, redis: Redis) -> Inventory:
    """One node of one launch, whose key is good for an hour by Redis' clock."""
    now = redis_now(redis)
    opened = launch(LAUNCH, key=KEY, opened_at=now, key_expires=now + timedelta(hours=1))
    inventory.launches.open(opened, event())
    inventory.nodes.create(node(NODE, launch=LAUNCH), event("launched"))
    return inventory


def judged(store: Inventory, pem: bytes = GOOD, certname: str = NODE) -> Verdict:
    return store.signing.judge(certname, pem, site="default", who="autosign")


def verdicts(store: Inventory, what: str = REFUSED) -> list[dict[str, str]]:
    return [fields for _, fields in store.events.after(count=1000) if fields["what"] == what]


def state_of(store: Inventory) -> Any:
    found = store.nodes.get(NODE)
    assert found is not None
    return found


def test_a_key_that_was_let_in_stays_though_the_record_forgets_it(
    store: Inventory, redis: Redis
) -> None:
    """Whoever has the service's login may write what a record says, and not what was signed."""
    assert judged(store).sign
    redis.hdel(f"node:{NODE}", "csr_key")

    assert judged(store, OTHER_KEY).reason is Reason.OTHER_KEY
    assert judged(store).reason is Reason.OURS_AGAIN


def test_a_key_that_version_0_1_0_let_in_stays(store: Inventory, redis: Redis) -> None:
    """It wrote it into the record alone."""
    assert judged(store).sign
    redis.delete(f"signed:{NODE}")

    assert judged(store, OTHER_KEY).reason is Reason.OTHER_KEY


def test_what_was_signed_goes_with_its_node(store: Inventory, redis: Redis) -> None:
    assert judged(store).sign
    ending = store.nodes.change(state_of(store), event(), state=State.RETIRING)
    store.nodes.archive(ending, event("archived"))

    assert redis.exists(f"signed:{NODE}") == 0


def test_the_key_of_a_machine_that_is_signed_is_written_down_with_an_event(
    store: Inventory,
) -> None:
    verdict = judged(store)

    assert verdict.sign
    assert state_of(store).csr_key == verdict.key
    [accepted] = verdicts(store, ACCEPTED)
    assert (accepted["node"], accepted["launch"], accepted["who"]) == (NODE, LAUNCH, "autosign")
    assert accepted["key"] == verdict.key[:16]
    assert store.events.life(NODE)[-1]["what"] == ACCEPTED


def test_the_same_key_gets_the_same_yes_and_changes_nothing(store: Inventory) -> None:
    judged(store)
    before = state_of(store)

    again = judged(store)

    assert (again.sign, again.reason) == (True, Reason.OURS_AGAIN)
    assert state_of(store) == before


def test_another_key_gets_a_no_and_the_first_stays(store: Inventory) -> None:
    first = judged(store)

    assert judged(store, OTHER_KEY).reason is Reason.OTHER_KEY
    assert state_of(store).csr_key == first.key


def test_of_several_keys_at_once_exactly_one_is_signed(store: Inventory) -> None:
    pems = [request(NODE, password(KEY, NODE), key=ec_key(name=f"k{n}")) for n in range(8)]
    gate, answers = threading.Barrier(len(pems)), []

    def ask(pem: bytes) -> None:
        gate.wait()
        answers.append(judged(store, pem))

    threads = [threading.Thread(target=ask, args=(pem,)) for pem in pems]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    [signed] = [verdict for verdict in answers if verdict.sign]
    assert state_of(store).csr_key == signed.key
    assert {v.reason for v in answers if not v.sign} == {Reason.OTHER_KEY}


def test_a_refusal_leaves_the_node_as_it_was_and_says_why(store: Inventory) -> None:
    before = state_of(store)

    verdict = judged(store, STRANGERS)

    assert verdict.wrong
    assert state_of(store) == before
    [refused] = verdicts(store)
    assert (refused["node"], refused["reason"]) == (NODE, "wrong-password")
    assert store.events.life(NODE)[-1]["reason"] == "wrong-password"
    assert KEY not in str(refused)
    assert refused["why"].startswith("the password is not")


def test_the_time_that_counts_is_the_stores(store: Inventory, redis: Redis) -> None:
    redis.hset(f"launch:{LAUNCH}", "key_expires", "2026-01-01T00:00:00.000Z")

    assert judged(store).reason is Reason.EXPIRED


@pytest.mark.parametrize("state", [State.RETIRING, State.ARCHIVED])
def test_a_machine_that_has_ended_is_refused(store: Inventory, state: State) -> None:
    ending = store.nodes.change(state_of(store), event(), state=State.RETIRING)
    if state is State.ARCHIVED:
        store.nodes.archive(ending, event("archived"))

    verdict = judged(store)

    assert (verdict.reason, verdict.wrong) == (Reason.ENDED_NODE, True)
    assert store.events.life(NODE)[-1]["reason"] == "ended-node"


def test_a_machine_that_nobody_recorded_is_refused_until_it_is(store: Inventory) -> None:
    late = "i-0aaaaaaaaaaaaaaa2"
    pem = request(late, password(KEY, late), key=ec_key())

    assert judged(store, pem, late).reason is Reason.UNKNOWN_NODE
    store.nodes.create(node(late, launch=LAUNCH), event())
    assert judged(store, pem, late).sign


def test_a_foreign_node_is_left_for_a_person(store: Inventory) -> None:
    store.nodes.create(foreign(), event())
    pem = request("db1.example.com", key=ec_key())

    verdict = judged(store, pem, "db1.example.com")

    assert (verdict.reason, verdict.wrong) == (Reason.FOREIGN_NODE, False)


def test_a_node_whose_launch_the_store_forgot_is_left_for_a_person(
    store: Inventory, redis: Redis
) -> None:
    redis.delete(f"launch:{LAUNCH}")

    assert judged(store).reason is Reason.NO_LAUNCH


def test_a_node_that_changes_while_it_is_judged_is_looked_at_again(
    store: Inventory, redis: Redis
) -> None:
    """Somebody changes it without pause; the key comes through, or nothing is judged."""
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            with suppress(ConflictError):
                store.nodes.change(state_of(store), event("busy"), image="ami-1")
            stop.wait(0.002)

    busy = threading.Thread(target=change)
    busy.start()
    try:
        sure = any(_judged_at_all(store) for _ in range(20))
    finally:
        stop.set()
        busy.join()
    assert sure
    assert state_of(store).csr_key


def _judged_at_all(store: Inventory) -> bool:
    try:
        return judged(store).sign
    except StoreError:
        return False


# The record -----------------------------------------------------------------------------------


def test_the_same_refusal_within_a_minute_is_one_event(store: Inventory) -> None:
    for _ in range(5):
        judged(store, STRANGERS)

    assert len(verdicts(store)) == 1


def test_the_next_event_says_how_many_it_stands_for(store: Inventory, redis: Redis) -> None:
    for _ in range(5):
        judged(store, STRANGERS)
    redis.hincrby(f"verdict:{NODE}:wrong-password", "began", -60)

    judged(store, STRANGERS)

    assert [refused.get("times") for refused in verdicts(store)] == [None, "5"]


def test_another_reason_is_an_event_of_its_own(store: Inventory) -> None:
    judged(store, STRANGERS)
    judged(store, b"")

    assert [refused["reason"] for refused in verdicts(store)] == ["wrong-password", "unreadable"]


def test_unknown_certnames_share_sixty_events_a_minute(store: Inventory, redis: Redis) -> None:
    for number in range(70):
        name = f"stranger{number}"
        judged(store, b"", name)
    judged(store, STRANGERS)

    refused = verdicts(store)
    assert len([each for each in refused if each["node"].startswith("stranger")]) == 60
    assert refused[-1]["node"] == NODE
    assert redis.hget("verdicts:unknown", "unlogged") == "10"


def test_what_unknown_certnames_leave_behind_is_gone_after_their_minute(
    store: Inventory, redis: Redis
) -> None:
    for number in range(70):
        judged(store, b"", f"stranger{number}")

    own = list(redis.scan_iter("verdict:stranger*"))
    assert len(own) == 60
    assert all(0 < redis.ttl(key) <= 60 for key in own)
    assert not redis.exists("life:stranger1")


def test_an_unknown_name_that_asks_again_and_again_is_counted_with_all_of_them(
    store: Inventory, redis: Redis
) -> None:
    for _ in range(5):
        judged(store, b"", "stranger1")
    redis.delete("verdict:stranger1:unreadable")

    judged(store, b"", "stranger1")

    assert [refused.get("times") for refused in verdicts(store)] == [None, "5"]


def test_refusals_do_not_wash_a_life_out(store: Inventory, redis: Redis) -> None:
    """Each in another minute: the log has them all, the life the first of the day."""
    for _ in range(10):
        judged(store, STRANGERS)
        redis.hincrby(f"verdict:{NODE}:wrong-password", "began", -60)

    life = [entry["what"] for entry in store.events.life(NODE)]
    assert (len(verdicts(store)), life) == (10, ["launched", REFUSED])


def test_the_next_day_has_its_own_entry_in_the_life(store: Inventory, redis: Redis) -> None:
    for _ in range(2):
        judged(store, STRANGERS)
        for field in ("began", "lived"):
            redis.hincrby(f"verdict:{NODE}:wrong-password", field, -86400)

    assert [entry["what"] for entry in store.events.life(NODE)] == ["launched", REFUSED, REFUSED]


def test_a_clock_that_was_put_back_does_not_silence_the_record(
    store: Inventory, redis: Redis
) -> None:
    judged(store, STRANGERS)
    redis.hincrby(f"verdict:{NODE}:wrong-password", "began", 3600)

    judged(store, STRANGERS)

    assert len(verdicts(store)) == 2


# The store ------------------------------------------------------------------------------------


def test_a_lost_store_judges_nothing(store: Inventory, redis: Redis) -> None:
    redis.delete("meta")

    with pytest.raises(StoreLostError):
        judged(store)


def test_another_sites_store_judges_nothing(new_store: Inventory) -> None:
    begin(new_store, site="elsewhere")

    with pytest.raises(StoreError, match="site elsewhere"):
        judged(new_store)


def test_a_key_of_the_wrong_type_is_named_and_nothing_is_written(
    store: Inventory, redis: Redis
) -> None:
    redis.set(f"verdict:{NODE}:wrong-password", "x")

    with pytest.raises(CorruptError, match=f"verdict:{NODE}:wrong-password"):
        judged(store, STRANGERS)
    assert verdicts(store) == []


@pytest.mark.parametrize("name", ["", "../../etc/x", "a b", "A", "x" * 256])
def test_a_name_that_no_machine_can_have_is_not_judged(store: Inventory, name: str) -> None:
    with pytest.raises(ImpossibleCertnameError):
        judged(store, GOOD, name)
    assert verdicts(store) == []
