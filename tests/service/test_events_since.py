"""What has happened since: filtered in Redis, a bounded way at a time, and the cursor moves on."""

from __future__ import annotations

import pytest
from redis import Redis

from enc.inventory import BadCursorError, CorruptError, Inventory, StoreLostError
from enc.inventory.events import SCANNED
from tests.conftest import on_each_redis

pytestmark = on_each_redis

# As many by a client: a second.
_NOISE = """
for n = 1, tonumber(ARGV[1]) do redis.call('XADD', KEYS[1], '*', 'what', 'noise', 'who', 'x') end
"""


def log(redis: Redis, *whats: str | bytes) -> list[str]:
    return [redis.xadd("events", {"what": what}) for what in whats]


def whats(found: tuple[list[tuple[str, dict[str, str]]], str]) -> list[str]:
    return [fields["what"] for _, fields in found[0]]


def test_comes_the_oldest_first_with_the_id_to_go_on_from(
    inventory: Inventory, redis: Redis
) -> None:
    start, *ids = log(redis, "a", "b", "c", "b")
    assert whats(found := inventory.events.since(start, 2, {})) == ["b", "c"]
    assert found[1] == ids[1]
    assert whats(found := inventory.events.since(found[1], 2, {})) == ["b"]
    assert found[1] == ids[2]
    assert inventory.events.since(found[1], 2, {}) == ([], ids[2])


def test_that_is_asked_for_comes_and_the_id_passes_over_the_rest(
    inventory: Inventory, redis: Redis
) -> None:
    start, *ids = log(redis, "a", "b", "c", "b", "d")
    assert whats(found := inventory.events.since(start, 1, {"what": "b"})) == ["b"]
    assert found[1] == ids[0]
    assert whats(found := inventory.events.since(found[1], 9, {"what": "b"})) == ["b"]
    assert found[1] == ids[-1]


def test_far_ahead_is_looked_for_a_bounded_way_at_a_time(
    inventory: Inventory, redis: Redis
) -> None:
    [start] = log(redis, "a")
    redis.eval(_NOISE, 1, "events", SCANNED + 10)
    [wanted] = log(redis, "late")
    first, on = inventory.events.since(start, 5, {"what": "late"})
    assert first == []
    assert place(start) < place(on) < place(wanted)
    assert whats(found := inventory.events.since(on, 5, {"what": "late"})) == ["late"]
    assert found[1] == wanted


def place(entry: str) -> tuple[int, ...]:
    """Of an id in the order of the log: as text, 96 would come behind 107 of its millisecond."""
    return tuple(map(int, entry.split("-")))


def test_that_is_not_asked_for_is_not_even_read(inventory: Inventory, redis: Redis) -> None:
    start, *_ = log(redis, "a", b"\xff", "b")
    assert whats(inventory.events.since(start, 5, {"what": "b"})) == ["b"]
    with pytest.raises(CorruptError, match=r"^events in Redis is not UTF-8"):
        inventory.events.since(start, 5, {})


def test_behind_what_is_no_id_is_refused(inventory: Inventory) -> None:
    with pytest.raises(BadCursorError, match="is not the id of an event"):
        inventory.events.since("soon", 5, {})


def test_a_lost_store_has_no_news_rather_than_none(inventory: Inventory, redis: Redis) -> None:
    redis.delete("meta")
    with pytest.raises(StoreLostError):
        inventory.events.since("0", 5, {"what": "b"})
