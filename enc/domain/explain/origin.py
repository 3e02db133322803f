"""Where a machine came from: which launch, who asked, which market and why that one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from enc.domain.damage import Unreadable
from enc.domain.explain.words import at, moment, some, stop
from enc.domain.model import CONVERGE, Attempt, Kind, Launch, LaunchState, Market, Node

# A launch with a long deadline asks for hours; `provisioner show l-...` has every attempt.
_ATTEMPTS, _POOLS = 12, 6

_KINDS: Mapping[Kind, str] = {
    Kind.FLEET: "It is a fleet node: it counts towards its role's size, and is replaced in time.",
    Kind.EXTRA: "It is an extra node: launched by hand, neither counted nor replaced by converge.",
    Kind.BURST: "It is a burst node: it has a short life, and is not replaced.",
    Kind.FOREIGN: "It is a foreign node: EC2 is never asked about it, and nothing terminates it.",
}


def origin(node: Node, launch: Launch | Unreadable | None, now: datetime) -> tuple[str, ...]:
    """Sentences; ``launch`` is None where the node has none, or its record is gone."""
    if node.kind is Kind.FOREIGN:
        made = "Not of rolecall's making: 'provisioner assign' or 'import' made it known on"
        return (f"{made} {moment(node.launched_at, now)}.", _KINDS[node.kind])
    began = f"The machine was launched on {moment(node.launched_at, now)}{_place(node)}."
    return (began, *_launched(node, launch, now), _KINDS[node.kind])


def _place(node: Node) -> str:
    pool = ":".join((node.market or "?", node.instance_type or "?", node.zone or "?"))
    image = f", from image {node.image}" if node.image else ""
    return f" in pool {pool}{image}"


def _launched(node: Node, launch: Launch | Unreadable | None, now: datetime) -> tuple[str, ...]:
    if not node.launch:
        return ("It was adopted without a launch: nothing says who asked for it.",)
    if launch is None:
        return (f"Launch {node.launch} made it; who asked for that is no longer known.",)
    if isinstance(launch, Unreadable):
        return (f"Launch {node.launch} made it; its record cannot be read.",)
    return (_asked(launch, now), *_role_since(node, launch), *why_market(node, launch))


def _asked(launch: Launch, now: datetime) -> str:
    by_itself = launch.owner == CONVERGE
    who = "converge, which keeps the fleet at its size," if by_itself else launch.owner
    what = f"{launch.want} x {launch.role} ({launch.kind})"
    ended = "" if launch.state is LaunchState.OPEN else f"; it ended {launch.state}"
    why = f" ({launch.why})" if launch.why and ended else ""
    still = "; it is still open" if not ended else ""
    asked = f"Launch {launch.id}: {who} asked for {what} on {moment(launch.opened_at, now)}"
    return stop(f"{asked}{still}{ended}{why}")


def _role_since(node: Node, launch: Launch) -> tuple[str, ...]:
    if node.role == launch.role:
        return ()
    return (f"It was launched as {launch.role}; 'provisioner assign' made it {node.role} later.",)


def why_market(node: Node, launch: Launch) -> tuple[str, ...]:
    """Why it is of this market, and what each request answered until the one that made it."""
    own = next((one for one in launch.attempts if node.certname in one.got), None)
    if own is None:
        return (*_why_unnamed(node, launch), *_answers(launch.attempts))
    until = tuple(one for one in launch.attempts if one.number <= own.number)
    return (stop(_why_named(node, launch, own)), *_answers(until))


def _why_unnamed(node: Node, launch: Launch) -> tuple[str, ...]:
    market = _why(node, launch, None)
    found = "an answer was lost, and it was found by its tags"
    unnamed = f"No answer of EC2's to launch {launch.id} names it: {found}."
    return (*((stop(market),) if market else ()), unnamed)


def _why_named(node: Node, launch: Launch, own: Attempt) -> str:
    market = _why(node, launch, own) or "Its market is not recorded"
    return f"{market}: attempt {own.number} gave it"


def _why(node: Node, launch: Launch, own: Attempt | None) -> str:
    first = launch.market
    if node.market is None or first is None:
        return f"It is {node.market}" if node.market else ""
    if node.market is first:
        spot = node.market is Market.SPOT
        why = "spot is asked first" if spot else "the launch asked for nothing else"
        return f"It is {node.market} because {why}"
    return f"It is {node.market} though {first} was asked first, because {_fell(launch, own)}"


def _fell(launch: Launch, own: Attempt | None) -> str:
    """Why the launch left spot."""
    before = [
        one
        for one in launch.attempts
        if one.market is Market.SPOT and (own is None or one.number < own.number)
    ]
    came = sum(len(one.got) for one in before)
    if before and before[-1].hopeless:
        return "every spot pool refused for what waiting does not change"
    if not before:
        return "spot's answer is not recorded"
    got = f"{came} of {launch.want} had come"
    return f"spot's deadline, {at(launch.deadline)}, had passed when {got}"


def _answers(attempts: tuple[Attempt, ...]) -> tuple[str, ...]:
    shown = attempts[-_ATTEMPTS:]
    left = len(attempts) - len(shown)
    earlier = (f"{left} earlier attempts are left out here.",) if left else ()
    return (*earlier, *map(_answer, shown))


def _answer(attempt: Attempt) -> str:
    asked = f"Attempt {attempt.number} on {at(attempt.at)} asked {attempt.market}"
    came = f"{asked} for {attempt.wanted} and got {len(attempt.got)}"
    said = "; ".join(_refused(attempt))
    barred = f"; nothing more was asked: {attempt.barred}" if attempt.barred else ""
    unfit = f"; not asked again: {some(attempt.unfit, _POOLS)}" if attempt.unfit else ""
    return stop(f"{came}: {said}{unfit}{barred}" if said else f"{came}{unfit}{barred}")


def _refused(attempt: Attempt) -> list[str]:
    """EC2's words, each once with the pools that said so."""
    pools: dict[str, list[str]] = {}
    messages: dict[str, str] = {}
    for pool, code, message in attempt.answers:
        pools.setdefault(code, []).append("the whole call" if pool == "*" else pool)
        messages.setdefault(code, message)
    return [
        f"{some(named, _POOLS)} said {code}" + (f" ({messages[code]})" if messages[code] else "")
        for code, named in pools.items()
    ]
