"""What a role's nodes are together: their last runs and their ages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from enc.domain.model import State
from enc.inventory import CorruptError, Inventory, StoreLostError
from tests.builders import event, foreign, node
from tests.conftest import on_each_redis
from tests.fakes.clock import START
from tests.service import invariants

pytestmark = on_each_redis

HOUR = timedelta(hours=1)


def runs(inventory: Inventory, role: str = "web") -> dict[str, int]:
    return inventory.roles.runs([role])[role]


def aged(inventory: Inventory, *hours: float, role: str = "web") -> None:
    for n, each in enumerate(hours):
        born = node(f"i-{role.encode().hex()}{n}", role=role, launched_at=START - each * HOUR)
        inventory.nodes.create(born, event())


class TestLastRuns:
    def test_move_with_each_node(self, inventory: Inventory, redis: Redis) -> None:
        one = inventory.nodes.create(node("i-0a"), event())
        inventory.nodes.create(node("i-0b"), event())
        assert runs(inventory) == {"none": 2}
        one = inventory.nodes.change(one, event(), report_status="changed")
        assert runs(inventory) == {"none": 1, "changed": 1}
        one = inventory.nodes.change(one, event(), report_status="failed")
        assert runs(inventory) == {"none": 1, "failed": 1}
        one = inventory.nodes.change(one, event(), role="db")
        assert inventory.roles.runs(["web", "db"]) == {"web": {"none": 1}, "db": {"failed": 1}}
        one = inventory.nodes.change(one, event(), state=State.RETIRING)
        inventory.nodes.archive(one, event())
        assert runs(inventory, "db") == {}
        invariants.check(redis)

    def test_are_not_moved_by_what_is_no_run(self, inventory: Inventory, redis: Redis) -> None:
        one = inventory.nodes.create(node(report_status="unchanged"), event())
        inventory.nodes.change(one, event(), state=State.READY)
        assert runs(inventory) == {"unchanged": 1}
        invariants.check(redis)

    def test_are_none_of_a_role_without_nodes(self, inventory: Inventory) -> None:
        assert inventory.roles.runs(["web"]) == {"web": {}}
        assert inventory.roles.runs([]) == {}

    @pytest.mark.parametrize("text", ["some", "", "1.5"])
    def test_that_are_no_numbers_are_named(
        self, inventory: Inventory, redis: Redis, text: str
    ) -> None:
        redis.hset("ran:web", "none", text)
        with pytest.raises(CorruptError, match=r"^ran:web in Redis has none = "):
            inventory.roles.runs(["web"])

    def test_that_are_no_numbers_stop_a_change_before_anything_is_written(
        self, inventory: Inventory, redis: Redis
    ) -> None:
        one = inventory.nodes.create(node(), event())
        redis.hset("ran:web", "none", "some")
        before = invariants.dump(redis)
        with pytest.raises(CorruptError, match=r"^ran:web in Redis counts with something"):
            inventory.nodes.change(one, event(), report_status="changed")
        assert invariants.dump(redis) == before

    @pytest.mark.parametrize("spoilt", [{"none": "7"}, {"failed": "1"}, {"none": "x"}])
    def test_that_are_wrong_are_put_right(
        self, inventory: Inventory, redis: Redis, spoilt: dict[str, str]
    ) -> None:
        inventory.nodes.create(node(), event())
        redis.hset("ran:web", mapping=spoilt)
        every = inventory.queries.everything()
        assert inventory.counts.wrong(every.counts, ["web", "db"]) == ["web"]
        assert inventory.counts.put_right("web", event("recounted"))
        assert runs(inventory) == {"none": 1}
        assert inventory.counts.wrong(every.counts, ["web", "db"]) == []
        assert not inventory.counts.put_right("web", event("recounted"))
        invariants.check(redis)

    def test_of_a_store_that_never_counted_them_are_counted(
        self, inventory: Inventory, redis: Redis
    ) -> None:
        inventory.nodes.create(node(report_status="changed"), event())
        redis.delete("ran:web")
        assert inventory.counts.put_right("web", event("recounted"))
        assert runs(inventory) == {"changed": 1}
        invariants.check(redis)


class TestAges:
    @pytest.mark.parametrize(
        ("edges", "counts"),
        [
            ([], [4]),
            ([3], [1, 3]),
            ([3, 2, 1], [1, 1, 1, 1]),
            ([1], [3, 1]),
            ([0.5], [3, 1]),
            ([0.5, 0.25], [3, 0, 1]),
            ([0], [3, 1]),
            ([-1], [4, 0]),
        ],
    )
    def test_are_counted_in_spans_each_of_which_has_its_lower_edge(
        self, inventory: Inventory, edges: list[float], counts: list[int]
    ) -> None:
        aged(inventory, 3.5, 3, 2, 0)
        found = inventory.roles.ages(["web"], [START - each * HOUR for each in edges])
        assert found == {"web": counts}

    def test_are_of_each_role(self, inventory: Inventory) -> None:
        aged(inventory, 1, 2, 3)
        aged(inventory, 1, role="db")
        found = inventory.roles.ages(["web", "db", "none"], [START - 1.5 * HOUR])
        assert found == {"web": [2, 1], "db": [0, 1], "none": [0, 0]}
        assert inventory.roles.ages([], [START]) == {}

    @pytest.mark.parametrize("roles", [1, 300])
    def test_are_of_any_number_of_roles(self, inventory: Inventory, roles: int) -> None:
        aged(inventory, 1, 2, 3)
        names = ["web", *(f"r{n}" for n in range(roles - 1))]
        found = inventory.roles.ages(names, [START - 2 * HOUR, START])
        assert found == {name: [0, 0, 0] for name in names} | {"web": [1, 2, 0]}

    def test_need_edges_that_rise(self, inventory: Inventory) -> None:
        with pytest.raises(ValueError, match="must rise"):
            inventory.roles.ages(["web"], [START, START - HOUR])


class TestTheOldest:
    def test_is_the_first_that_was_launched(self, inventory: Inventory) -> None:
        odd = START + timedelta(milliseconds=123)
        inventory.nodes.create(node("i-0b", launched_at=odd), event())
        inventory.nodes.create(node("i-0a", launched_at=odd + HOUR), event())
        inventory.nodes.create(foreign(role="db"), event())
        assert inventory.roles.oldest(["web", "db", "none"]) == {"web": odd, "db": START}

    @pytest.mark.parametrize("millisecond", [0, 1, 7, 499, 500, 999])
    @pytest.mark.parametrize("year", [1969, 1970, 2026, 2999])
    def test_is_told_to_the_millisecond(
        self, inventory: Inventory, year: int, millisecond: int
    ) -> None:
        at = START.replace(year=year, microsecond=millisecond * 1000)
        inventory.nodes.create(node(launched_at=at), event())
        assert inventory.roles.oldest(["web"]) == {"web": at}

    def test_of_an_impossible_time_is_named(self, inventory: Inventory, redis: Redis) -> None:
        redis.zadd("nodes:role:web", {"x": float("inf")})
        with pytest.raises(CorruptError, match=r"^nodes:role:web in Redis has the score inf"):
            inventory.roles.oldest(["web"])


ASKED: list[Any] = [
    lambda store: store.roles.runs(["web"]),
    lambda store: store.roles.ages(["web"], [START]),
    lambda store: store.roles.oldest(["web"]),
]


@pytest.mark.parametrize("ask", ASKED)
def test_a_lost_store_has_nothing_to_tell(inventory: Inventory, redis: Redis, ask: Any) -> None:
    ask(inventory)
    redis.delete("meta")
    with pytest.raises(StoreLostError):
        ask(inventory)


@pytest.mark.parametrize(
    ("key", "ask"),
    [("ran:web", ASKED[0]), ("nodes:role:web", ASKED[1]), ("nodes:role:web", ASKED[2])],
)
def test_a_wrong_type_is_named(inventory: Inventory, redis: Redis, key: str, ask: Any) -> None:
    redis.set(key, "text")
    with pytest.raises(CorruptError, match=f"^{key} in Redis has a value of the wrong type"):
        ask(inventory)


def test_a_time_is_what_its_score_was_made_of(inventory: Inventory) -> None:
    late = datetime.fromisoformat("9999-12-31T23:59:59.999Z")
    inventory.nodes.create(node(launched_at=late), event())
    assert inventory.roles.oldest(["web"]) == {"web": late}
