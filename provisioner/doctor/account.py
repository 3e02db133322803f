"""Whose credentials these are."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.doctor.finding import Finding, broken, ok, refused, warning
from provisioner.ports.checks import Aws
from provisioner.ports.errors import CloudError

WHAT = "AWS: account"


class Identity:
    """One look at the credentials. ``account`` is "" until they have answered."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self.account = ""

    def examine(self) -> Iterator[Finding]:
        try:
            self.account = self._aws.account()
        except CloudError as error:
            yield refused(WHAT, error)


def matched(found: str, wanted: str | None) -> Finding:
    """``wanted`` is the inventory's: None where it was not read, "" where it has none. Pure."""
    if wanted is None:
        said = f"the credentials are for {found}; the account of the inventory could not be read"
        return warning(WHAT, said, "see the lines about Redis")
    if not wanted:
        return ok(WHAT, f"the credentials are for {found}; the inventory has no EC2 (--no-ec2)")
    if found == wanted:
        return ok(WHAT, f"the credentials are for {found}, as the inventory is")
    remedy = "see 'aws sts get-caller-identity' and set AWS_PROFILE, or point REDIS_URL elsewhere"
    return broken(WHAT, f"the credentials are for {found}, the inventory is of {wanted}", remedy)
