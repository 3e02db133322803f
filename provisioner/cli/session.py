"""What a command works with: settings, inventory and, where it acts, EC2."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

import click

from provisioner.cli.errors import CommandError, mistyped
from provisioner.cli.output import on_terminal
from provisioner.cli.texts import clean

if TYPE_CHECKING:
    from enc.inventory import Inventory
    from provisioner.context import Context
    from provisioner.settings import Settings


def settings() -> Settings:
    from provisioner.settings import Settings

    return Settings.read(os.environ)


def check_puppet_files() -> None:
    """For a command that will need them, before it does anything. Raises SettingError."""
    from provisioner import wiring

    wiring.check_puppet_files(settings())


def inventory() -> Inventory:
    """A begun inventory of our site; raises StoreError's kinds."""
    from provisioner.wiring import begun_inventory

    return begun_inventory(settings())


def now() -> datetime:
    from provisioner.wiring import clock

    return clock().now()


@contextmanager
def acting(*, begun: bool = True) -> Iterator[Context]:
    """A context to act in, with progress shown and Ctrl-C shielded where it must be."""
    from provisioner import wiring
    from provisioner.cli.interrupts import Interrupts
    from provisioner.cli.reporters import reporter

    ours = settings()
    speaker = reporter()
    interrupts = Interrupts(speaker.say)
    interrupts.install()
    found = wiring.begun_inventory(ours) if begun else wiring.open_inventory(ours)
    try:
        yield wiring.context(ours, found, speaker, interrupts.shielded)
    finally:
        speaker.close()


@contextmanager
def if_interrupted(say: str | Callable[[], str]) -> Iterator[None]:
    """What to tell of a Ctrl-C that comes in here, unless it has its words already."""
    try:
        yield
    except KeyboardInterrupt as stopped:
        if stopped.args:
            raise
        raise KeyboardInterrupt(say if isinstance(say, str) else say()) from stopped


def confirm(act: str, *, yes: bool) -> None:
    """Ask on a terminal; without one, --yes must have been said. ``act`` as in "end it all"."""
    if yes:
        return
    if not (on_terminal(sys.stdin) and on_terminal(sys.stderr)):
        raise mistyped(f"to {act}, give --yes: there is no terminal to ask on")
    if not click.confirm(clean(f"{act[:1].upper()}{act[1:]}?"), err=True):
        raise CommandError("nothing was changed")
