"""From what one pass knows to what it does: every decision of converge, in one value."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from enc.domain.damage import damaged
from enc.domain.explain.outlook import no_order
from enc.domain.model import ANSWERED, Kind, LaunchState, Node, State
from provisioner.domain import actions as do
from provisioner.domain import suspicions
from provisioner.domain.actions import Action, Plan
from provisioner.domain.expiry import Reports, waiting
from provisioner.domain.failures import failures
from provisioner.domain.filling import decide_fleet
from provisioner.domain.fleet import fleet_of
from provisioner.domain.headroom import with_planned
from provisioner.domain.lives import life
from provisioner.domain.newcomers import Newcomers, newcomers
from provisioner.domain.notes import stopped_by
from provisioner.domain.openlaunches import judge, missing_of
from provisioner.domain.retirement import BEFORE_GONE, step_of
from provisioner.domain.world import KnownRole, Region, World, launched_by_us

# Facts first; then what gets machines and certificates out of the way; what costs money last.
_ORDER: tuple[type[Action], ...] = (
    do.Recount,
    do.Adopt,
    do.Write,
    do.Resume,
    do.Forgive,
    do.Stop,
    do.BackOff,
    do.Trust,
    do.Suspect,
    do.Drain,
    do.Close,
    do.Sweep,
    do.Sign,
    do.Advance,
    do.Open,
    do.EndOrphan,
    do.End,
)
_NAMED = 5
_MISCOUNTED = "its counts are not those of its nodes"


def decide(world: World) -> Plan:
    """Everything that this pass is to do, in the order of doing it."""
    news = newcomers(world)
    lives = list(_lives(world))
    nodes = _to_come(world, [*news.actions, *lives])
    launches = list(_launches(world, news.adopting))
    closes = [one for one in launches if isinstance(one, do.Close)]
    closing = {one.launch.id for one in closes}
    missing = {
        one.id: missing_of(one, news.adopting)
        for one in world.launches.values()
        if one.state is LaunchState.OPEN and one.id not in closing
    }
    fleets, notes = _fleets(world, nodes, missing, closes)
    sweeps, templates = _sweeps(world, closing)
    every = [*news.actions, *lives, *launches, *fleets, *sweeps, *_signing(world, nodes)]
    every += _trust(world, news, templates)
    every += [do.Recount(name=n, reason=_MISCOUNTED) for n in sorted(world.miscounted)]
    ordered = sorted(every, key=lambda one: (_ORDER.index(type(one)), one.role, one.target))
    return Plan(actions=tuple(ordered), notes=(*_warnings(world, news), *notes))


def _lives(world: World) -> Iterator[Action]:
    reports = Reports(world.nodes.values())
    for node in world.nodes.values():
        if world.readable(node.region) or _needs_no_ec2(node):
            action = life(world, reports, node) or _prune(world, node)
            if action is not None:
                yield action


def _needs_no_ec2(node: Node) -> bool:
    """A foreign node's end goes on where EC2 cannot be asked."""
    return node.state is State.RETIRING and node.kind is Kind.FOREIGN


def _prune(world: World, node: Node) -> Action | None:
    """The end of nodes whose role is gone, where that was asked for."""
    there = node.role in world.roles or node.role in world.unreadable_roles
    if not world.rules.prune or there or not launched_by_us(node):
        return None
    if node.state not in ANSWERED or node.held or world.hold(node.role):
        return None
    return do.End(node=node, reason=f"its role {node.role} is gone (--prune)")


# What comes of it -----------------------------------------------------------------------------


def _to_come(world: World, actions: Iterable[Action]) -> dict[str, Node]:
    """The nodes as they are when this is done: what is decided of fleets builds on that."""
    nodes = dict(world.nodes)
    for action in actions:
        match action:
            case do.Adopt(node=node):
                nodes[node.certname] = node
            case do.Write(node=node, fields=fields):
                nodes[node.certname] = replace(node, **fields)
            case do.Drain(node=node):
                nodes[node.certname] = replace(node, state=State.DRAINING)
            case do.End(node=node):
                nodes[node.certname] = replace(node, state=State.RETIRING)
    return nodes


def _launches(world: World, adopting: Counter[str]) -> Iterator[Action]:
    for launch in world.launches.values():
        if launch.state is LaunchState.OPEN and (action := judge(world, launch, adopting)):
            yield action


def _fleets(
    world: World,
    nodes: Mapping[str, Node],
    missing: Mapping[str, int],
    closes: Sequence[do.Close],
) -> tuple[list[Action], list[str]]:
    ours: dict[str, list[Node]] = defaultdict(list)
    for node in nodes.values():
        if node.kind is Kind.FLEET:
            ours[node.role].append(node)
    decided: list[Action] = []
    notes: list[str] = []
    for name, known in world.roles.items():
        over = [one for one in closes if one.role == name]
        well = list(failures(world, known, ours[name], over))
        decided += well
        then = _after(world, known, well)
        found = decide_fleet(then, fleet_of(then, known, ours[name], missing))
        decided += found.actions
        for one in found.actions:
            if isinstance(one, do.Open):
                world = with_planned(world, name, one.count)
        notes += found.notes
    return decided, notes


def _after(world: World, known: KnownRole, decided: Sequence[Action]) -> World:
    """The same pass heeds the hold that it has just decided on, or lifted."""
    name = known.role.name
    holds, backoffs = dict(world.holds), dict(world.backoffs)
    for action in decided:
        match action:
            case do.Stop(hold=hold):
                holds[name] = hold
            case do.Resume():
                holds.pop(name, None)
            case do.BackOff(backoff=backoff) | do.Forgive(backoff=backoff):
                backoffs[name] = backoff
    return replace(world, holds=holds, backoffs=backoffs) if decided else world


def _signing(world: World, nodes: Mapping[str, Node]) -> Iterator[Action]:
    for certname in world.requests or ():
        node = nodes.get(certname)
        if node is not None and node.state in ANSWERED and certname in world.nodes:
            yield do.Sign(node=world.nodes[certname], reason="its request waits at the CA")


# Templates and suspicions ---------------------------------------------------------------------


def _sweeps(world: World, closing: set[str]) -> tuple[list[Action], set[str]]:
    """Launch templates that no open launch needs, and all those that are suspected."""
    found: list[Action] = []
    suspected: set[str] = set()
    for region in world.regions.values():
        for name, launch_id in region.templates or ():
            launch = world.launches.get(launch_id)
            if launch_id in world.spoilt_launches:
                continue
            if launch is None:
                found += _unknown_template(world, region, name, suspected)
            elif launch.state is not LaunchState.OPEN and launch_id not in closing:
                why = f"launch {launch_id} is {launch.state}"
                found.append(do.Sweep(region=region.name, template=name, reason=why))
    return found, suspected


def _unknown_template(
    world: World, region: Region, name: str, suspected: set[str]
) -> Iterator[Action]:
    what = suspicions.template(region.name, name)
    suspected.add(what)
    if world.seen_twice(what):
        yield do.Sweep(region=region.name, template=name, reason="no launch that we know needs it")
    elif what not in world.suspects:
        yield do.Suspect(what=what, reason="no launch that we know needs it")


def _trust(world: World, news: Newcomers, templates: set[str]) -> Iterator[Action]:
    """A suspicion that this pass does not share is over: a later one would be a first one."""
    standing = news.suspected | templates
    for what in world.suspects:
        if what.startswith(suspicions.ABSENT):
            name = what.removeprefix(suspicions.ABSENT)
            over, node = _is_there(world, name), world.nodes.get(name)
        else:
            over, node = what not in standing and _was_looked_for(world, what), None
        if over:
            of = node.role if node else ""
            yield do.Trust(what=what, of=of, reason="this pass does not confirm it")


def _was_looked_for(world: World, what: str) -> bool:
    region = world.regions.get(suspicions.region_of(what))
    if region is None or region.error:
        return False
    return region.templates is not None or not what.startswith(suspicions.TEMPLATE)


def _is_there(world: World, certname: str) -> bool:
    node = world.nodes.get(certname)
    if node is None:
        return certname not in world.unreadable
    return world.readable(node.region) and world.instance(node) is not None


# Words ----------------------------------------------------------------------------------------


def _warnings(world: World, news: Newcomers) -> Iterator[str]:
    if world.untimed:
        yield f"nothing that depends on the time is decided: {world.untimed}"
    for region in world.regions.values():
        if region.error:
            yield f"region {region.name} cannot be read, nothing is decided there: {region.error}"
    if world.ca_error:
        yield f"nothing is signed, cleaned or archived: {world.ca_error}"
    if world.ca_warning:
        yield world.ca_warning
    if world.paused:
        hold = world.paused
        yield f"paused {stopped_by(hold)}; 'provisioner resume' ends the pause"
    yield from _roles_gone(world)
    yield from _left_alone(world, news)
    yield from _waiting_for_the_ca(world)
    yield from _waiting_for_puppet(world)


def _left_alone(world: World, news: Newcomers) -> Iterator[str]:
    for name, why in sorted({**world.unreadable, **world.unreadable_roles}.items()):
        yield f"{name} is left alone: {why}"
    for name, spoilt in sorted(world.spoilt_launches.items()):
        whose = f"for {spoilt.role}" if spoilt.role else "at all, as it may be of any role"
        yield f"launch {name} is left alone, and nothing is launched {whose}: {spoilt.why}"
    for node in world.nodes.values():
        if why := damaged(node):
            yield f"{node.certname} is left alone: {why}"
    for name in sorted(world.unordered):
        yield f"{name} is left alone: {no_order(world.nodes[name])}"
    yield from news.strange[:_NAMED]
    if len(news.strange) > _NAMED:
        yield f"{len(news.strange) - _NAMED} more machines are left alone, too"


def _roles_gone(world: World) -> Iterator[str]:
    gone = Counter(
        node.role
        for node in world.nodes.values()
        if node.role not in world.roles
        and node.role not in world.unreadable_roles
        and node.state in ANSWERED
    )
    for role, count in sorted(gone.items()):
        if hold := world.holds.get(role):
            yield f"{role} is held {stopped_by(hold)}; 'provisioner converge --prune' heeds it"
        yield (
            f"role {role} is gone and {count} node(s) still have it: they stay until "
            f"'provisioner retire', or 'provisioner converge --prune'"
        )


def _waiting_for_puppet(world: World) -> Iterator[str]:
    late = Counter(node.role for node in world.nodes.values() if waiting(world, node))
    for role, count in sorted(late.items()):
        yield (
            f"{count} node(s) of {role} are not ready in time; no other node "
            "reports either, so this is taken for a fault of the puppetserver"
        )


def _waiting_for_the_ca(world: World) -> Iterator[str]:
    if not world.ca_error:
        return
    waiting = sum(
        n.state is State.RETIRING and step_of(n) not in BEFORE_GONE for n in world.nodes.values()
    )
    if waiting:
        yield f"{waiting} ended node(s) wait for the CA"
