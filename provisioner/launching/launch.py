"""One launch: intent, template, asking EC2 until it is over, and the end of it, whatever happens.

The order of writes is the safety: the intent is in Redis before EC2 hears of it, every machine is
recorded the moment EC2 names it, and each carries our tags, so what a dead command leaves behind
can be told from anybody else's.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from enc.domain.limits import Bound, bounds
from enc.domain.model import Launch, LaunchState, Node
from enc.inventory import LaunchGoneError, StoreError, StoreLostError
from provisioner.bootstrap import render
from provisioner.calls import Heartbeat, check_account, retry
from provisioner.clocks import check_clocks
from provisioner.context import Context
from provisioner.domain import ground
from provisioner.domain.spot_fallback import End
from provisioner.domain.volumes import planned
from provisioner.launching.order import Order, asked, terms
from provisioner.launching.requests import Asking
from provisioner.ports.ec2 import Ground, TemplateRequest
from provisioner.ports.errors import CloudError
from provisioner.ports.tags import LAUNCH_TAG, ROLE_TAG, SITE_TAG
from provisioner.rolesfile.userdata import bootstrap

# A launch key outlives the launch by this much, besides the time a machine has to become ready.
KEY_GRACE = timedelta(minutes=30)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a launch ended. ``left`` says what is still to be cleaned up, for people."""

    launch: Launch
    nodes: tuple[Node, ...]
    error: CloudError | None = None
    left: tuple[str, ...] = ()


class LaunchCutShortError(KeyboardInterrupt):
    """A second Ctrl-C: the launch was left as it stood."""

    def __init__(self, launch: str) -> None:
        self.launch = launch
        super().__init__(f"launch {launch} was left open")


def launch(context: Context, order: Order) -> Outcome:
    """Get machines for a role, recorded.

    Raises CloudError, UnsuitableError, WrongClockError or StoreError while nothing is written.

    Once the intent is written it always ends in an Outcome, or in LaunchCutShortError.
    """
    check_account(context)
    found = _checked_ground(context, order)
    check_clocks(context, [order.launch_spec.region])
    intent = replace(intended(context, order), image=found.image)
    prepared = prepare(context, order, intent, found)
    try:
        event = context.event("launch opened", why=asked(order))
        context.inventory.launches.open(intent, event, bounds_of(context, order))
        context.reporter.say(f"launch {intent.id}: {asked(order)}")
        return _run(context, order, intent, prepared)
    except KeyboardInterrupt as error:
        raise LaunchCutShortError(intent.id) from error


def bounds_of(context: Context, order: Order) -> tuple[Bound, ...]:
    """What binds this launch: limits of its role, and of the site. Raises StoreError's kinds."""
    site = context.inventory.limits.get()
    return bounds(site, order.spec.name, order.spec.limits.limits)


def _checked_ground(context: Context, order: Order) -> Ground:
    spec = order.launch_spec
    found = context.cloud.ground(ground.request(spec))
    if wrong := ground.unsuitable(found, spec.instance_types, spec.region):
        raise ground.UnsuitableError(order.role.name, wrong)
    return found


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What EC2 is asked with: the launch's template, and what it stands on."""

    request: TemplateRequest
    ground: Ground


def _run(context: Context, order: Order, intent: Launch, prepared: Prepared) -> Outcome:
    asking = Asking(context, intent, terms(context, order, intent, prepared.ground))
    end, error = End(state=LaunchState.FAILED, reason="it died"), None
    try:
        with Heartbeat(lambda: _beat(context, intent), context.timeouts.heartbeat.total_seconds()):
            end = _ask(context, asking, prepared.request)
        error = asking.error
    except CloudError as refused:
        end, error = End(state=LaunchState.FAILED, reason=str(refused)), refused
    except StoreError as away:
        state = LaunchState.PARTIAL if asking.nodes else LaunchState.FAILED
        end = End(state=state, reason=str(away))
    except KeyboardInterrupt:
        end = End(state=LaunchState.INTERRUPTED, reason=f"interrupted by {context.who}")
        if asking.unanswered:
            asking.left.append(
                f"perhaps {asking.unanswered}: EC2's answer was not waited for, and what it makes "
                "can be found in a minute"
            )
    _settle(context, asking, end)
    with context.shielded():
        left = [*asking.left, *_clean_up(context, prepared.request, intent, end)]
    closed = replace(intent, state=end.state, got=len(asking.nodes), why=end.reason)
    return Outcome(launch=closed, nodes=tuple(asking.nodes), error=error, left=tuple(left))


def _settle(context: Context, asking: Asking, end: End) -> None:
    """Whoever interrupted us does not wait for a listing to be repeated."""
    patience = timedelta(0) if end.state is LaunchState.INTERRUPTED else context.timeouts.patience
    # What could not be recorded stands in asking.left.
    with suppress(StoreError):
        asking.settle(patience)


def _ask(context: Context, asking: Asking, request: TemplateRequest) -> End:
    with context.shielded():
        until = context.clock.now() + context.timeouts.patience
        asking.unanswered = f"launch template {request.name}"
        retry(context, lambda: context.cloud.create_template(request), until)
        asking.unanswered = ""
    return asking.run()


def _clean_up(context: Context, request: TemplateRequest, intent: Launch, end: End) -> list[str]:
    """Delete the template and close the launch; what fails is named, and does not stop the rest."""
    left = []
    try:
        until = context.clock.now() + context.timeouts.patience
        retry(context, lambda: context.cloud.delete_template(request.region, request.name), until)
    except CloudError as error:
        left.append(f"launch template {request.name} in {request.region}: {error}")
    try:
        event = context.event(f"launch {end.state}", role=intent.role, why=end.reason)
        context.inventory.launches.close(intent.id, end.state, event)
    except StoreError as error:
        left.append(_not_closed(intent, error))
    return left


def _not_closed(intent: Launch, error: StoreError) -> str:
    match error:
        case LaunchGoneError():
            return (
                f"the store has lost launch {intent.id} with its key (a failover, or a restored "
                "backup): converge adopts its machines by their tags; one that has no certificate "
                "yet is signed by hand, or retired"
            )
        case StoreLostError():
            return f"launch {intent.id} is lost with the store: {error}"
    return (
        f"launch {intent.id} may stand open in the store, and converge closes it when the store "
        f"answers: {error}"
    )


def _beat(context: Context, intent: Launch) -> None:
    context.inventory.launches.beat(intent.id, context.store_time())


def intended(context: Context, order: Order, owner: str = "") -> Launch:
    """The launch as it is written down before EC2 hears of it; ``owner``: default, who asks."""
    now = context.clock.now()
    launch_id = f"l-{context.token(8)}"
    deadline = now + order.deadline
    return Launch(
        id=launch_id,
        role=order.spec.name,
        kind=order.kind,
        want=order.count,
        deadline=deadline,
        key_expires=deadline + order.spec.fleet.ready_timeout + KEY_GRACE,
        owner=owner or context.who,
        opened_at=now,
        heartbeat=None if owner else context.store_time(),
        region=order.launch_spec.region,
        spec_hash=order.role.spec_hash,
        market=order.market,
        key=context.token(32),
        template=f"rolecall-{launch_id}",
    )


def prepare(context: Context, order: Order, intent: Launch, found: Ground) -> Prepared:
    """The same for the same launch and role, whoever asks.

    Raises UserDataTooLarge, and CloudError for volumes that the image cannot have.
    """
    spec = order.launch_spec
    expires = order.expires(intent.opened_at)
    user_data = render(bootstrap(order.spec, spec, key=intent.key, expires_at=expires))
    ours = {
        "Name": intent.role,
        SITE_TAG: context.site,
        LAUNCH_TAG: intent.id,
        ROLE_TAG: intent.role,
    }
    request = TemplateRequest(
        region=spec.region,
        name=intent.template,
        token=intent.id,
        image=intent.image or found.image,
        security_groups=spec.security_groups,
        user_data=user_data,
        key_name=spec.key_name,
        instance_profile=spec.instance_profile,
        public_ip=spec.public_ip,
        ipv6=any(subnet.ipv6_only for subnet in found.subnets),
        volumes=planned(spec.volumes, found),
        options=spec.options,
        tags={**spec.tags, **ours},
    )
    return Prepared(request=request, ground=found)
