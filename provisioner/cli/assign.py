"""assign: another role for a node, or a node that is not of our making."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from provisioner.cli import output
from provisioner.cli.errors import CommandError, mistyped
from provisioner.cli.finding import (
    find_ended,
    find_launch,
    find_node,
    how_it_ended,
    is_address,
    known_role,
    looks_like_launch,
    no_such_node,
)
from provisioner.cli.session import acting, if_interrupted
from provisioner.cli.usage import examples

if TYPE_CHECKING:
    from enc.inventory import Inventory

# https://www.puppet.com/docs/puppet/8/environments_creating.html
_ENVIRONMENT = re.compile(r"[a-z0-9_]{1,100}")
_INTERRUPTED = "run the same command again, so that EC2's tags and the store agree"


@click.command(
    short_help="Give a node another role.",
    epilog=examples(
        "provisioner assign i-0123456789abcdef0 web",
        "provisioner assign db1.example.com database --environment staging",
    ),
)
@click.argument("node")
@click.argument("role")
@click.option(
    "--foreign",
    is_flag=True,
    help="Accept NODE as foreign although its name is like an EC2 instance's.",
)
@click.option("--environment", help="Puppet environment; '' takes the role's again.")
def assign(node: str, role: str, *, foreign: bool, environment: str | None) -> None:
    """Give NODE another ROLE: its next Puppet run gets that role's classes.

    An unknown NODE becomes a foreign node: Puppet gets answers for it, and EC2 is never asked.
    """
    from enc.domain.model import State
    from provisioner.clocks import check_clocks
    from provisioner.commands.assign import assign as assign_node
    from provisioner.commands.assign import make_foreign

    with acting() as context, if_interrupted(_INTERRUPTED):
        store = context.inventory
        found = find_node(store, node)
        if found is None and is_address(node):
            raise no_such_node(node)
        if find_launch(store, node):
            raise mistyped(f"{node} is a launch: 'provisioner show {node}' names its nodes")
        known_role(store, role)
        _check_environment(environment)
        if found is None:
            _check_foreign(store, node, foreign=foreign)
            check_clocks(context)
            made = make_foreign(context, node, role, environment)
            context.reporter.status("")
            output.say(f"{made.certname} is new: a foreign node with role {role}")
            return
        if found.state is State.RETIRING:
            raise CommandError(f"{found.certname} is being retired; Puppet gets no answer for it")
        done = assign_node(context, found, role, environment)
    where = f" in environment {done.environment}" if done.environment else ""
    output.say(f"{done.certname} has role {role}{where}; its next Puppet run sees it")


def _check_foreign(store: Inventory, node: str, *, foreign: bool) -> None:
    """A machine of ours that was not recorded must not become one that is never terminated."""
    from enc.domain.certname import is_instance_id

    if looks_like_launch(node):
        raise no_such_node(node)
    if not is_instance_id(node):
        return
    if ended := find_ended(store, node):
        raise CommandError(f"{how_it_ended(ended)}; it never comes back")
    if not foreign:
        raise mistyped(
            f"{node} is not in the inventory, and looks like an EC2 instance; if rolecall launched "
            "it, 'provisioner retire l-...' of its launch (EC2's tag rolecall:launch) ends it; if "
            "somebody else did, give --foreign: Puppet gets answers, and rolecall never ends it"
        )


def _check_environment(environment: str | None) -> None:
    """As in roles.yaml. Sections of puppet.conf cannot be environments."""
    from enc.domain.rolefields import RESERVED_ENVIRONMENTS

    if environment and not _ENVIRONMENT.fullmatch(environment):
        raise mistyped(f"--environment {environment[:120]!r}: use 1 to 100 of a-z, 0-9 and '_'")
    if environment in RESERVED_ENVIRONMENTS:
        raise mistyped(f"--environment {environment}: it is a section of puppet.conf")
