"""The end of a node's life: what comes next, and when a machine is surely gone.

Pure: what the store and EC2 say in, a decision out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from enum import StrEnum

from enc.domain.model import Kind, Node, State
from provisioner.ports.ec2 import Instance, InstanceState


class Step(StrEnum):
    """What is to be done next for a node at its end, in this order; ``retire_step`` keeps it."""

    TERMINATE = "terminate"
    CONFIRM = "confirm"
    CLEAN = "clean"
    DEACTIVATE = "deactivate"
    ARCHIVE = "archive"


# Before these are over the machine may still live, and then it keeps its certificate.
BEFORE_GONE = frozenset({Step.TERMINATE, Step.CONFIRM})

_ENDING = frozenset({State.DRAINING, State.RETIRING})
# Reports come in and names change while a node drains; that is nobody's second thought.
_NEWS = frozenset(
    {
        *("rev", "report_status", "report_at", "ready_at", "csr_key"),
        *("vpc", "private_ip", "private_dns", "public_dns"),
    }
)
# What a retirement itself changes.
_STEP = frozenset({"state", "state_since", "retire_step"})


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a look at EC2 comes to.

    ``step`` is where the node stands now, ``what`` the event of a move ("" where it stays).
    ``end``: it lives, so EC2 is to be told to terminate it, perhaps again.
    """

    step: Step
    what: str = ""
    why: str = ""
    end: bool = False


def has_machine(node: Node) -> bool:
    """Whether there is an EC2 instance of ours behind it: a foreign one is never terminated.

    That its record names none, or no region, is damage and no proof: see ``enc.domain.damage``.
    """
    return node.kind is not Kind.FOREIGN


def first_step(node: Node) -> Step:
    return Step.TERMINATE if has_machine(node) else Step.CLEAN


def step_of(node: Node) -> Step:
    """Where a retiring node stands; at the beginning where that is not told or makes no sense."""
    try:
        step = Step(node.retire_step)
    except ValueError:
        return first_step(node)
    return first_step(node) if step in BEFORE_GONE and not has_machine(node) else step


def found(step: Step, instance: Instance | None, absent: timedelta, suspect: timedelta) -> Finding:
    """What EC2's answer means for a node at this step.

    ``instance`` is None where EC2 answered and did not list it, ``absent`` for how long so far.
    Without an answer nothing is found: do not call this. What was surely gone once may be absent
    as long as it likes, but never alive.
    """
    if instance is None:
        return _absent(step, absent, suspect)
    if instance.state is InstanceState.TERMINATED:
        return _gone(step, "EC2 lists it terminated")
    if instance.alive:
        return _alive(step, instance)
    if step in BEFORE_GONE:
        return Finding(step=step)
    return Finding(step=Step.CONFIRM, what="not gone", why=f"EC2 lists it {instance.state}")


def only_news(read: Node, fresh: Node) -> bool:
    """Whether all that changed since ``read`` is what Puppet or EC2 told of it.

    Then its end goes on; what a person or another command changed is looked at first.
    """
    ignored = _NEWS
    if not _ENDING & {read.state, fresh.state}:
        ignored = ignored | {"state", "state_since"}
    return _same(read, fresh, ignored)


def changed_because(read: Node, fresh: Node | None) -> str:
    """Why a node that is no longer what was read is left as it is, and what to do about it."""
    if fresh is None:
        return "it is no longer in the inventory; see 'provisioner ls' and retire it again"
    if fresh.state in _ENDING and _same(read, fresh, _NEWS | _STEP):
        return "another retire is at it; when that has ended, retire it again to see it through"
    return "it was changed by someone else meanwhile; see 'provisioner show' and retire it again"


def spared_because(certname: str, spared: Mapping[str, str]) -> str:
    """Why this certificate must stay; "" for one that may go.

    A bare name is also that of the host with any domain behind it, as ``puppet`` usually is.
    """
    return spared.get(certname) or spared.get(certname.partition(".")[0], "")


def _same(read: Node, fresh: Node, ignored: frozenset[str]) -> bool:
    names = (field.name for field in fields(Node) if field.name not in ignored)
    return all(getattr(read, name) == getattr(fresh, name) for name in names)


def _absent(step: Step, absent: timedelta, suspect: timedelta) -> Finding:
    if absent < suspect:
        return Finding(step=step)
    return _gone(step, f"EC2 has not known it for {absent.total_seconds():.0f} s")


def _gone(step: Step, why: str) -> Finding:
    if step not in BEFORE_GONE:
        return Finding(step=step)
    return Finding(step=Step.CLEAN, what="gone", why=why)


def _alive(step: Step, instance: Instance) -> Finding:
    if step in BEFORE_GONE:
        return Finding(step=step, end=True)
    why = f"EC2 lists it {instance.state}: terminating it again"
    return Finding(step=Step.TERMINATE, what="alive again", why=why, end=True)
