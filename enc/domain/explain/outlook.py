"""What is about to happen to a machine, and why: the rules of converge as they bear on one node."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from enc.domain.damage import Unreadable, damaged
from enc.domain.durations import for_people
from enc.domain.explain.words import ago, at, moment, stop
from enc.domain.lifetimes import Ahead, Change, life_of, replacements
from enc.domain.model import Hold, HoldCause, Kind, Node, Role, State
from enc.domain.rolespec import FleetSpec
from enc.domain.stored_fleet import GONE, fleet_of

_STEPS: Mapping[str, str] = {
    "terminate": "EC2 is told to terminate it",
    "confirm": "EC2 is to list it terminated, or no more",
    "clean": "its certificate is revoked and deleted",
    "deactivate": "PuppetDB is told to deactivate it",
    "archive": "it goes into the archive",
}
_BUDGET = "the replacement comes first, at most fleet.surge at a time"
_NONE = timedelta(0)
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
    fleet = fleet_of(read.definition) if read else GONE
    kept = bool(node.held) or hold is not None
    stopped = (*_held(node), *_stopped(node, hold))
    life = _life(node, fleet, now, kept=kept)
    if isinstance(role, Unreadable) and node.state is not State.LOST:
        return (*stopped, *life, *_unread(node))
    ahead = (*life, *_by_state(node, read, fleet, now, kept=kept))
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
    lifted = f"'provisioner resume{' ' + hold.role if hold.role else ''}' lifts it"
    since = f"since {at(hold.since)} by {hold.by}"
    return (f"{whose} is {_CAUSES[hold.cause]} {since} ({hold.why}); {lifted}.{named}",)


def _life(node: Node, fleet: FleetSpec, now: datetime, *, kept: bool) -> tuple[str, ...]:
    """A machine with a life ends by its own timer, whatever stops converge."""
    ends = node.expires_at
    if ends is None or node.state is State.LOST:
        return ()
    when = moment(ends, now)
    if kept:
        return (f"Its own life ends at {when}: it powers itself off, held or not.",)
    if ends <= now:
        return (f"Its life ended at {when}: the next pass of converge ends it.",)
    drains = next((one.at for one in life_of(node, fleet) if one.change is Change.DRAINS), ends)
    told = f", and drains from {at(drains)}" if drains < ends else ""
    return (f"Its life ends at {when}{told}.",)


def _unread(node: Node) -> tuple[str, ...]:
    """How long it may live, drain or take stands in its role; EC2's word counts all the same."""
    until = f"until its role {node.role} can be read"
    return (f"Converge leaves it as it is {until}, unless EC2 ends it.",)


def _by_state(
    node: Node, role: Role | None, fleet: FleetSpec, now: datetime, *, kept: bool
) -> tuple[str, ...]:
    if node.state is State.READY:
        return _replaced(node, role, fleet, now)
    if node.state is State.LOST:
        again = "'provisioner retire' ends it if it is stopped"
        return (f"It ends when EC2 lists it terminated; started again, it runs on; {again}.",)
    ahead = {one.change: moment(one.at, now) for one in life_of(node, fleet)}
    if node.state is State.DRAINING:
        since = f"It drains since {at(node.state_since)}, {ago(node.state_since, now)}"
        ends = f"; it ends from {ahead[Change.DRAINED]} on"
        return (f"{since}{', and does not end while it is held' if kept else ends}.",)
    if node.state is State.FAILED:
        return (_failed(node, now, None if kept else ahead.get(Change.GIVEN_UP)),)
    return (_becoming_ready(node, fleet, ahead[Change.FAILS]),)


def _failed(node: Node, now: datetime, ends: str | None) -> str:
    since = f"It failed {ago(node.state_since, now)}; a good report makes it ready all the same"
    end = f"it ends from {ends} on" if ends else "it stays until 'provisioner retire'"
    return f"{since}; else {end}."


def _becoming_ready(node: Node, fleet: FleetSpec, until: str) -> str:
    failed = f"without it by {until} it fails"
    if fleet.ready_when == "running":
        return f"It waits for EC2 to run it, as its role is ready when it runs; {failed}."
    awaited = "EC2 to run it" if node.state is State.PENDING else "a good Puppet report"
    return f"It waits for {awaited}; {failed}, if others report meanwhile."


def _replaced(node: Node, role: Role | None, fleet: FleetSpec, now: datetime) -> tuple[str, ...]:
    if node.kind is not Kind.FLEET:
        return () if node.expires_at else ("Nothing: it stays until 'provisioner retire'.",)
    if role is None or fleet.size is None:
        return ("Nothing replaces it: its role keeps no fleet.",)
    if node.held:
        return ()
    every = tuple(replacements(node, fleet, role.spec_hash))
    if every and every[0].change is Change.ASKED:
        return (stop(f"It is to be replaced: {node.replace_because}; {_BUDGET}"),)
    sentences = tuple(_replacement(one, node, fleet, now) for one in every)
    return sentences or ("Nothing: its role gives its machines no greatest age.",)


def _replacement(one: Ahead, node: Node, fleet: FleetSpec, now: datetime) -> str:
    within = f", within {', '.join(fleet.windows)} UTC" if fleet.windows else ""
    match one.change, one.at <= now:
        case Change.OVER_SOON, True:
            ends = at(node.expires_at or one.at)
            return f"It is to be replaced: its life ends at {ends}; {_BUDGET}."
        case Change.OVER_SOON, False:
            return f"It is replaced from {moment(one.at, now)} on, as its life ends soon after."
        case Change.OTHER_SPEC, _:
            changed = "the role's launch section is not the one that it is made from"
            return f"It is to be replaced: {changed}{within}; {_BUDGET}."
    most = f"max_age {for_people(fleet.max_age or _NONE)}, for each node up to a tenth less"
    if one.at <= now:
        return f"It is to be replaced: too old since {at(one.at)} ({most}){within}; {_BUDGET}."
    return f"It is replaced for its age from {moment(one.at, now)} on ({most}){within}."
