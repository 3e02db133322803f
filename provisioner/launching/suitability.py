"""Whether EC2 can launch what a roles file names, looked at before the file is stored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from enc.domain.model import Role
from enc.domain.rolespec import RoleSpec
from provisioner.domain.ground import listed, requests, unsuitable
from provisioner.ports.ec2 import Cloud, GroundRequest
from provisioner.ports.errors import CloudError, Trouble


@dataclass
class Suited:
    """``wrong``: what cannot be, by role. ``doubts``: what else EC2 said, or did not say."""

    wrong: dict[str, str] = field(default_factory=dict)
    doubts: list[str] = field(default_factory=list)


def changed(specs: Iterable[RoleSpec], stored: dict[str, Role]) -> list[RoleSpec]:
    """Those whose launches would be others than the store has."""

    def launches(definition: object) -> object:
        found = definition if isinstance(definition, dict) else {}
        return found.get("launch"), found.get("burst")

    return [
        spec
        for spec in specs
        if spec.name not in stored
        or launches(dict(stored[spec.name].definition)) != launches(spec.definition())
    ]


def suited(cloud: Cloud, specs: Iterable[RoleSpec]) -> Suited:
    """EC2 that does not answer proves nothing, and its region is not asked again."""
    found, silent = Suited(), set[str]()
    for asked, those in requests(specs).items():
        roles = [spec.name for spec in those]
        if asked.region not in silent and not _looked_at(cloud, asked, roles, found):
            silent.add(asked.region)
    return found


def _looked_at(cloud: Cloud, asked: GroundRequest, roles: list[str], found: Suited) -> bool:
    """Whether EC2 answered."""
    try:
        ground = cloud.ground(asked)
    except CloudError as error:
        theirs = error.trouble is Trouble.MALFORMED
        said = "cannot be launched" if theirs else "not checked with EC2"
        found.doubts.append(f"{said}: {', '.join(roles)}: {error}")
        return theirs
    if ground.types is None:
        said = "instance types not checked with EC2"
        found.doubts.append(f"{said}: {', '.join(roles)}: {ground.types_error}")
        return False
    if wrong := unsuitable(ground, asked.instance_types, asked.region):
        found.wrong |= dict.fromkeys(roles, listed(wrong))
    return True
