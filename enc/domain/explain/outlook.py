"""What is about to happen to a machine, and why: the rules of converge as they bear on one node."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from enc.domain.ages import allowed_age, replaced_from
from enc.domain.damage import Unreadable, damaged
from enc.domain.durations import for_people
from enc.domain.explain.policy import Policy, policy_of
from enc.domain.explain.words import ago, at, later, moment, stop
from enc.domain.model import Hold, HoldCause, Kind, Node, Role, State

# As in converge: a machine with a life drains for no more than this part of it.
_DRAIN_PART = 4
_STEPS: Mapping[str, str] = {
    "terminate": "EC2 is told to terminate it",
    "confirm": "EC2 is to list it terminated, or no more",
    "clean": "its certificate is revoked and deleted",
    "deactivate": "PuppetDB is told to deactivate it",
    "archive": "it goes into the archive",
}
_CAUSES: Mapping[HoldCause, str] = {
    HoldCause.ASKED: "paused",
    HoldCause.BREAKER: "stopped by the breaker",
    HoldCause.FAILURES: "stopped because launches never became ready",
    HoldCause.UNREADABLE: "stopped because its hold cannot be read",
}


def outlook(
    node: Node,
    role: Role | Unreadable | None,
    hold: Hold | None,
    now: datetime,
    *,
    ordered: bool = True,
) -> tuple[str, ...]:
    """Sentences for a node that has not ended; never empty.

    Not ``ordered``: only its own record says that it drains or ends.
    """
    if not ordered:
        return (f"Converge leaves it alone: {no_order(node)}.",)
    if node.state is State.RETIRING:
        return _ending(node, now)
    if node.kind is Kind.FOREIGN:
        return ("Nothing by itself: 'provisioner retire' ends what Puppet knows of it.",)
    if damaged(node):
        return ("Converge leaves it alone: its record does not say which machine it is.",)
    read = None if isinstance(role, Unreadable) else role
    policy, kept = policy_of(read), bool(node.held) or hold is not None
    stopped = (*_held(node), *_stopped(node, hold))
    life = _life(node, policy, now, kept=kept)
    if isinstance(role, Unreadable) and node.state is not State.LOST:
        return (*stopped, *life, *_unread(node))
    ahead = (*life, *_by_state(node, read, policy, now, kept=kept))
    nothing = ("Nothing: it stays as it is until somebody changes it.",)
    return (*stopped, *ahead) or nothing


def no_order(node: Node) -> str:
    """Why one is left alone of which only its own record says that it ends."""
    return (
        f"its record says {node.state}, and order:{node.certname} in Redis does not: nobody "
        f"ordered that; see who wrote it; 'provisioner retire {node.certname}' ends it"
    )


def _ending(node: Node, now: datetime) -> tuple[str, ...]:
    step = _STEPS.get(node.retire_step, "its end begins anew")
    return (f"Its end of life has begun on {moment(node.state_since, now)}: next, {step}.",)


def _held(node: Node) -> tuple[str, ...]:
    if not node.held:
        return ()
    lifted = f"'provisioner unhold {node.certname}' lifts it"
    return (f"It is held ({node.held}): converge neither replaces nor ends it; {lifted}.",)


def _stopped(node: Node, hold: Hold | None) -> tuple[str, ...]:
    if hold is None:
        return ()
    whose = f"Role {hold.role}" if hold.role else "Everything"
    named = " This node is among those that it keeps." if node.certname in hold.nodes else ""
    lifted = f"'provisioner resume{' ' + hold.role if hold.role else ''}' goes on"
    since = f"since {at(hold.since)} by {hold.by}"
    return (f"{whose} is {_CAUSES[hold.cause]} {since} ({hold.why}); {lifted}.{named}",)


def _life(node: Node, policy: Policy, now: datetime, *, kept: bool) -> tuple[str, ...]:
    """A machine with a life ends by its own timer, whatever stops converge."""
    ends = node.expires_at
    if ends is None or node.state is State.LOST:
        return ()
    when = moment(ends, now)
    if kept:
        return (f"Its own life ends at {when}: it powers itself off, held or not.",)
    if ends <= now:
        return (f"Its life ended at {when}: the next pass of converge ends it.",)
    drain = min(policy.drain, max(ends - node.launched_at, timedelta(0)) / _DRAIN_PART)
    drains = f", and drains from {at(ends - drain)}" if drain else ""
    return (f"Its life ends at {when}{drains}.",)


def _unread(node: Node) -> tuple[str, ...]:
    """How long it may live, drain or take stands in its role; EC2's word counts all the same."""
    until = f"until its role {node.role} can be read"
    return (f"Converge leaves it as it is {until}, unless EC2 ends it.",)


def _by_state(
    node: Node, role: Role | None, policy: Policy, now: datetime, *, kept: bool
) -> tuple[str, ...]:
    match node.state:
        case State.PENDING | State.RUNNING:
            return _becoming_ready(node, policy, now)
        case State.READY:
            return _replaced(node, role, policy, now)
        case State.DRAINING:
            return _drained(node, policy, now, kept=kept)
        case State.FAILED:
            return _given_up(node, policy, now, kept=kept)
        case State.LOST:
            again = "'provisioner retire' ends it if it is stopped"
            return (f"It ends when EC2 lists it terminated; started again, it runs on; {again}.",)
    return ()


def _becoming_ready(node: Node, policy: Policy, now: datetime) -> tuple[str, ...]:
    until = later(max(node.launched_at, node.state_since), policy.ready_timeout)
    failed = f"without it by {moment(until, now)} it fails"
    if policy.ready_when_running:
        return (f"It waits for EC2 to run it, as its role is ready when it runs; {failed}.",)
    awaited = "EC2 to run it" if node.state is State.PENDING else "a good Puppet report"
    return (f"It waits for {awaited}; {failed}, if others report meanwhile.",)


def _replaced(node: Node, role: Role | None, policy: Policy, now: datetime) -> tuple[str, ...]:
    if node.kind is not Kind.FLEET:
        return () if node.expires_at else ("Nothing: it stays until 'provisioner retire'.",)
    if role is None or policy.size is None:
        return ("Nothing replaces it: its role keeps no fleet.",)
    if node.held:
        return ()
    if node.replace_because:
        return (stop(f"It is to be replaced: {node.replace_because}; {_budget()}"),)
    sentences = (
        *_soon_over(node, policy, now),
        *_other_spec(node, role, policy),
        *_too_old(node, policy, now),
    )
    return sentences or ("Nothing: its role gives its machines no greatest age.",)


def _soon_over(node: Node, policy: Policy, now: datetime) -> tuple[str, ...]:
    if node.expires_at is None:
        return ()
    due = replaced_from(node.expires_at, policy.ready_timeout, policy.drain)
    if due <= now:
        return (f"It is to be replaced: its life ends at {at(node.expires_at)}; {_budget()}.",)
    return (f"It is replaced from {moment(due, now)} on, as its life ends soon after.",)


def _other_spec(node: Node, role: Role, policy: Policy) -> tuple[str, ...]:
    if not (node.spec_hash and role.spec_hash) or node.spec_hash == role.spec_hash:
        return ()
    changed = "It is to be replaced: the role's launch section is not the one that it is made from"
    return (f"{changed}{_windows(policy)}; {_budget()}.",)


def _too_old(node: Node, policy: Policy, now: datetime) -> tuple[str, ...]:
    if policy.max_age is None:
        return ()
    due = later(node.launched_at, allowed_age(node.certname, policy.max_age))
    most = f"max_age {for_people(policy.max_age)}, for each node up to a tenth less"
    if due <= now:
        old = f"It is to be replaced: too old since {at(due)}"
        return (f"{old} ({most}){_windows(policy)}; {_budget()}.",)
    return (f"It is replaced for its age from {moment(due, now)} on ({most}){_windows(policy)}.",)


def _windows(policy: Policy) -> str:
    return f", within {', '.join(policy.windows)} UTC" if policy.windows else ""


def _budget() -> str:
    return "the replacement comes first, and so many at a time as fleet.surge says"


def _drained(node: Node, policy: Policy, now: datetime, *, kept: bool) -> tuple[str, ...]:
    since = f"It drains since {at(node.state_since)}, {ago(node.state_since, now)}"
    if kept:
        return (f"{since}, and does not end while it is held.",)
    ends = moment(later(node.state_since, policy.drain), now)
    return (f"{since}; it ends from {ends} on.",)


def _given_up(node: Node, policy: Policy, now: datetime, *, kept: bool) -> tuple[str, ...]:
    since = f"It failed {ago(node.state_since, now)}; a good report makes it ready all the same"
    if node.kind is Kind.EXTRA or kept:
        return (f"{since}; else it stays until 'provisioner retire'.",)
    ends = moment(later(node.state_since, policy.ready_timeout), now)
    return (f"{since}; else it ends from {ends} on.",)
