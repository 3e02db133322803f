"""Terminating many machines, of which EC2 may refuse some: it then ends none of the request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from provisioner.calls import retry
from provisioner.context import Context
from provisioner.ports.errors import CloudError, Trouble

# So many refused one after the other and none taken: it is no single machine's fault.
_HOPELESS = 200


@dataclass
class Terminated:
    """``taken`` EC2 ends, ``unknown`` it does not know; the others say why not.

    What ``refused`` says will not pass by itself. What ``away`` says may, and of those machines
    EC2 may have ended some.
    """

    taken: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    refused: dict[str, CloudError] = field(default_factory=dict)
    away: dict[str, CloudError] = field(default_factory=dict)


def terminate(context: Context, region: str, ids: Sequence[str], patience: timedelta) -> Terminated:
    """Tell EC2 to end them, all in one request where it takes that; no CloudError is raised.

    A single protected machine keeps alive all of its zone that stand beside it in the request:
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html
    Then the halves are asked apart, until those are left that are refused on their own. Machines
    may have been ended by a request that was refused; they are taken when they are asked again.
    """
    told, until = Terminated(), context.clock.now() + patience
    waiting, refusals = [list(ids)], 0
    while waiting:
        part = waiting.pop(0)
        try:
            unknown = _asked(context, region, part, until)
        except CloudError as error:
            refusals += 1
            every = [i for one in (part, *waiting) for i in one]
            if error.passing:
                told.away |= dict.fromkeys(every, error)
                break
            if _for_all(error) or (refusals >= _HOPELESS and not told.taken):
                told.refused |= dict.fromkeys(every, error)
                break
            if len(part) == 1:
                told.refused[part[0]] = error
            else:
                half = len(part) // 2
                waiting += [part[:half], part[half:]]
            continue
        told.unknown += [i for i in part if i in unknown]
        told.taken += [i for i in part if i not in unknown]
    return told


def _asked(context: Context, region: str, ids: Sequence[str], until: datetime) -> frozenset[str]:
    return retry(context, lambda: context.cloud.terminate(region, ids), until)


def _for_all(error: CloudError) -> bool:
    """The next half would be answered the same."""
    return error.trouble is Trouble.NO_CREDENTIALS
