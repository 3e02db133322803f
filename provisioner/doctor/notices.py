"""The queues to which EventBridge sends EC2's notices: each region's stay in their region."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from enc.domain.model import Market
from enc.domain.rolespec import RoleSpec
from provisioner.doctor.finding import Finding, ok, refused, skipped, warning
from provisioner.ports.checks import Aws, QueueState
from provisioner.ports.errors import CloudError
from provisioner.ports.notices import place_of

# A pass a minute takes them all.
MANY = 1000


def what(url: str) -> str:
    place = place_of(url)
    return f"SQS {place.region}: notices" if place and place.region else "SQS: notices"


def examine(aws: Aws, url: str) -> Iterator[Finding]:
    try:
        yield judged(url, aws.queue(url))
    except CloudError as error:
        yield refused(what(url), error)


def judged(url: str, found: QueueState) -> Finding:
    """Pure."""
    said = f"{found.waiting} waiting, {found.taken} being worked on"
    if found.waiting > MANY:
        remedy = "no loop takes them: check that 'provisioner run' runs with this queue"
        return warning(what(url), said, remedy)
    return ok(what(url), said)


def without_queue() -> Finding:
    said = "SPOT_QUEUE_URL is not set: a lost machine is found by the next listing only"
    return skipped(
        "SQS: notices", said, "'provisioner doctor --aws-policy' prints the queue and its rule"
    )


def unheard(urls: Sequence[str], roles: Iterable[RoleSpec]) -> list[Finding]:
    """Of each region where roles launch spot machines and no queue is. Pure."""
    heard = {place.region for url in urls if (place := place_of(url))}
    launches = [spec.launch for spec in roles if spec.launch]
    spot = {launch.region for launch in launches if launch.market is Market.SPOT}
    # One on this machine is a test's, of all regions.
    return [] if "" in heard else [_unheard(region) for region in sorted(spot - heard)]


def _unheard(region: str) -> Finding:
    said = f"no queue in SPOT_QUEUE_URL is in {region}: losses there are found by listing only"
    remedy = (
        "deploy 'provisioner doctor --aws-policy=stack' there and add its queue to SPOT_QUEUE_URL; "
        "where a rule forwards that region's notices to another queue, nothing is missing"
    )
    return skipped(f"SQS {region}: notices", said, remedy)
