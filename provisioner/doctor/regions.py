"""Which regions there are, which the site uses, which cannot be read; and EC2's clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from enc.domain.rolespec import RoleSpec
from provisioner.doctor import clocks
from provisioner.doctor.finding import Finding, broken, ok, refused, skipped, warning
from provisioner.ports.checks import Aws, Permissions
from provisioner.ports.errors import CloudError, Trouble
from provisioner.ports.host import Clock

_LIST = "EC2: DescribeRegions"
_NAME = "name the regions in use: 'provisioner init --regions LIST'"


class Regions:
    """One look at which there are. ``used`` are those that a pass looks into, as far as is known.

    ``remembered`` is the inventory's: () for every enabled region, None where it was not read.
    """

    def __init__(self, aws: Aws, clock: Clock, remembered: Sequence[str] | None) -> None:
        self._aws, self._clock, self._remembered = aws, clock, remembered
        self.used: Sequence[str] = remembered or ()

    def examine(self) -> Iterator[Finding]:
        try:
            enabled, theirs = self._aws.regions()
        except CloudError as error:
            yield self._untold(error)
            return
        self.used = self._remembered or enabled
        named = f"; in use: {', '.join(self._remembered)}" if self._remembered else ""
        yield ok(_LIST, f"{len(enabled)} are enabled{named}")
        if theirs is None:
            yield skipped("EC2: clock", "its answers have no Date header; a proxy may drop it")
        else:
            yield clocks.compared("EC2: clock", theirs, self._clock.now())

    def _untold(self, error: CloudError) -> Finding:
        if error.trouble is not Trouble.DENIED:
            return refused(_LIST, error)
        if self._remembered:
            said = f"denied, but not needed: the regions in use are {', '.join(self._remembered)}"
            return skipped(_LIST, said)
        return broken(_LIST, str(error), f"{error.hint}; or {_NAME}")


def examine(permissions: Permissions, region: str, site: str) -> Iterator[Finding]:
    """Nothing is said of a region that can be read."""
    try:
        permissions.machine(region, site)
    except CloudError as error:
        remedy = f"if the site does not use it, {_NAME}"
        yield broken(what(region), str(error), "; ".join(filter(None, [error.hint, remedy])))


def what(region: str) -> str:
    return f"EC2 {region}: DescribeInstances"


def judged(
    remembered: Sequence[str] | None, named: Sequence[str] | None, roles: Iterable[RoleSpec]
) -> Iterator[Finding]:
    """What was said of regions, in one place and another. Pure.

    ``named`` is REGIONS: () for all, None where it is not set.
    """
    if remembered is None:
        return
    if named is not None and sorted(named) != sorted(remembered):
        said = f"REGIONS says {_told(named)}, and the inventory remembers {_told(remembered)}"
        yield warning("EC2: regions", said, "'provisioner init' makes the inventory remember it")
    launches = {spec.name: spec.launch.region for spec in roles if spec.launch}
    far = sorted(name for name, region in launches.items() if region not in remembered)
    if remembered and far:
        said = f"{', '.join(far)}: launches outside of the regions in use ({_told(remembered)})"
        yield warning("EC2: regions", said, _NAME)


def _told(regions: Sequence[str]) -> str:
    return ", ".join(regions) or "all"
