"""The roles in which EC2 Fleet and Spot themselves act in the account; made once, by anybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provisioner.doctor.finding import Finding, broken, ok, refused, warning
from provisioner.doctor.ports import Aws
from provisioner.ports import CloudError, Trouble

# Role -> the service whose it is.
ROLES: Mapping[str, str] = {
    "AWSServiceRoleForEC2Fleet": "ec2fleet.amazonaws.com",
    "AWSServiceRoleForEC2Spot": "spot.amazonaws.com",
}


def examine(aws: Aws) -> Iterator[Finding]:
    return (_examined(aws, role, service) for role, service in ROLES.items())


def _examined(aws: Aws, role: str, service: str) -> Finding:
    what = f"IAM: {role}"
    create = f"aws iam create-service-linked-role --aws-service-name {service}"
    try:
        there = aws.has_role(role)
    except CloudError as error:
        if error.trouble is not Trouble.DENIED:
            return refused(what, error)
        said = "cannot be asked: iam:GetRole is denied, so nobody knows whether the role is there"
        return warning(what, said, f"{error.hint}; if the role is not there: {create}")
    if there:
        return ok(what, "it is there")
    return broken(
        what, "it is not there: launches will be denied", f"as an administrator: {create}"
    )
