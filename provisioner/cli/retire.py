"""retire: the end of nodes, and of all that a launch made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from provisioner.cli import output
from provisioner.cli.durations import DurationType
from provisioner.cli.errors import CommandError
from provisioner.cli.exit_codes import FAILED, PARTLY
from provisioner.cli.finding import find_ended, find_launch, find_node, how_it_ended, known_node
from provisioner.cli.session import acting, check_puppet_files, confirm, if_interrupted
from provisioner.cli.texts import some
from provisioner.cli.usage import examples

if TYPE_CHECKING:
    from enc.domain.model import ArchivedNode, Launch, Node
    from enc.inventory import Inventory
    from provisioner.context import Context
    from provisioner.ending.retire import Retirement

GOES_ON = "run the same command again to continue"
_NAMED = 5


@click.command(
    short_help="End nodes, or all of a launch, for good.",
    epilog=examples(
        "provisioner retire i-0123456789abcdef0",
        "provisioner retire --yes --drain 0s i-0123456789abcdef0 db1.example.com",
        "provisioner retire l-0123456789abcdef    # every machine of that launch",
    ),
)
@click.argument("nodes", nargs=-1, required=True, metavar="NODE...")
@click.option(
    "--drain",
    type=DurationType("24h", zero=True),
    help="How long each drains. Default: fleet.drain of its role.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def retire(nodes: Sequence[str], *, drain: timedelta | None, yes: bool) -> None:
    """End NODEs for good: drain, terminate, revoke, archive. A launch (l-...) means all of it.

    Draining: DNS and discovery stop naming the node, its work goes on. Only when EC2 has confirmed
    that the machine is gone, its certificate is revoked and cleaned, and PuppetDB told, where
    PUPPET_CA_URL and PUPPETDB_URL are set. Foreign nodes lose their certificate, too; their
    machines are left alone.

    A launch is looked for in EC2, too: machines that its command did not record are found by
    their tags.

    After an interruption or a failure, run the same command again to continue.
    """
    check_puppet_files()
    with acting() as context:
        meant = _meant(context.inventory, nodes)
        _check_spared(context, meant.nodes)
        for one in meant.ended:
            _make_up_for(context, one)
        if not meant.nodes and not meant.launches:
            return
        for node in meant.nodes:
            if node.held:
                context.reporter.say(f"warning: {node.certname} is held: {node.held}")
        context.reporter.status("")
        confirm(meant.act(revoking=context.ca is not None), yes=yes)
        found = list(meant.nodes)
        with if_interrupted(lambda: _how_far(context.inventory, found)):
            found[:] = _with_those_of_launches(context, meant)
            result = _ended(context, found, drain)
    if result.remaining:
        raise _remaining(result, len(found))
    output.say(
        f"{len(result.archived)} {'node' if len(result.archived) == 1 else 'nodes'} archived"
    )


@dataclass(frozen=True)
class _Meant:
    """``ended`` are those that are archived already."""

    nodes: tuple[Node, ...]
    launches: tuple[Launch, ...]
    ended: tuple[ArchivedNode, ...]

    def act(self, *, revoking: bool) -> str:
        named = [f"{n.certname} ({n.role}, {n.kind}, {n.state})" for n in self.nodes]
        named += [f"launch {one.id} with all its machines ({one.role})" for one in self.launches]
        count = f"{len(named)} nodes and launches: " if len(named) > _NAMED else ""
        end = f"end {count}{some(named, _NAMED)} for good"
        if not revoking:
            return f"{end} (no PUPPET_CA_URL: certificates stay valid)"
        one = len(self.nodes) == 1 and not self.launches
        return f"{end} and revoke {'its certificate' if one else 'their certificates'}"


def _check_spared(context: Context, nodes: Sequence[Node]) -> None:
    from provisioner.ending.retire import check_spared

    check_spared(nodes, context.spared())


def _meant(store: Inventory, given: Sequence[str]) -> _Meant:
    """Raises CommandError for a name that nothing has, before anything is done."""
    nodes, launches, ended = {}, {}, []
    for name in dict.fromkeys(given):
        if launch := find_launch(store, name):
            launches[launch.id] = launch
        elif found := find_node(store, name):
            nodes[found.certname] = found
        elif archived := find_ended(store, name):
            ended.append(archived)
        else:
            known_node(store, name)
    return _Meant(tuple(nodes.values()), tuple(launches.values()), tuple(ended))


def _make_up_for(context: Context, ended: ArchivedNode) -> None:
    from provisioner.ending.puppet import clean_ended

    certname = ended.node.certname
    if clean_ended(context, ended):
        context.reporter.say(f"{certname} had ended without a CA; its certificate is revoked now")
    else:
        context.reporter.say(f"nothing to do for {how_it_ended(ended)}")


def _with_those_of_launches(context: Context, meant: _Meant) -> list[Node]:
    from provisioner.launching.abandon import abandon

    nodes = {node.certname: node for node in meant.nodes}
    for launch in meant.launches:
        context.reporter.status(f"looking in EC2 for machines of launch {launch.id}")
        found = abandon(context, launch).nodes
        context.reporter.say(
            f"launch {launch.id} is closed and has {_counted(len(found), 'machine')}"
        )
        nodes |= {node.certname: node for node in found}
    return list(nodes.values())


def _ended(context: Context, nodes: Sequence[Node], drain: timedelta | None) -> Retirement:
    """Raises CommandError where the store fails: EC2 and Puppet may be further than it says."""
    from enc.inventory import StoreError
    from provisioner.ending.retire import retire as retire_nodes

    how_long = _drain(context, nodes, drain)
    try:
        return retire_nodes(context, nodes, drain=how_long, why=f"retired by {context.who}")
    except StoreError as error:
        raise CommandError(f"{error}; {GOES_ON}") from error


def _drain(
    context: Context, nodes: Sequence[Node], given: timedelta | None
) -> Callable[[Node], timedelta]:
    """How long each node drains: as typed, else as its role says, if the role is still there."""
    if given is not None:
        return lambda _node: given
    drains = {role: _drain_of(context, role) for role in sorted({node.role for node in nodes})}
    return lambda node: drains.get(node.role, timedelta(0))


def _drain_of(context: Context, name: str) -> timedelta:
    """A role that nobody can read must not keep its machines alive."""
    from enc.domain.rolespec import RoleSpec, StoredRoleError
    from enc.inventory import CorruptError

    try:
        role = context.inventory.roles.get(name)
        return RoleSpec.of(role).fleet.drain if role else timedelta(0)
    except (CorruptError, StoredRoleError) as error:
        context.reporter.say(f"warning: {error}; its nodes do not drain (--drain sets how long)")
        return timedelta(0)


def _how_far(store: Inventory, nodes: Sequence[Node]) -> str:
    """Where each stands now, for who has stopped it."""
    from enc.inventory import StoreError

    if not nodes:
        return GOES_ON
    try:
        there = store.nodes.many([node.certname for node in nodes])
    except StoreError as error:
        return f"{GOES_ON} (where that is, the store does not say: {error})"
    gone = len(nodes) - len(there)
    states = some((f"{node.certname} is {_stands(node)}" for node in there), _NAMED)
    return "; ".join([f"{gone} of {len(nodes)} archived", *([states] if states else []), GOES_ON])


def _stands(node: Node) -> str:
    return f"{node.state} (next: {node.retire_step})" if node.retire_step else str(node.state)


def _remaining(result: Retirement, count: int) -> CommandError:
    """Each reason once, with the nodes that it holds for."""
    reasons: dict[str, list[str]] = {}
    for name, why in sorted(result.remaining.items()):
        reasons.setdefault(why, []).append(name)
    lines = "\n".join(f"  {some(names, _NAMED)}: {why}" for why, names in reasons.items())
    done = f"{len(result.archived)} of {count} archived"
    return CommandError(f"{done}; {GOES_ON}:\n{lines}", PARTLY if result.archived else FAILED)


def _counted(count: int, what: str) -> str:
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"
