"""What is wrong with a roles file: where, what, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from enc.domain.rolefields import shown

Place = tuple[str | int, ...]

# A terminal's worth: who has more than these repairs the first ones and asks again.
SHOWN_PROBLEMS = 50
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_:/-]+")


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong. ``place`` is () for the file as a whole; lines count from 1."""

    place: Place
    line: int | None
    message: str
    hint: str = ""

    @property
    def path(self) -> str:
        """As in ``roles.pdf2swf.launch.instance_types[1]``; "" for the file as a whole."""
        return "".join(_step(step) for step in self.place).removeprefix(".")

    def __str__(self) -> str:
        where = f"{self.path}: " if self.place else ""
        return f"{where}{self.message}{'; ' if self.hint else ''}{self.hint}"


class RolesFileError(Exception):
    """The file cannot be used. ``problems`` has everything that was found; str() is one a line."""

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.source = source
        self.problems = tuple(sorted(dict.fromkeys(problems), key=lambda p: (p.line or 0, p.path)))
        super().__init__(source, self.problems)

    def __str__(self) -> str:
        lines = [_located(self.source, problem) for problem in self.problems[:SHOWN_PROBLEMS]]
        more = len(self.problems) - len(lines)
        if more:
            lines.append(f"{self.source}: and {more} more: repair these first")
        return "\n".join(lines)


class UnreadableError(Exception):
    """Nothing after this problem in the file can be read."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def did_you_mean(given: str, valid: Sequence[str], *, otherwise: str) -> str:
    """A hint: the nearest valid word, or else the list of them after ``otherwise``."""
    nearest = get_close_matches(given, valid, n=1)
    if nearest:
        return f'did you mean "{nearest[0]}"?'
    return f"{otherwise}: {', '.join(valid)}"


def related(one: Place, other: Place) -> bool:
    """Whether one place lies within the other."""
    shared = min(len(one), len(other))
    return one[:shared] == other[:shared]


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step if _PLAIN_KEY.fullmatch(step) else shown(step)}"


def _located(source: str, problem: Problem) -> str:
    line = f":{problem.line}" if problem.line else ""
    return f"{source}{line}: {problem}"
