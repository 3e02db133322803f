"""Runs one command's work in a process of its own that kills itself at a call of its choice.

    python -m tests.region_ring.dying NUMBER before|after|asleep COMMAND [NODE]

COMMAND is launch, burst, retire or converge. NUMBER counts the calls to EC2, Redis, the CA and
PuppetDB from 1; 0 never dies. ``asleep`` stops before the call until it is woken.
How many calls there were is printed, with each of their names. All is real but the moment.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta

from enc.domain.model import Kind, Market
from enc.domain.rolespec import RoleSpec
from provisioner import wiring
from provisioner.cli.reporters import PlainReporter
from provisioner.context import Context
from provisioner.ending.retire import retire
from provisioner.launching.launch import launch
from provisioner.launching.order import Order
from provisioner.loop.converge import Wish, converge
from provisioner.settings import Settings
from tests.service.crash import Fate, Sleeper, mortal

ROLE = "solid"


@dataclass
class Killed(Fate):
    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def fell_asleep() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def main(number: str, when: str, command: str, *names: str) -> None:
    settings = Settings.read(os.environ)
    store = wiring.begun_inventory(settings)
    fate: Fate = Killed(int(number), after=when == "after")
    if when == "asleep":
        fate = Sleeper(int(number), meanwhile=fell_asleep)
    plain = wiring.context(settings, store, PlainReporter(lambda: 0.0), nullcontext)
    context = mortal(plain, fate)
    match command:
        case "launch":
            launch(context, order(plain, Kind.EXTRA, None))
        case "burst":
            launch(context, order(plain, Kind.BURST, timedelta(hours=2)))
        case "retire":
            nodes = store.nodes.many(names)
            retire(context, nodes, drain=lambda _: timedelta(0), why="retired by a test")
        case _:
            converge(context, Wish())
    print(*fate.calls, len(fate.calls))


def order(context: Context, kind: Kind, ttl: timedelta | None) -> Order:
    role = context.inventory.roles.get(ROLE)
    assert role is not None
    spec = RoleSpec.of(role)
    deadline = timedelta(seconds=2)
    return Order(
        role=role,
        spec=spec,
        count=2,
        kind=kind,
        market=Market.ON_DEMAND,
        deadline=deadline,
        ttl=ttl,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
