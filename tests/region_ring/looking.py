"""An inventory that has something of everything, and commands that look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from enc.domain.model import Kind, LaunchState, Node, State
from tests.builders import event, foreign, launch, node
from tests.region_ring.cli import Done, Operator
from tests.region_ring.operators import Operators, in_parallel

NOW = datetime.now(UTC)
OLD, YOUNG, GONE = "i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2", "i-0aaaaaaaaaaaaaaa9"
FOREIGN, DNS = "db1.example.com", "ip-10-0-0-7.ec2.internal"
DEAD, CLOSED, ALIVE = "l-00000000000000d1", "l-00000000000000c1", "l-00000000000000a1"
FORMATS = ("json", "csv", "yaml")


@dataclass
class Tried:
    operator: Operator
    before: dict[str, Any]
    done: dict[str, Done]


def fill(operator: Operator) -> None:
    """An old spot machine with a name, a young one on demand, a foreign one, one that ended."""
    store = operator.inventory
    create = store.nodes.create
    create(born(OLD, hours=30, state=State.READY, private_ip="10.0.0.7", private_dns=DNS), said())
    create(born(YOUNG, hours=1, market="on-demand", role="batch", kind=Kind.FLEET), said())
    create(foreign(FOREIGN, launched_at=NOW, state_since=NOW), said())
    ended = create(born(GONE, hours=5, state=State.RETIRING), said())
    store.nodes.archive(ended, said("archived", why="it was old"))
    store.launches.open(launch(DEAD, opened_at=NOW - timedelta(minutes=9)), said())
    store.launches.open(launch(CLOSED, opened_at=NOW, heartbeat=NOW), said())
    store.launches.close(CLOSED, LaunchState.COMPLETE, said("launch complete"))
    later = NOW + timedelta(hours=1)
    store.launches.open(launch(ALIVE, opened_at=later, heartbeat=later), said())


def born(certname: str, *, hours: float, **fields: Any) -> Node:
    then = NOW - timedelta(hours=hours)
    return node(certname, launched_at=then, state_since=then, launch=CLOSED, **fields)


def said(what: str = "test", **fields: Any) -> Any:
    return event(what, at=NOW, **fields)


def rows(ended: Done) -> list[list[str]]:
    return [line.split() for line in ended.out.splitlines()]


def look(operators: Operators, words: Mapping[str, str]) -> Tried:
    """Each of the words as a command line, over an inventory that has something of everything."""
    operator = operators.new()
    fill(operator)
    before = operator.stored()
    ended = in_parallel(lambda line: operator.run(*line.split()), words.values())
    return Tried(operator, before, dict(zip(words, ended, strict=True)))
