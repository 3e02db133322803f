"""pause, resume, hold, unhold, rotate: what people tell converge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from provisioner.cli import output
from provisioner.cli.errors import CommandError, mistyped
from provisioner.cli.exit_codes import FAILED, PARTLY
from provisioner.cli.finding import find_node, known_node, known_role
from provisioner.cli.session import acting
from provisioner.cli.texts import clean
from provisioner.cli.usage import examples

if TYPE_CHECKING:
    from enc.domain.model import Node
    from provisioner.context import Context

_WHY = click.option(
    "--why", default="", help="The reason, for the others.", metavar="TEXT", show_default=False
)
_LONGEST_WHY = 200


@click.command(
    short_help="Stop converge, for a role or for all.",
    epilog=examples("provisioner pause web --why 'load test until six'", "provisioner pause"),
)
@click.argument("role", required=False, default="")
@_WHY
def pause(role: str, why: str) -> None:
    """Stop converge from launching, replacing, draining and ending nodes: of ROLE, or of all.

    Machines are still adopted and requests signed, and what is already gone is cleaned up.
    """
    from provisioner.commands import holds

    with acting() as context:
        if role:
            known_role(context.inventory, role)
        holds.pause(context, role, _checked(why) or "no reason given")
    output.say(f"{_named(role)} paused; 'provisioner resume{_argument(role)}' ends the pause")


@click.command(
    short_help="Lift a pause or a hold of a role.",
    epilog=examples("provisioner resume web", "provisioner resume"),
)
@click.argument("role", required=False, default="")
def resume(role: str) -> None:
    """Lift the pause of all, or what stops ROLE: your pause, the breaker, or failed launches.

    What the breaker had stopped is approved for an hour, for the very nodes that it named.
    """
    from provisioner.commands import holds

    with acting() as context:
        if role:
            known_role(context.inventory, role)
        hold = holds.standing(context, role)
        if hold is None:
            output.say(f"nothing to do: {_named(role)} not stopped")
            return
        if not holds.resume(context, hold):
            raise CommandError("somebody else changed it meanwhile; try again")
        paused = "" if not role else _still_paused(context)
    approved = f"; {len(hold.nodes)} node(s) may be ended" if hold.nodes else ""
    output.say(f"{_named(role)} resumed{approved} (it was stopped for: {hold.why}){paused}")


@click.command(
    short_help="Keep converge from touching a node.",
    epilog=examples("provisioner hold i-0123456789abcdef0 --why 'core dump, ask alice'"),
)
@click.argument("node")
@_WHY
def hold(node: str, why: str) -> None:
    """Converge neither replaces nor ends NODE until 'unhold'. EC2 may, and so may 'retire'."""
    from provisioner.commands import holds

    with acting() as context:
        held = holds.hold(context, known_node(context.inventory, node), _checked(why) or "held")
    ends = held.expires_at
    still = f"; its own life still ends at {ends:%Y-%m-%d %H:%M} UTC" if ends else ""
    output.say(f"{held.certname} is held{still}")


@click.command(
    short_help="Let converge touch a node again.",
    epilog=examples("provisioner unhold i-0123456789abcdef0"),
)
@click.argument("node")
def unhold(node: str) -> None:
    """NODE is replaced and ended again as its role says."""
    from provisioner.commands import holds

    with acting() as context:
        found = known_node(context.inventory, node)
        if not found.held:
            output.say(f"nothing to do: {found.certname} is not held")
            return
        holds.unhold(context, found)
    output.say(f"{found.certname} is no longer held (it was for: {found.held})")


@click.command(
    short_help="Replace a role's nodes, or one, now.",
    epilog=examples("provisioner rotate web", "provisioner rotate i-0123456789abcdef0"),
)
@click.argument("what", metavar="ROLE|NODE")
def rotate(what: str) -> None:
    """Mark the fleet nodes of ROLE, or NODE, to be replaced, whatever their age and the windows.

    The next passes of converge do it under the same budgets: the replacement first, so many at a
    time as fleet.surge says.
    """
    from enc.inventory import StoreError
    from provisioner.commands import holds

    with acting() as context:
        nodes = _meant(context, what)
        if not nodes:
            output.say(f"nothing to do: role {what} has no fleet nodes")
            return
        try:
            found = holds.rotate(context, nodes)
        except holds.NotOfAFleetError as error:
            raise mistyped(str(error)) from error
    errors = [one for one in found if isinstance(one, StoreError)]
    marked = len(found) - len(errors)
    output.say(f"{marked} node(s) will be replaced; 'provisioner plan' shows the next steps")
    if errors:
        code = PARTLY if marked else FAILED
        raise CommandError(f"{len(errors)} not marked: {errors[0]}; try again", code)


def _meant(context: Context, what: str) -> list[Node]:
    from provisioner.commands import holds

    store = context.inventory
    if store.roles.get(what) is not None:
        return holds.rotatable(store.nodes.of_role(what))
    node = find_node(store, what)
    if node is None:
        raise mistyped(f"there is neither a role nor a node {what!r}; see 'provisioner roles ls'")
    return [node]


def _checked(why: str) -> str:
    if len(why) > _LONGEST_WHY:
        raise mistyped(f"--why has {len(why)} characters; the limit is {_LONGEST_WHY}")
    return clean(why.strip())


def _still_paused(context: Context) -> str:
    from provisioner.commands import holds

    paused = holds.standing(context, "")
    return "; everything is paused, too: 'provisioner resume'" if paused else ""


def _named(role: str) -> str:
    return f"role {role} is" if role else "everything is"


def _argument(role: str) -> str:
    return f" {role}" if role else ""
