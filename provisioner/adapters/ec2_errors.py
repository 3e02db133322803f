"""The codes of EC2's, SQS's and the client library's errors, sorted into what they mean for us.

The codes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html; throttling
and credentials also in botocore's own lists. A code that is in no set is our own mistake, or the
role's, and will not pass by itself; unless its name speaks of a limit or of capacity.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from provisioner.ports.errors import Trouble

log = logging.getLogger(__name__)

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
        "MaxSpotFleetRequestCountExceeded",
        "MaxSpotInstanceCountExceeded",
        "NetworkInterfaceLimitExceeded",
        "PendingVerification",
        "ResourceLimitExceeded",
        "TargetCapacityLimitExceededException",
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
SORTED: Mapping[str, Trouble] = MappingProxyType(
    {code: trouble for codes, trouble in _SETS for code in codes}
)
# Limits of one request, not of the account: the same request never passes.
TOO_MUCH_ASKED = frozenset(
    {
        "FilterLimitExceeded",
        "SecurityGroupsPerInstanceLimitExceeded",
        "SecurityGroupsPerInterfaceLimitExceeded",
        "TagLimitExceeded",
    }
)
# A code that is in no set, and says by its name that there is too little of something now.
_SCARCE = re.compile(r"(?!Invalid).*(Limit|Exceeded|Capacity)")
_SERVER_ERROR = 500
# CreateFleet says so under InvalidFleetConfiguration, RunInstances under Unsupported:
# https://github.com/aws/karpenter-provider-aws/issues/404
_WRONG_ZONE = "is not supported in your requested Availability Zone"
_BEFORE = re.compile(r"^(Client|Server|AWS\.SimpleQueueService|KMS)\.")
_ENCODED = re.compile(r"\s*Encoded authorization failure message:\s*\S+")


def trouble_of(code: str, status: int, message: str = "", *, doing: bool = False) -> Trouble:
    """Sort an error: its code, HTTP status (200 for one inside an answer) and message.

    ``doing``: the call does work, so a server error or a cut leaves open whether it was done.
    """
    code = plain(code)
    if code in SORTED:
        return SORTED[code]
    if code.startswith("AuthFailure."):
        return Trouble.DENIED
    if _WRONG_ZONE in message:
        return Trouble.UNSUPPORTED
    if status >= _SERVER_ERROR or code in UNAVAILABLE | CUT:
        return Trouble.UNKNOWN_OUTCOME if doing else Trouble.UNAVAILABLE
    return Trouble.CAPACITY if is_guessed(code) else Trouble.MALFORMED


def is_guessed(code: str) -> bool:
    """Whether a code is unknown to us, and taken for a lack of capacity by its name."""
    known = code in SORTED or code in UNAVAILABLE | CUT | TOO_MUCH_ASKED
    return not known and _SCARCE.match(code) is not None


def report_guesses(codes: Iterable[str], region: str) -> None:
    """A guess may be wrong: whoever reads the log can tell us of the code."""
    for code in sorted({plain(code) for code in codes}):
        if is_guessed(code):
            log.warning(
                "EC2 in %s says %s. rolecall does not know this code. It takes it for a lack of "
                "capacity and will ask again.",
                region,
                code,
            )


def plain(code: str) -> str:
    """The code without the side (Client., Server.) or service that older answers put before it."""
    return _BEFORE.sub("", code)


def readable(message: str) -> str:
    """Without the encoded authorisation message: a thousand characters that nobody can read."""
    return _ENCODED.sub("", message).strip()
