"""What explain says next of a node is what converge does with it: random nodes, roles and times."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from enc.domain.explain.outlook import outlook
from enc.domain.model import Kind, Node, State
from provisioner.domain.actions import Drain, End, Write
from provisioner.domain.expiry import Reports
from provisioner.domain.lives import life
from provisioner.domain.rotation import due_of
from provisioner.domain.world import KnownRole
from provisioner.ports.ec2 import InstanceState
from tests.fakes.clock import START
from tests.worlds import known, machine, of_fleet, world

HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
NOW = START + 48 * HOUR
HORIZON = timedelta(days=5)
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} UTC")
STATES = (State.PENDING, State.RUNNING, State.READY, State.DRAINING, State.FAILED)


@dataclass(frozen=True)
class Case:
    node: Node
    role: KnownRole

    def said(self) -> tuple[str, ...]:
        return outlook(self.node, self.role.role, None, NOW)

    def named(self) -> list[datetime]:
        """The times ahead that the sentences name."""
        found = [
            datetime.strptime(text, "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
            for text in TIME.findall(" ".join(self.said()))
        ]
        return sorted(time for time in found if time > NOW)

    def done(self, now: datetime) -> str:
        """What a pass at that time does with it; "" for nothing."""
        state = InstanceState.PENDING if self.node.state is State.PENDING else InstanceState.RUNNING
        peer = of_fleet(2, report_at=now, report_status="changed")
        listed = [machine(self.node, state), machine(peer)]
        seen = world([self.node, peer], instances=listed, roles=[self.role], now=now)
        match life(seen, Reports([self.node, peer]), self.node):
            case End():
                return "end"
            case Drain():
                return "drain"
            case Write(what="failed"):
                return "fail"
        ready = self.node.state is State.READY
        return "replace" if ready and due_of(seen, self.role, self.node) else ""


def cases(seed: int, count: int) -> Iterator[Case]:
    rng = Random(seed)
    for number in range(count):
        yield _case(rng, number)


def _case(rng: Random, number: int) -> Case:
    def some(least: float, most: float) -> timedelta:
        return timedelta(seconds=round(rng.uniform(least * 60, most * 60)))

    state = rng.choice(STATES)
    launched = NOW - some(1, rng.choice([60, 47 * 60]))
    fields: dict[str, Any] = {
        "kind": rng.choice([Kind.FLEET, Kind.FLEET, Kind.EXTRA, Kind.BURST]),
        "launched_at": launched,
        "state_since": rng.choice([launched, launched + (NOW - launched) / 2]),
        "expires_at": rng.choice([None, launched + some(10, 72 * 60)]),
        "replace_because": rng.choice(["", "", "", "asked for by bob"]),
        "spec_hash": rng.choice(["0123456789abcdef", "0123456789abcdef", "fedcba9876543210"]),
        "ready_at": launched if state is State.READY else None,
    }
    fleet = {
        "size": rng.choice([None, 2]),
        "max_age": rng.choice([None, f"{rng.randint(1, 90)}h"]),
        "drain": f"{rng.randint(0, 90)}m",
        "ready_timeout": f"{rng.randint(1, 120)}m",
    }
    return Case(of_fleet(number + 10, state, **fields), known(**fleet))


def _told(case: Case) -> str:
    return f"{case.node}\n{case.role.spec.fleet}\n{case.said()}"


@pytest.mark.parametrize("seed", range(4))
def test_nothing_changes_before_the_first_time_that_it_names(seed: int) -> None:
    for case in cases(seed, 250):
        until = min([*case.named(), NOW + HORIZON])
        at_first = case.done(NOW)
        for part in (0.25, 0.5, 0.75, 0.999):
            assert case.done(NOW + (until - NOW) * part) == at_first, _told(case)


@pytest.mark.parametrize("seed", range(4))
def test_something_changes_at_each_time_that_it_names(seed: int) -> None:
    tried = 0
    for case in cases(seed, 250):
        if case.named() and not case.done(NOW):
            tried += 1
            # Sentences have whole seconds.
            assert case.done(case.named()[0] + SECOND), _told(case)
    assert tried > 50


@pytest.mark.parametrize("seed", range(4))
def test_what_is_due_now_it_says_as_due(seed: int) -> None:
    due = {"end": ("the next pass", " ago) on"), "replace": ("to be replaced",)}
    for case in cases(seed, 250):
        words = due.get(case.done(NOW), ())
        said = " ".join(case.said())
        assert not words or any(word in said for word in words), _told(case)
        assert "to be replaced" not in said or case.done(NOW), _told(case)


def test_a_rule_of_its_own_would_be_found() -> None:
    """The very fault that was there: explain knew no life that ends soon as a reason."""
    [case] = [Case(of_fleet(1, expires_at=NOW + 19 * MINUTE, launched_at=NOW - HOUR), known())]
    other = replace(case, node=replace(case.node, expires_at=None))

    assert case.done(NOW) == "replace"
    assert other.done(NOW) == ""
    assert "to be replaced" not in " ".join(other.said())
