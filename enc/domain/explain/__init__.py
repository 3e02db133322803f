"""Why is this machine here, and why does it get that: one answer for command, API and pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from enc.domain.classify import UnclassifiableError
from enc.domain.damage import Unreadable
from enc.domain.durations import for_people
from enc.domain.explain.certificate import certificate
from enc.domain.explain.given import Given, given
from enc.domain.explain.origin import origin
from enc.domain.explain.outlook import outlook
from enc.domain.explain.trouble import trouble
from enc.domain.explain.words import moment, stop
from enc.domain.model import ArchivedNode, Hold, Kind, Launch, Market, Node, Role, State

__all__ = ["Explanation", "Given", "explain", "explanation_shape"]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Sentences, and what Puppet gets. Texts of others stand in them as they are: escape them.

    ``headline`` says what it is in one sentence. ``origin``: where it came from. ``answer``:
    whether Puppet is answered. ``given``: with what, each with its source; empty where it is
    refused. ``next``: what is about to happen. ``wrong``: what is wrong; empty where nothing is.
    """

    certname: str
    headline: str
    origin: tuple[str, ...]
    answer: tuple[str, ...]
    given: tuple[Given, ...]
    next: tuple[str, ...]
    wrong: tuple[str, ...]


def explain(
    node: Node | ArchivedNode,
    role: Role | Unreadable | None,
    launch: Launch | Unreadable | None,
    *,
    now: datetime,
    hold: Hold | None = None,
    life: Sequence[Mapping[str, str]] = (),
    ordered: bool = True,
) -> Explanation:
    """Everything that the inventory knows of why a node is here, and gets what it gets.

    ``role`` is the node's, None where it is gone; ``launch`` the node's, None where it has none or
    its record is gone. Each is Unreadable where its record is damaged. ``hold`` is what stops its
    role: the pause of all, or the role's own. ``life``: its events, oldest first. ``ordered``:
    whether its end, if it has begun, was.
    Raises nothing for a record or role that is damaged: that is a sentence in ``wrong``.
    """
    happened, wrong = certificate(node, life, now)
    if isinstance(node, ArchivedNode):
        ended = _ended(node, launch, now)
        return replace(ended, next=(*ended.next, *happened), wrong=wrong)
    what, unclassifiable = _given(node, role)
    return Explanation(
        certname=node.certname,
        headline=_headline(node, now),
        origin=origin(node, launch, now),
        answer=_answer(node, what, unclassifiable),
        given=what,
        next=(*outlook(node, role, hold, now, ordered=ordered), *happened),
        wrong=(*trouble(node, role, launch, unclassifiable, now), *wrong),
    )


def explanation_shape(found: Explanation) -> dict[str, Any]:
    """As JSON values, for every program that asks."""
    return {
        "certname": found.certname,
        "headline": found.headline,
        "origin": list(found.origin),
        "answer": list(found.answer),
        "given": [given_shape(one) for one in found.given],
        "next": list(found.next),
        "wrong": list(found.wrong),
    }


def given_shape(one: Given) -> dict[str, Any]:
    return {
        "what": one.what.value,
        "class": one.of or None,
        "name": one.name or None,
        "value": dict(one.value) if isinstance(one.value, Mapping) else one.value,
        "source": one.source,
    }


def _given(node: Node, role: Role | Unreadable | None) -> tuple[tuple[Given, ...], str]:
    try:
        return given(node, role), ""
    except UnclassifiableError as error:
        return (), str(error)


def _headline(node: Node, now: datetime) -> str:
    age = for_people(max(now - node.launched_at, timedelta(0)))
    market = f" {node.market}" if node.market else ""
    place = f" in {node.zone}" if node.zone else ""
    what = f"{node.state}{market} node of role {node.role} ({node.kind}){place}"
    since = f"known for {age}" if node.kind is Kind.FOREIGN else f"launched {age} ago"
    return f"{node.certname} is a {what}, {since}."


def _answer(node: Node, what: tuple[Given, ...], unclassifiable: str) -> tuple[str, ...]:
    if unclassifiable:
        return ("Puppet gets no answer (422), and its last catalogue stays.",)
    if node.state is State.RETIRING:
        return ("Puppet gets no answer (410): its end of life has begun.",)
    own = f"of role {node.role}"
    classes = sum(one.what == "class" for one in what)
    answered = f"Puppet gets {classes} class{'' if classes == 1 else 'es'} {own}."
    if any(one.what == "environment" for one in what):
        return (answered,)
    return (answered, "Neither role nor node names an environment: the agent's own choice stands.")


def _ended(ended: ArchivedNode, launch: Launch | Unreadable | None, now: datetime) -> Explanation:
    node = ended.node
    lived = for_people(max(ended.ended_at - node.launched_at, timedelta(0)))
    when, why = moment(ended.ended_at, now), ended.reason or "no reason was given"
    market = f"{node.market} " if node.market else ""
    article = "an" if node.market is Market.ON_DEMAND else "a"
    what = f"{article} {market}node of role {node.role} ({node.kind})"
    return Explanation(
        certname=node.certname,
        headline=f"{node.certname} was {what} for {lived}.",
        origin=origin(node, launch, now),
        answer=("Puppet gets no answer (410): its life is over.",),
        given=(),
        next=(stop(f"Nothing more: it ended on {when}: {why}"),),
        wrong=(),
    )
