"""How long the provisioner waits for what, and how old it lets a thing get."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Tests shorten these; the reasons stand beside each."""

    heartbeat: timedelta = timedelta(seconds=5)
    # A launch that has not beaten for this long is dead: six beats, so one slow call is none.
    dead: timedelta = timedelta(seconds=30)
    # EC2 takes about 5 s from pending to running; what takes 5 minutes has gone wrong.
    running: timedelta = timedelta(minutes=5)
    # Names may come a little after the machine runs.
    names: timedelta = timedelta(seconds=10)
    # Shutting down may wait for the operating system.
    terminated: timedelta = timedelta(minutes=10)
    # "Absent" counts only when a second look, this much later, says so again.
    suspect: timedelta = timedelta(seconds=60)
    # Machines that end one after the other share one writing of the CA's revocation list.
    gather: timedelta = timedelta(seconds=10)
    # How long we try to write down what EC2 gave us when Redis is away.
    record: timedelta = timedelta(seconds=30)
    # How long a call that may pass by itself is tried again where no other deadline rules.
    patience: timedelta = timedelta(seconds=30)
    # EC2's listings may miss a new machine for minutes.
    young: timedelta = timedelta(minutes=5)
    # A converge that is silent for so long has lost its lease; it says that it lives three times.
    lease: timedelta = timedelta(seconds=60)
    # A pass repeats a call for this long: what does not come waits for the next pass.
    pass_patience: timedelta = timedelta(seconds=10)
    # Clocks that differ by more than this: nothing that depends on the time is decided.
    skew: timedelta = timedelta(seconds=60)
    # So often every region, and every launch template, is looked at.
    sweep: timedelta = timedelta(hours=1)
    first_backoff: timedelta = timedelta(minutes=1)
    longest_backoff: timedelta = timedelta(minutes=30)
    # A launch that has asked for nothing for so long beyond its deadline belongs to the past.
    stale: timedelta = timedelta(minutes=15)
