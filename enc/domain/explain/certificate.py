"""What became of a node's certificate, by the events of its life."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from enc.domain.explain.words import moment
from enc.domain.model import ArchivedNode, Node, State
from enc.domain.trust import ACCEPTED, NOT_REVOKED, REVOKED

_WORDS = frozenset({ACCEPTED, REVOKED, NOT_REVOKED})


def certificate(
    node: Node | ArchivedNode, life: Iterable[Mapping[str, str]], now: datetime
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Sentences: (what has happened in good order, what is wrong). ``life``: oldest first."""
    since = node.node.launched_at if isinstance(node, ArchivedNode) else node.launched_at
    last, when = _last(life, since)
    what, at = last.get("what"), moment(when, now)
    if what == NOT_REVOKED:
        again = "with PUPPET_CA_URL set, 'provisioner retire' of it makes up for it"
        return (), (f"Its certificate was not revoked on {at}: {again}.",)
    if what != REVOKED:
        return (), ()
    if isinstance(node, ArchivedNode) or node.state is State.RETIRING:
        return (f"Its certificate was revoked on {at}.",), ()
    why = f" ({last['why']})" if last.get("why") else ""
    mended = "it has to ask for another one, or 'provisioner retire' ends it"
    return (), (f"Its certificate was revoked on {at}{why}, so Puppet refuses it: {mended}.",)


def _last(life: Iterable[Mapping[str, str]], since: datetime) -> tuple[Mapping[str, str], datetime]:
    """Of this life: a foreign name may have ended before, and been made anew."""
    told = [(entry, _time(entry)) for entry in life if entry.get("what") in _WORDS]
    return next(((e, t) for e, t in reversed(told) if t and t >= since), ({}, since))


def _time(entry: Mapping[str, str]) -> datetime | None:
    """None of what somebody has garbled in the store."""
    try:
        time = datetime.fromisoformat(entry.get("at", ""))
    except ValueError:
        return None
    return time if time.tzinfo else None
