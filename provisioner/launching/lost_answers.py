"""What a call made whose answer was lost: found by the launch's tag."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from enc.domain.model import Launch
from provisioner.context import Context
from provisioner.domain.pools import Offer
from provisioner.ports.ec2 import FleetAnswer, FleetInstance, Instance
from provisioner.ports.errors import Trouble
from provisioner.ports.tags import LAUNCH_TAG

# Before each further look (seconds): a listing may miss for a while what a lost call has made.
_BEFORE_LOOKS = (0.0, 1.0, 2.0, 4.0, 8.0)


def looks(context: Context, answer: FleetAnswer) -> Iterator[None]:
    """As many looks as the answer after the lost one calls for, with the waits between them.

    One that names neither machines nor refusals says that the lost call was done, and one that
    never came says nothing: then what we took for missing would be asked for twice.
    """
    unsure = not answer.instances and all(
        refusal.trouble is Trouble.UNKNOWN_OUTCOME for refusal in answer.refusals
    )
    for pause in _BEFORE_LOOKS if unsure else _BEFORE_LOOKS[:1]:
        if pause:
            context.reporter.status("EC2's answer was lost; looking for what it made")
            context.clock.sleep(pause)
        yield


def unrecorded(
    context: Context, launch: Launch, offer: Offer, known: Collection[str]
) -> list[FleetInstance]:
    """This launch's machines that live and are not ``known``, oldest first. Raises CloudError."""
    found = context.cloud.instances(launch.region, context.site, {LAUNCH_TAG: launch.id})
    living = sorted((i for i in found if i.alive), key=lambda i: (i.launched_at, i.id))
    return [_as_answered(offer, i) for i in living if i.id not in known]


def _as_answered(offer: Offer, instance: Instance) -> FleetInstance:
    subnet = next((s.id for s in offer.subnets if s.zone == instance.zone), "")
    return FleetInstance(
        id=instance.id,
        market=instance.market,
        instance_type=instance.instance_type,
        subnet=subnet,
    )
