"""The queue to which EventBridge sends EC2's notices."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.doctor.finding import Finding, ok, refused, skipped, warning
from provisioner.doctor.ports import Aws, QueueState
from provisioner.ports import CloudError

WHAT = "SQS: notices"
# A pass a minute takes them all.
MANY = 1000


def examine(aws: Aws, url: str) -> Iterator[Finding]:
    try:
        yield judged(aws.queue(url))
    except CloudError as error:
        yield refused(WHAT, error)


def judged(found: QueueState) -> Finding:
    """Pure."""
    said = f"{found.waiting} waiting, {found.taken} being worked on"
    if found.waiting > MANY:
        remedy = "nobody takes them: see whether 'provisioner run' is running, and with this queue"
        return warning(WHAT, said, remedy)
    return ok(WHAT, said)


def without_queue() -> Finding:
    said = "SPOT_QUEUE_URL is not set: losses are found by reconciliation, after the fact"
    return skipped(WHAT, said, "'provisioner doctor --aws-policy' prints the queue and its rule")
