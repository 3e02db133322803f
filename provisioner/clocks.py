"""Whether our clock may be trusted with what hangs on the time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from provisioner.context import Context


class WrongClockError(Exception):
    """Our clock is not Redis' or EC2's: what we write would be too old, or of tomorrow."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"{why}: the times that this command writes would be wrong, and converge would end or "
            "keep machines by them; set the clock that is wrong by NTP ('timedatectl', "
            "'provisioner doctor'), and try again; nothing was changed"
        )


def check_clocks(context: Context, regions: Iterable[str] = ()) -> None:
    """Before something is written. Raises WrongClockError, StoreError's kinds.

    ``regions`` were asked a moment ago: EC2 says its time with each answer.
    """
    if why := differ(context, context.store_time() - context.clock.now(), regions):
        raise WrongClockError(why)


def differ(context: Context, redis_ahead: timedelta, regions: Iterable[str]) -> str:
    """Why our clock cannot be trusted; "" where it can."""
    most = context.timeouts.skew
    if abs(redis_ahead) > most:
        return f"this machine's clock is {_off(redis_ahead)} Redis'"
    for region in regions:
        ahead = context.cloud.skew(region)
        if ahead is not None and abs(ahead) > most:
            return f"this machine's clock is {_off(ahead)} EC2's ({region})"
    return ""


def _off(theirs_ahead: timedelta) -> str:
    side = "behind" if theirs_ahead > timedelta(0) else "ahead of"
    return f"{abs(theirs_ahead).total_seconds():.0f} s {side}"
