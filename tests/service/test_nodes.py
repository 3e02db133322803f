from __future__ import annotations

from enc.inventory import Inventory
from tests.builders import event, node


def test_a_new_node_is_found_again_as_it_was(inventory: Inventory) -> None:
    born = inventory.nodes.create(node(), event())
    assert inventory.nodes.get(born.certname) == born
    assert born.rev == 1
