"""The role in which EC2 Spot itself acts in the account; made once, by anybody.

An instant fleet does not require the one of EC2 Fleet:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-fleet-prerequisites.html
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from enc.domain.model import Market
from enc.domain.rolespec import RoleSpec
from provisioner.doctor.finding import Finding, broken, ok, refused, skipped, warning
from provisioner.ports.checks import Aws
from provisioner.ports.errors import CloudError, Trouble

ROLE, SERVICE = "AWSServiceRoleForEC2Spot", "spot.amazonaws.com"
_WHAT = f"IAM: {ROLE}"
_CREATE = f"aws iam create-service-linked-role --aws-service-name {SERVICE}"


def examine(aws: Aws, roles: Sequence[RoleSpec]) -> Iterator[Finding]:
    markets = {spec.launch.market for spec in roles if spec.launch}
    if markets == {Market.ON_DEMAND}:
        yield skipped(_WHAT, "not looked at: no role launches spot machines")
        return
    try:
        there = aws.has_role(ROLE)
    except CloudError as error:
        yield _untold(error)
        return
    if there:
        yield ok(_WHAT, "it is there")
    else:
        said = "it is not there: EC2 will deny spot machines"
        yield broken(_WHAT, said, f"as an administrator: {_CREATE}")


def _untold(error: CloudError) -> Finding:
    if error.trouble is not Trouble.DENIED:
        return refused(_WHAT, error)
    said = "cannot be checked: iam:GetRole is denied"
    return warning(_WHAT, said, f"{error.hint}; if the role is not there: {_CREATE}")
