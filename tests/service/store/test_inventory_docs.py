"""docs/redis.md is true: it names every key and field, and what it shows can be typed."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from enc.domain.model import Backoff, Hold, Launch, Node, Role, State
from enc.domain.reports import Standing
from enc.inventory import Inventory, Meta
from enc.inventory.events import Event
from enc.inventory.runs import run_record
from tests.builders import event, launch, node, role
from tests.conftest import on_each_redis
from tests.fakes.clock import START
from tests.service.invariants import dump
from tests.summaries import report

TEXT = (Path(__file__).parents[3] / "docs" / "redis.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, flags=re.MULTILINE | re.DOTALL)
# What is typed at Redis; a block for the shell says so.
TYPED = "".join(block for language, block in BLOCKS if not language)
LINES = [line.split("#")[0].strip() for line in TYPED.splitlines()]
# What is in the key's own name or in several fields of the hash.
_ELSEWHERE = {"certname", "id", "name", "attempts", "more"}


@pytest.mark.parametrize("kind", [Node, Launch, Role, Meta, Event, Hold, Backoff])
def test_every_field_is_documented(kind: type) -> None:
    names = {f.name for f in fields(kind)} - _ELSEWHERE
    assert {name for name in names if f"`{name}`" not in TEXT} == set()


def test_every_state_is_documented() -> None:
    assert {state for state in State if f"`{state}`" not in TEXT} == set()


def test_every_word_for_a_run_and_every_key_of_its_summary_is_documented() -> None:
    words = [*Standing, *run_record(report())]
    assert {word for word in words if f"`{word}`" not in TEXT} == set()


@on_each_redis
def test_every_key_is_documented(inventory: Inventory, redis: Redis) -> None:
    inventory.roles.apply([role()], event())
    inventory.launches.open(launch(), event())
    inventory.droughts.note(["spot:c5.large:us-east-1a"], START)
    for number in range(3):
        name = f"i-{number:017x}"
        each = inventory.nodes.create(node(name, private_dns="a.example"), event())
    inventory.nodes.archive(inventory.nodes.change(each, event(), state=State.RETIRING), event())
    last = inventory.nodes.get("i-00000000000000000")
    assert last is not None
    inventory.nodes.change(last, event(), private_dns="b.example")
    inventory.reports.take(report(last.certname), site="default", who="test")
    redis.set("formerly:c.example", "x")
    converged(inventory)
    kinds = {key.split(":")[0] for key in dump(redis)}
    documented = {match.split(":")[0] for match in re.findall(r"`([a-z]+)[:`]", TEXT)}
    assert kinds - documented == set()
    assert {"claims", "formerly", "drought", "archive", "runs"} <= kinds | {"claims"}


def converged(inventory: Inventory) -> None:
    """What converge and those who steer it leave behind."""
    under = inventory.under(inventory.leases.take("alice@ops", "1", timedelta(seconds=60)))
    for name in ("", "web"):
        stopped = Hold(role=name, why="why", since=START, by="alice@ops", nodes=("i-0a",))
        under.holds.put(stopped, event())
    under.holds.lift(stopped, event())
    under.backoffs.put(Backoff(role="web", spec_hash="", at=START, until=START), event())
    under.suspects.add(["absent:i-0a"], START)
    under.sweeps.note(["us-east-1"], timedelta(hours=1))
    under.orders.begin()


@on_each_redis
@pytest.mark.parametrize("line", LINES)
def test_every_example_can_be_typed(inventory: Inventory, redis: Redis, line: str) -> None:
    redis.execute_command(*shlex.split(line))
    redis.execute_command("ACL", "DELUSER", "rolecall")
