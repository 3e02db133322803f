"""EC2's, SQS's and the client library's errors, sorted into what they mean for us.

The codes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html; throttling
and credentials also in botocore's own lists. A code that is in no set is our own mistake, or the
role's: it will not pass by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from provisioner.ports import CloudError, Trouble

CAPACITY = frozenset(
    {
        "InsufficientAddressCapacity",
        "InsufficientCapacity",
        "InsufficientCapacityOnHost",
        "InsufficientCapacityOnOutpost",
        "InsufficientFreeAddressesInSubnet",
        "InsufficientHostCapacity",
        "InsufficientInstanceCapacity",
        "InsufficientReservedInstanceCapacity",
        "InsufficientVolumeCapacity",
        "ReservationCapacityExceeded",
        "UnfulfillableCapacity",
    }
)
# PendingVerification: a new account waits, minutes as a rule, before it may launch in a region.
QUOTA = frozenset(
    {
        "FleetLimitExceeded",
        "InstanceLimitExceeded",
        "MaxFleetCountExceeded",
        "MaxIOPSLimitExceeded",
        "MaxSpotInstanceCountExceeded",
        "NetworkInterfaceLimitExceeded",
        "PendingVerification",
        "VcpuLimitExceeded",
        "VolumeLimitExceeded",
    }
)
PRICE = frozenset({"SpotMaxPriceTooLow"})
UNSUPPORTED = frozenset({"Unsupported", "UnsupportedHostConfiguration", "UnsupportedTenancy"})
NO_TEMPLATE = frozenset(
    {
        "InvalidLaunchTemplateId.NotFound",
        "InvalidLaunchTemplateId.NotFoundException",
        "InvalidLaunchTemplateId.VersionNotFound",
        "InvalidLaunchTemplateName.NotFoundException",
    }
)
THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "ConcurrentTagAccess",
        "EC2ThrottledException",
        "KmsThrottled",
        "LimitExceededException",
        "OverLimit",
        "PriorRequestNotComplete",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
UNAVAILABLE = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServerInternal",
        "ServiceUnavailable",
        "Unavailable",
    }
)
NO_SERVICE_ROLE = "AuthFailure.ServiceLinkedRoleCreationNotPermitted"
DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "Blocked",
        "KmsAccessDenied",
        "NotAuthorized",
        "OperationNotPermitted",
        "OptInRequired",
        "ServiceLinkedRoleCreationNotPermitted",
        "UnauthorizedAccess",
        "UnauthorizedOperation",
        NO_SERVICE_ROLE,
    }
)
# Said by AWS, or by the client library, which names its exceptions.
NO_CREDENTIALS = frozenset(
    {
        "CredentialRetrievalError",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "LoginAuthorizationCodeError",
        "LoginError",
        "LoginInsufficientPermissions",
        "LoginRefreshRequired",
        "LoginTokenLoadError",
        "MetadataRetrievalError",
        "MissingAuthenticationToken",
        "NoAuthTokenError",
        "NoCredentialsError",
        "PartialCredentialsError",
        "ProfileNotFound",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SSOError",
        "SSOTokenLoadError",
        "SignatureDoesNotMatch",
        "TokenRetrievalError",
        "UnauthorizedSSOTokenError",
        "UnrecognizedClientException",
    }
)
CLOCK = frozenset({"RequestExpired", "RequestTimeTooSkewed", "SignatureDoesNotMatch"})
# Said of a policy, by the tags that EC2 sees; not of the state that a thing is in.
BY_POLICY = frozenset({"UnauthorizedOperation"})
UNKNOWN_INSTANCE = frozenset({"InvalidInstanceID.NotFound"})
BAD_INSTANCE_ID = UNKNOWN_INSTANCE | {"InvalidInstanceID.Malformed"}
NAME_TAKEN = frozenset({"InvalidLaunchTemplateName.AlreadyExistsException"})
# The client library could not even connect: nothing was sent, so nothing was done.
NOT_CONNECTED = frozenset(
    {"ConnectTimeoutError", "EndpointConnectionError", "ProxyConnectionError"}
)
# The request may have been sent, and no whole answer came.
CUT = frozenset(
    {
        "ChecksumError",
        "ConnectionClosedError",
        "ConnectionError",
        "HTTPClientError",
        "IncompleteReadError",
        "ReadTimeoutError",
        "ResponseParserError",
        "ResponseStreamingError",
        "SSLError",
    }
)
SILENT = frozenset({"ConnectTimeoutError", "ReadTimeoutError"})
# InvalidAddress: of another region than the endpoint.
NO_QUEUE = frozenset({"InvalidAddress", "NonExistentQueue", "QueueDoesNotExist"})
REGION = frozenset(
    {"InvalidRegionError", "NoRegionError", "UnknownEndpointError", "UnknownRegionError"}
)

_SETS: tuple[tuple[frozenset[str], Trouble], ...] = (
    (CAPACITY, Trouble.CAPACITY),
    (QUOTA, Trouble.QUOTA),
    (PRICE, Trouble.PRICE),
    (UNSUPPORTED, Trouble.UNSUPPORTED),
    (NO_TEMPLATE, Trouble.NOT_YET),
    (THROTTLED, Trouble.THROTTLED),
    (DENIED, Trouble.DENIED),
    (NO_CREDENTIALS, Trouble.NO_CREDENTIALS),
    (UNKNOWN_INSTANCE, Trouble.GONE),
    (NOT_CONNECTED, Trouble.UNAVAILABLE),
)
_SORTED: Mapping[str, Trouble] = MappingProxyType(
    {code: trouble for codes, trouble in _SETS for code in codes}
)
_SERVER_ERROR = 500
# CreateFleet says so under InvalidFleetConfiguration, RunInstances under Unsupported:
# https://github.com/aws/karpenter-provider-aws/issues/404
_WRONG_ZONE = "is not supported in your requested Availability Zone"
_BEFORE = re.compile(r"^(Client|Server|AWS\.SimpleQueueService|KMS)\.")
_ENCODED = re.compile(r"\s*Encoded authorization failure message:\s*\S+")
_PERMISSION = re.compile(r"not authorized to perform:? ([a-z0-9-]+:[A-Za-z]+)")


def trouble_of(code: str, status: int, message: str = "", *, doing: bool = False) -> Trouble:
    """Sort an error: its code, HTTP status (200 for one inside an answer) and message.

    ``doing``: the call does work, so a server error or a cut leaves open whether it was done.
    """
    code = plain(code)
    if code in _SORTED:
        return _SORTED[code]
    if code.startswith("AuthFailure."):
        return Trouble.DENIED
    if _WRONG_ZONE in message:
        return Trouble.UNSUPPORTED
    if status >= _SERVER_ERROR or code in UNAVAILABLE | CUT:
        return Trouble.UNKNOWN_OUTCOME if doing else Trouble.UNAVAILABLE
    return Trouble.MALFORMED


def plain(code: str) -> str:
    """The code without the side (Client., Server.) or service that older answers put before it."""
    return _BEFORE.sub("", code)


def readable(message: str) -> str:
    """Without the encoded authorisation message: a thousand characters that nobody can read."""
    return _ENCODED.sub("", message).strip()


@contextmanager
def translated(service: str, action: str, region: str, *, doing: bool = False) -> Iterator[None]:
    """Errors of AWS and of its client library leave as CloudError. ``action`` is AWS's name."""
    try:
        yield
    except (BotoCoreError, ClientError, ResponseParserError, ValueError) as error:
        # ValueError: an AWS_ENDPOINT_URL that is no URL.
        code, status, message = _read(error)
        trouble = trouble_of(code, status, message, doing=doing)
        # A batch needs the right to do one.
        permission = f"{service}:{action.removesuffix('Batch')}"
        advice = hint(trouble, code, permission, region, message)
        raise CloudError(trouble, code, readable(message), action=action, hint=advice) from error


def _read(error: Exception) -> tuple[str, int, str]:
    if not isinstance(error, ClientError):
        return _kind(error), 0, str(error)
    said = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return plain(said.get("Code", "")), status, said.get("Message", "") or str(error)


def _kind(error: Exception) -> str:
    """The nearest name that is in a set: the library derives new exceptions from older ones."""
    names = [base.__name__ for base in type(error).__mro__]
    known = _SORTED.keys() | CUT | REGION
    return next((name for name in names if name in known), names[0])


def hint(trouble: Trouble, code: str, permission: str, region: str, message: str = "") -> str:
    """What the user can do about it. ``permission`` is what the call needs: ``ec2:CreateFleet``."""
    if trouble is Trouble.NO_CREDENTIALS:
        return _credentials_hint(code)
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


def _credentials_hint(code: str) -> str:
    if code in CLOCK:
        return "check the secret key, and the clock of this machine"
    if "Expired" in code or "SSO" in code or "Login" in code:
        return "the session is over: sign in again (aws sso login, aws login), or get new keys"
    return (
        "boto3 looks in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in the profile AWS_PROFILE of "
        "~/.aws, and in this machine's instance profile; `aws sts get-caller-identity` tries them"
    )


def _denied_hint(code: str, permission: str, region: str, message: str) -> str:
    if code == NO_SERVICE_ROLE:
        return (
            "once, as an administrator: aws iam create-service-linked-role --aws-service-name "
            "spot.amazonaws.com, and the same for ec2fleet.amazonaws.com"
        )
    if code == "OperationNotPermitted":
        return "the instance is protected: switch its termination protection off first"
    if code in {"AuthFailure", "OptInRequired"}:
        return (
            f"check that {region} is enabled for the account, that the image is shared with it, "
            "and the keys: `aws sts get-caller-identity` shows who asks"
        )
    said = _PERMISSION.search(message)
    needed = said.group(1) if said else permission
    return f"allow {needed} to the identity that `aws sts get-caller-identity` shows"
