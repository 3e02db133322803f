"""From spot to on-demand: what a launch does next: ask a market, wait, or end. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from enc.domain.model import LaunchState, Market

# How long on-demand may take after spot's deadline has passed.
FALLBACK_SPAN = timedelta(seconds=30)
FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(seconds=30)


@dataclass(frozen=True, kw_only=True)
class Course:
    """What a launch is to get, and until when it may try."""

    want: int
    market: Market
    falls_back: bool
    deadline: datetime


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a launch has come.

    ``tries`` counts rounds in which every pool of the market was asked and machines were still
    missing. ``hopeless``: every pool refused for something that waiting does not change.
    ``refused`` is EC2's own word, for people.
    """

    market: Market
    got: int = 0
    tries: int = 0
    untried: bool = True
    hopeless: bool = False
    barred: str = ""
    refused: str = ""
    fallback_until: datetime | None = None
    fallback_why: str = ""


@dataclass(frozen=True, kw_only=True)
class Ask:
    market: Market
    count: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Wait:
    span: timedelta
    reason: str


@dataclass(frozen=True, kw_only=True)
class Turn:
    """Leave spot for on-demand, until ``until``."""

    until: datetime
    reason: str


@dataclass(frozen=True, kw_only=True)
class End:
    """``why`` is ``reason`` without how many came."""

    state: LaunchState
    reason: str = ""
    why: str = field(default="", compare=False)


Step = Ask | Wait | Turn | End


def begin(course: Course) -> Progress:
    return Progress(market=course.market)


def turned(progress: Progress, turn: Turn) -> Progress:
    """The progress after leaving spot: the other market has not been asked yet."""
    return replace(
        progress,
        market=Market.ON_DEMAND,
        tries=0,
        untried=True,
        hopeless=False,
        fallback_until=turn.until,
        fallback_why=turn.reason,
    )


def next_step(course: Course, progress: Progress, now: datetime, jitter: float) -> Step:
    """Decide. ``jitter`` in [0, 1) spreads the waits of launches that were refused together."""
    missing = course.want - progress.got
    if missing <= 0:
        return End(state=LaunchState.COMPLETE)
    if progress.barred:
        return _end(course, progress, progress.barred)
    until = progress.fallback_until or course.deadline
    over = now >= until and not (progress.untried and progress.fallback_until)
    if over or progress.hopeless:
        return _turn_or_end(course, progress, now, over=over)
    if progress.untried:
        return Ask(market=progress.market, count=missing, reason=_why(course, progress))
    return _wait(progress, until - now, jitter)


def waited(progress: Progress) -> Progress:
    """After the wait the pools may be asked again."""
    return replace(progress, untried=True)


def _turn_or_end(course: Course, progress: Progress, now: datetime, *, over: bool) -> Turn | End:
    on_spot = progress.market is Market.SPOT
    if on_spot and course.falls_back:
        why = "spot's deadline has passed" if over else "every spot pool refused for good"
        return Turn(until=now + FALLBACK_SPAN, reason=_with_word(why, progress))
    if over:
        why = f"the {progress.market} deadline has passed"
    else:
        why = f"every {progress.market} pool refused for good"
    return _end(course, progress, _with_word(why, progress))


def _end(course: Course, progress: Progress, why: str) -> End:
    state = LaunchState.PARTIAL if progress.got else LaunchState.FAILED
    return End(state=state, reason=f"got {progress.got} of {course.want}: {why}", why=why)


def _wait(progress: Progress, left: timedelta, jitter: float) -> Wait:
    grown = min(FIRST_WAIT * 2 ** min(progress.tries - 1, 10), LONGEST_WAIT)
    span = grown * (0.5 + jitter)
    return Wait(span=min(span, left), reason=_with_word("every pool refused", progress))


def _why(course: Course, progress: Progress) -> str:
    if progress.fallback_why:
        return progress.fallback_why
    if course.market is Market.SPOT and course.falls_back:
        return "spot first"
    return f"{course.market} only"


def _with_word(why: str, progress: Progress) -> str:
    return f"{why} ({progress.refused})" if progress.refused else why
