"""Two clocks. Pure.

A minute is what separates "suspect" from "gone", and what is signed with a time is refused by AWS
after five.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from provisioner.doctor.finding import Finding, broken, ok

TOLERATED = timedelta(minutes=1)


def compared(what: str, theirs: datetime, ours: datetime) -> Finding:
    off = ours - theirs
    seconds = abs(off.total_seconds())
    if abs(off) <= TOLERATED:
        return ok(what, f"within a minute of ours ({seconds:.0f} s)")
    side = "ahead of" if off > timedelta(0) else "behind"
    remedy = (
        "set the one that is wrong by NTP (timedatectl, chronyc tracking): until then nothing that "
        "depends on time is decided"
    )
    return broken(what, f"ours is {seconds:.0f} s {side} it", remedy)
