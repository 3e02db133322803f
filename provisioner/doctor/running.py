"""All checks at once, each within its time, none in another's way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from queue import Empty, Queue
from threading import Thread

from provisioner.doctor.finding import Finding, broken
from provisioner.ports.host import Clock

SECONDS = 10.0
_SILENT = "check that it runs, and that nothing on the way drops packets (firewall, route, proxy)"
_OURS = "this is a bug of rolecall: report it with this text"
_Told = tuple[int, Finding | None]


@dataclass(frozen=True, kw_only=True)
class Check:
    """``act`` tells what it finds as it finds it: what came before a silence is kept."""

    what: str
    act: Callable[[], Iterable[Finding]]
    seconds: float = SECONDS


def examine(checks: Sequence[Check], clock: Clock) -> list[list[Finding]]:
    """The findings of each, in the order of the checks.

    Threads that still wait when their time is over are left alone: they end with the process.
    """
    told: Queue[_Told] = Queue()
    found: list[list[Finding]] = [[] for _ in checks]
    until = {number: clock.monotonic() + check.seconds for number, check in enumerate(checks)}
    for number, check in enumerate(checks):
        Thread(target=_run, args=(number, check, told), daemon=True).start()
    while until:
        for late in [each for each, end in until.items() if end <= clock.monotonic()]:
            del until[late]
            found[late].append(_silent(checks[late]))
        _listen(told, until, found, clock)
    return found


def _listen(
    told: Queue[_Told], until: dict[int, float], found: list[list[Finding]], clock: Clock
) -> None:
    """To one word, or until somebody's time is over. Who speaks after that is not heard."""
    if not until:
        return
    try:
        number, finding = told.get(timeout=max(0.0, min(until.values()) - clock.monotonic()))
    except Empty:
        return
    if finding is None:
        until.pop(number, None)
    elif number in until:
        found[number].append(finding)


def _run(number: int, check: Check, told: Queue[_Told]) -> None:
    try:
        for finding in check.act():
            told.put((number, finding))
    except Exception as error:  # noqa: BLE001  # whatever it is, the others are looked at
        said = f"it could not be looked at: {type(error).__name__}: {error}"
        told.put((number, broken(check.what, said, _OURS)))
    finally:
        told.put((number, None))


def _silent(check: Check) -> Finding:
    return broken(check.what, f"no answer within {check.seconds:g} s", _SILENT)
