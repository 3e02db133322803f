"""Questions for enc.domain.explain, and what to look for in its answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from enc.domain.explain import Explanation, explain
from enc.domain.model import ArchivedNode, Attempt, Market, Node, Role
from tests.builders import role
from tests.fakes.clock import START

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOW = START + HOUR
NAME = "i-0aaaaaaaaaaaaaaa1"
LAUNCH = "l-00000000000000aa"
POOL, DRY = "spot:c5.large:us-east-1", "InsufficientInstanceCapacity"


def why(of: Node | ArchivedNode, **given: Any) -> Explanation:
    """An hour after START; without a launch, by a role that has all it needs."""
    more = {"role": role(), "launch": None, "now": NOW, **given}
    return explain(of, **more)


def said(sentences: tuple[str, ...], words: str) -> bool:
    return any(words in one for one in sentences)


def attempt(number: int, market: Market, *got: str, **fields: Any) -> Attempt:
    return Attempt(number=number, at=START, market=market, wanted=3, got=got, **fields)


def stored(**definition: Any) -> Role:
    """A role as roles.yaml makes it: with when, by whom, and its revision."""
    made = {"classes": {"role::web": {"workers": 4}}, "parameters": {"tier": "front"}}
    return Role(
        name="web",
        definition={**made, **definition},
        rev=7,
        applied_at=START,
        applied_by="bob@desk",
    )


def fleet(**fields: Any) -> Role:
    return stored(fleet={"size": 3, **fields})
