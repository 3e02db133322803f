"""Which of EC2's quotas a machine counts against: one a market, a region and a family of types.

Spot: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-spot-limits.html
On-demand: https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
Both tables as AWS had them in 2024. A type that they do not name is taken to have a quota of its
own: to be wrong there costs one more refusal, and never a machine.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from enc.domain.model import Market

_BOTH = {
    "Standard": "a c d h i m r t z",
    "F": "f",
    "G-and-VT": "g vt",
    "X": "x",
    "DL": "dl",
    "Trn": "trn",
    "Inf": "inf",
}
_FAMILIES: Mapping[Market, Mapping[str, str]] = MappingProxyType(
    {
        Market.ON_DEMAND: {**_BOTH, "P": "p", "HPC": "hpc", "High-Memory": "u"},
        Market.SPOT: {**_BOTH, "P2-to-P4": "p2 p3 p4", "P5": "p5"},
    }
)
_BY_SERIES: Mapping[tuple[Market, str], str] = MappingProxyType(
    {
        (market, series): family
        for market, families in _FAMILIES.items()
        for family, named in families.items()
        for series in named.split()
    }
)
# EC2's words for a used-up quota of vCPUs. Its other limits (of volumes, interfaces, fleets, …) say
# nothing of a family's: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
OF_A_FAMILY = frozenset(
    {"InstanceLimitExceeded", "MaxSpotInstanceCountExceeded", "VcpuLimitExceeded"}
)
_SERIES = re.compile(r"([a-z]+)(\d*)")


def family(market: Market, instance_type: str) -> str:
    """The family that shares a quota, as in ``Standard``; the type itself where none is known."""
    found = _SERIES.match(instance_type)
    letters, number = found.groups() if found else ("", "")
    known = (_BY_SERIES.get((market, series)) for series in (letters + number, letters))
    return next(filter(None, known), instance_type)


def quota(market: Market, instance_type: str, region: str) -> str:
    """The name under which a used-up quota is remembered among the droughts of pools."""
    return f"{market}:*{family(market, instance_type)}:{region}"


def quotas(market: Market, types: Iterable[str], region: str) -> frozenset[str]:
    return frozenset(quota(market, kind, region) for kind in types)


def used_up(market: Market, types: Collection[str], region: str, known: Collection[str]) -> str:
    """The families whose quotas are used up, if that leaves none of the types; else ""."""
    if not types or not quotas(market, types, region) <= set(known):
        return ""
    return ", ".join(sorted({family(market, kind) for kind in types}))
