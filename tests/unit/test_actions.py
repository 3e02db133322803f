"""What a plan prints of each action: what is done to whom, of which role."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import timedelta
from typing import Any

import pytest

from enc.domain.model import Backoff, Hold, LaunchState
from provisioner.domain import actions as do
from provisioner.domain.actions import Action, Plan
from tests.fakes.clock import START
from tests.worlds import LAUNCH, machine, of_fleet, opened

NODE = of_fleet(1)
HOLD = Hold(role="web", why="w", since=START, by="bob")
BACKOFF = Backoff(role="web", spec_hash="s", at=START, until=START + timedelta(minutes=1))
GIVEN: dict[str, Any] = {"reason": "because"}

TABLE: list[tuple[Action, str, str, str]] = [
    (do.Write(node=NODE, what="lost", fields={}, **GIVEN), "lost", NODE.certname, "web"),
    (do.Adopt(node=NODE, **GIVEN), "adopt", NODE.certname, "web"),
    (do.Recount(name="web", **GIVEN), "recount", "web", "web"),
    (do.Drain(node=NODE, floor=1, **GIVEN), "drain", NODE.certname, "web"),
    (do.End(node=NODE, **GIVEN), "retire", NODE.certname, "web"),
    (do.EndOrphan(instance=machine(NODE), **GIVEN), "terminate orphan", NODE.certname, ""),
    (do.Suspect(what="absent:i-1", of="web", **GIVEN), "suspect", "absent:i-1", "web"),
    (do.Trust(what="absent:i-1", of="web", **GIVEN), "trust", "absent:i-1", "web"),
    (do.Open(name="web", count=2, most=3, spec_hash="s", **GIVEN), "launch", "2 x web", "web"),
    (do.Advance(launch=opened(), **GIVEN), "ask again", LAUNCH, "web"),
    (
        do.Close(launch=opened(), state=LaunchState.FAILED, **GIVEN),
        "close launch",
        LAUNCH,
        "web",
    ),
    (do.Sweep(region="us-east-1", template="t", **GIVEN), "delete template", "t", ""),
    (do.Sign(node=NODE, **GIVEN), "judge request", NODE.certname, "web"),
    (do.Stop(hold=HOLD, **GIVEN), "hold", "web", "web"),
    (do.Resume(hold=HOLD, **GIVEN), "lift hold", "web", "web"),
    (do.BackOff(backoff=BACKOFF, **GIVEN), "back off", "web", "web"),
    (do.Forgive(backoff=BACKOFF, **GIVEN), "forget failures", "web", "web"),
]


@pytest.mark.parametrize(
    ("action", "verb", "target", "role"), TABLE, ids=[type(row[0]).__name__ for row in TABLE]
)
def test_an_action_names_what_it_does_to_whom(
    action: Action, verb: str, target: str, role: str
) -> None:
    assert (action.verb, action.target, action.role) == (verb, target, role)


def test_what_is_not_said_of_an_action_is_the_careful_choice() -> None:
    """An end is not taken for one of a machine that is gone; a write is not asked about again."""
    end = do.End(node=NODE, **GIVEN)
    write = do.Write(node=NODE, what="lost", fields={}, **GIVEN)
    closed = do.Close(launch=opened(), state=LaunchState.PARTIAL, **GIVEN)
    drained = do.Drain(node=NODE, floor=None, **GIVEN)
    opening = do.Open(name="web", count=2, most=3, spec_hash="s", **GIVEN)

    assert (end.gone, end.taken, end.absent) == (False, False, False)
    assert (write.ask, closed.failed, drained.unseen, opening.dead) == (False, False, 0, 0)


def test_a_plan_can_be_cut_to_some_roles_and_keeps_its_notes() -> None:
    stops = [do.Stop(hold=Hold(role=r, why="w", since=START, by="b"), **GIVEN) for r in "ab"]
    plan = Plan(actions=tuple(stops), notes=("n",))

    assert [one.target for one in plan.only({"a"}).actions] == ["a"]
    assert plan.only({"a"}).notes == ("n",)
    assert plan.only(()).actions == ()


def test_what_was_decided_is_not_changed_any_more() -> None:
    with pytest.raises(FrozenInstanceError):
        TABLE[0][0].reason = "another"  # type: ignore[misc]
