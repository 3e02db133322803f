"""What the user can do about an error of AWS, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from provisioner.adapters.ec2_errors import CLOCK, NO_QUEUE, NO_SERVICE_ROLE, NOT_CONNECTED, REGION
from provisioner.ports.errors import Trouble

_MARKETPLACE = re.compile("marketplace", re.IGNORECASE)
_PERMISSION = re.compile(r"not authorized to perform:? ([a-z0-9-]+:[A-Za-z]+)")


def hint(trouble: Trouble, code: str, permission: str, region: str, message: str = "") -> str:
    """What the user can do about it. ``permission`` is what the call needs: ``ec2:CreateFleet``."""
    if trouble is Trouble.NO_CREDENTIALS:
        return _credentials_hint(code)
    if code in _HINTS_OF_CODES:
        return _HINTS_OF_CODES[code].format(region=region)
    if trouble is Trouble.DENIED:
        return _denied_hint(code, permission, region, message)
    if code in NOT_CONNECTED | REGION:
        return (
            f"check that {region or 'AWS_REGION'} is the name of a region, and that this machine "
            "reaches it (network, proxy, AWS_ENDPOINT_URL)"
        )
    if code in NO_QUEUE:
        return "check region, account and name in SPOT_QUEUE_URL, and that the queue was made"
    return _HINTS.get(trouble, "").format(region=region)


_HINTS = {
    Trouble.QUOTA: "ask for more under Service Quotas, Amazon EC2, in {region}, or retire machines",
    Trouble.PRICE: "raise launch.max_price, or leave it out: the on-demand price is then the limit",
    Trouble.UNSUPPORTED: "name another instance type, or a subnet in another zone",
}
_HINTS_OF_CODES: Mapping[str, str] = MappingProxyType(
    {
        "Blocked": "AWS has blocked the account: ask AWS Support",
        "OperationNotPermitted": (
            "the instance is protected: switch its termination protection off first"
        ),
        "PendingVerification": (
            "AWS is still checking the account for {region}: wait, and ask AWS Support if it takes "
            "longer than four hours"
        ),
    }
)


def _credentials_hint(code: str) -> str:
    if code in CLOCK:
        return "check the secret key, and the clock of this machine"
    if "Expired" in code or "SSO" in code or "Login" in code:
        return "the session is over: sign in again (aws sso login, aws login), or get new keys"
    return (
        "boto3 looks in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in the profile AWS_PROFILE of "
        "~/.aws, and in this machine's instance profile; `aws sts get-caller-identity` tries them. "
        "In China and GovCloud set AWS_DEFAULT_REGION, too"
    )


def _denied_hint(code: str, permission: str, region: str, message: str) -> str:
    if code == NO_SERVICE_ROLE:
        return (
            "once, as an administrator: aws iam create-service-linked-role --aws-service-name "
            "spot.amazonaws.com"
        )
    if code == "OptInRequired" and _MARKETPLACE.search(message):
        return (
            "the image is a product of the AWS Marketplace: open the address in EC2's message, "
            "signed in to this account, and accept its terms once; or name another image"
        )
    if code in {"AuthFailure", "OptInRequired"}:
        return (
            f"check that {region} is enabled for the account, that the image is shared with it, "
            "and the keys: `aws sts get-caller-identity` shows who asks"
        )
    said = _PERMISSION.search(message)
    needed = said.group(1) if said else permission
    return f"allow {needed} to the identity that `aws sts get-caller-identity` shows"
