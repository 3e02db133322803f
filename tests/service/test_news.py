"""A person changes a node though reports come in; what others changed is not undone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from enc.domain.model import Node
from enc.inventory import ConflictError, Inventory
from provisioner.commands.assign import assign
from provisioner.commands.holds import hold, unhold
from provisioner.ending.news import despite_news
from provisioner.launching.launch import launch
from tests.builders import event
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.summaries import report
from tests.workbench import Workbench

Act = Callable[[Workbench, Node], Node]
ACTS: dict[str, Act] = {
    "assign": lambda bench, node: assign(bench.context, node, "db", "staging"),
    "hold": lambda bench, node: hold(bench.context, node, "alice looks at it"),
    "unhold": lambda bench, node: unhold(bench.context, node),
}


@pytest.fixture
def bench(inventory: Inventory, clock: FakeClock) -> Workbench:
    return Workbench(inventory, clock, FakeCloud(clock))


@pytest.fixture
def node(bench: Workbench) -> Node:
    (made,) = launch(bench.context, bench.order(1)).nodes
    return made


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_report_that_came_meanwhile_is_no_reason_to_stop(
    bench: Workbench, node: Node, act: Act
) -> None:
    bench.inventory.reports.take(report(node.certname), site="default", who="test")

    changed = act(bench, node)

    assert bench.inventory.nodes.get(node.certname) == changed
    assert changed.report_status == "changed"


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_what_somebody_else_changed_meanwhile_stays(bench: Workbench, node: Node, act: Act) -> None:
    theirs = bench.inventory.nodes.change(node, event("assigned"), role="web2")

    with pytest.raises(ConflictError, match="changed by someone else"):
        act(bench, node)

    assert bench.inventory.nodes.get(node.certname) == theirs


def test_it_is_not_tried_for_ever(bench: Workbench, node: Node) -> None:
    tries: list[int] = []

    def act(now: Node) -> Node:
        tries.append(now.rev)
        raise ConflictError("again")

    with pytest.raises(ConflictError, match="again"):
        despite_news(bench.inventory, node, act)

    assert len(tries) == 4
