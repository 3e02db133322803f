"""The record of machines while they end: each is there, and once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from enc.domain.model import ArchivedNode, Node, State
from enc.inventory import CorruptError, Inventory
from provisioner.cli.history import Past
from tests.builders import event, node
from tests.fakes.clock import START

NAMES = ["i-0a", "i-0b", "i-0c"]


def end(inventory: Inventory, name: str) -> None:
    [one] = inventory.nodes.many([name])
    retiring = inventory.nodes.change(one, event(), state=State.RETIRING)
    inventory.nodes.archive(retiring, event("archived", at=START))


class Slow(Past):
    """Meanwhile, between the reading of the living and that of the ended, one ends."""

    def ended(self, most: int | None = None) -> Iterator[ArchivedNode]:
        end(self.store, "i-0b")
        return super().ended(most)


def names(found: Iterator[Node | ArchivedNode]) -> list[tuple[str, bool]]:
    return [
        (one.node.certname, True) if isinstance(one, ArchivedNode) else (one.certname, False)
        for one in found
    ]


@pytest.fixture
def living(inventory: Inventory) -> None:
    inventory.nodes.create_many((node(name), event()) for name in NAMES)


@pytest.mark.usefixtures("living")
class TestMachines:
    def test_are_the_ended_and_then_the_living(self, inventory: Inventory) -> None:
        end(inventory, "i-0b")
        found = names(Past(inventory, None, None).machines())
        assert found == [("i-0b", True), ("i-0a", False), ("i-0c", False)]

    def test_that_end_between_the_two_are_neither_lost_nor_there_twice(
        self, inventory: Inventory
    ) -> None:
        found = names(Slow(inventory, None, None).machines())
        assert found == [("i-0b", True), ("i-0a", False), ("i-0c", False)]

    def test_that_end_while_the_ended_are_read_are_still_there(self, inventory: Inventory) -> None:
        end(inventory, "i-0a")
        walk = Past(inventory, None, None).machines()
        first = next(walk)
        end(inventory, "i-0c")
        rest = [name for name, _ in names(walk)]
        assert names(iter([first])) == [("i-0a", True)]
        assert rest == ["i-0b", "i-0c"]


@pytest.mark.usefixtures("living")
def test_damaged_ones_are_passed_over_only_where_somebody_is_told(inventory: Inventory) -> None:
    for name in NAMES:
        end(inventory, name)
    inventory.redis.hset("archive:i-0b", "launched_at", "long ago")
    past = Past(inventory, None, None)
    assert {name for name, _ in names(past.ended())} == {"i-0a", "i-0c"}
    assert [str(one).partition(" in Redis")[0] for one in past.spoilt] == ["archive:i-0b"]
    with pytest.raises(CorruptError, match=r"^archive:i-0b in Redis"):
        list(inventory.nodes.archived_since(START))
