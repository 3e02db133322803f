"""Which IAM role is in an instance profile: the names may differ, and either may have a path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from provisioner.doctor.finding import Finding, refused, warning
from provisioner.doctor.policy import profile_name
from provisioner.ports.checks import Aws
from provisioner.ports.errors import CloudError

WHAT = "IAM: instance profiles"


class Profiles:
    """One look at each. ``roles`` fills with the ARNs of their roles; the rest is told."""

    def __init__(self, aws: Aws, profiles: Sequence[str]) -> None:
        self._aws, self._profiles = aws, profiles
        self.roles: dict[str, str] = {}

    def examine(self) -> Iterator[Finding]:
        for profile in self._profiles:
            what = f"IAM: instance profile {profile}"
            try:
                role = self._aws.role_in(profile_name(profile))
            except CloudError as error:
                yield refused(what, error)
                continue
            if role:
                self.roles[profile] = role
            else:
                yield warning(what, "there is no role in it", "put one into it")
