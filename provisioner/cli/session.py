"""What a command works with: settings, inventory and, where it acts, EC2."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from provisioner.cli.errors import mistyped, unknown

if TYPE_CHECKING:
    from enc.inventory import Inventory
    from enc.model import Node, Role
    from provisioner.context import Context
    from provisioner.settings import Settings


def settings() -> Settings:
    from provisioner.settings import Settings

    return Settings.read(os.environ)


def inventory() -> Inventory:
    """A begun inventory of our site; raises StoreError's kinds."""
    from provisioner.wiring import begun_inventory

    return begun_inventory(settings())


@contextmanager
def acting(*, begun: bool = True) -> Iterator[Context]:
    """A context to act in, with progress shown and Ctrl-C shielded where it must be."""
    from provisioner import wiring
    from provisioner.cli.interrupts import Interrupts
    from provisioner.cli.reporters import reporter

    ours = settings()
    found = wiring.begun_inventory(ours) if begun else wiring.open_inventory(ours)
    speaker = reporter()
    interrupts = Interrupts(speaker.say)
    interrupts.install()
    try:
        yield wiring.context(ours, found, speaker, interrupts.shielded)
    finally:
        speaker.close()


def known_role(store: Inventory, name: str) -> Role:
    role = store.roles.get(name)
    if role is None:
        otherwise = "'provisioner roles ls' lists them, 'roles apply FILE' adds one"
        raise unknown("role", name, store.roles.names(), otherwise=otherwise)
    return role


def find_node(store: Inventory, given: str) -> Node | None:
    """By certname, else by the DNS name or ``<vpc>:<ip>`` that it has now.

    Raises ImpossibleCertnameError for what can be neither.
    """
    from enc.certname import check_certname

    certname = given if ":" in given else check_certname(given)
    if found := (None if ":" in given else store.nodes.get(certname)):
        return found
    named = store.nodes.named(given)
    return store.nodes.get(named) if named else None


def known_node(store: Inventory, given: str) -> Node:
    found = find_node(store, given)
    if found is not None:
        return found
    if ":" not in given and (ended := store.nodes.archived(given)):
        when = f"{ended.ended_at:%Y-%m-%d %H:%M} UTC"
        raise mistyped(f"{given} ended on {when} ({ended.reason}); see 'provisioner show {given}'")
    raise mistyped(f"there is no node {given!r}; 'provisioner ls' lists them")


class DurationType(click.ParamType[Any]):
    """``90s``, ``5m``, ``24h``, ``7d``; with ``zero``, ``0s`` too."""

    name = "duration"

    def __init__(self, *, zero: bool = False) -> None:
        self._zero = zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from datetime import timedelta

        from enc.durations import parse

        if isinstance(value, timedelta):
            return value
        if self._zero and value in {"0", "0s"}:
            return timedelta(0)
        try:
            return parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal; without one, --yes must have been said."""
    import sys

    if yes:
        return
    if not sys.stdin.isatty():
        raise mistyped(f"{question} There is no terminal to ask on: say --yes")
    if not click.confirm(question, err=True):
        raise mistyped("nothing was changed")
