"""What was found of one thing, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    OK = "ok"
    WARNING = "warning"  # it works, or could not be looked at
    BROKEN = "broken"
    SKIPPED = "skipped"  # it is not configured, or there is nothing to try it on


@dataclass(frozen=True, kw_only=True)
class Finding:
    """``what`` was looked at, as in "Redis: persistence"; ``remedy`` is "" where all is well."""

    what: str
    verdict: Verdict
    said: str
    remedy: str = ""


def ok(what: str, said: str) -> Finding:
    return Finding(what=what, verdict=Verdict.OK, said=said)


def warning(what: str, said: str, remedy: str) -> Finding:
    return Finding(what=what, verdict=Verdict.WARNING, said=said, remedy=remedy)


def broken(what: str, said: str, remedy: str) -> Finding:
    return Finding(what=what, verdict=Verdict.BROKEN, said=said, remedy=remedy)


def skipped(what: str, said: str, remedy: str = "") -> Finding:
    return Finding(what=what, verdict=Verdict.SKIPPED, said=said, remedy=remedy)


def refused(what: str, error: Exception, otherwise: str = "") -> Finding:
    """An error of ours: its message ends with what to do, or a hint does, or we know better."""
    said, advice = str(error).rstrip(". "), getattr(error, "hint", "")
    if not advice and not otherwise:
        said, _, advice = said.partition("; ")
    if not advice and not otherwise and getattr(error, "passing", False):
        advice = "it may pass by itself: try again in a minute"
    return broken(what, said, advice or otherwise or "see the log of the program that reports it")
