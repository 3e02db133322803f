"""What EC2 and its client library say, and what it means for a launch."""

from __future__ import annotations

import errno
import ssl

import pytest
from botocore import exceptions as library
from botocore.parsers import ResponseParserError

from provisioner.adapters import ec2_errors
from provisioner.adapters.aws import translated
from provisioner.adapters.ec2_errors import trouble_of
from provisioner.adapters.ec2_hints import hint
from provisioner.ports.errors import CloudError, Trouble

URL = "https://ec2.us-esat-1.amazonaws.com/"


def said(code: str, message: str = "", status: int = 400) -> library.ClientError:
    answer = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return library.ClientError(answer, "CreateFleet")


def raised(error: Exception, *, doing: bool = False) -> CloudError:
    with (
        pytest.raises(CloudError) as caught,
        translated("ec2", "CreateFleet", "us-esat-1", doing=doing),
    ):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        ("InsufficientInstanceCapacity", Trouble.CAPACITY),
        ("InsufficientHostCapacity", Trouble.CAPACITY),
        ("UnfulfillableCapacity", Trouble.CAPACITY),
        ("InsufficientFreeAddressesInSubnet", Trouble.CAPACITY),
        ("MaxSpotInstanceCountExceeded", Trouble.QUOTA),
        ("VcpuLimitExceeded", Trouble.QUOTA),
        ("InstanceLimitExceeded", Trouble.QUOTA),
        ("MaxFleetCountExceeded", Trouble.QUOTA),
        ("MaxSpotFleetRequestCountExceeded", Trouble.QUOTA),
        ("TargetCapacityLimitExceededException", Trouble.QUOTA),
        ("ResourceLimitExceeded", Trouble.QUOTA),
        ("MaxSomethingNewExceeded", Trouble.CAPACITY),
        ("SomethingNewLimitExceeded", Trouble.CAPACITY),
        ("InsufficientSomethingCapacity", Trouble.CAPACITY),
        ("SpotMaxPriceTooLow", Trouble.PRICE),
        ("Unsupported", Trouble.UNSUPPORTED),
        ("InvalidLaunchTemplateName.NotFoundException", Trouble.NOT_YET),
        ("InvalidLaunchTemplateId.NotFound", Trouble.NOT_YET),
        ("RequestLimitExceeded", Trouble.THROTTLED),
        ("EC2ThrottledException", Trouble.THROTTLED),
        ("Throttling", Trouble.THROTTLED),
        ("UnauthorizedOperation", Trouble.DENIED),
        ("AuthFailure", Trouble.DENIED),
        ("AuthFailure.ServiceLinkedRoleCreationNotPermitted", Trouble.DENIED),
        ("AuthFailure.SomethingNew", Trouble.DENIED),
        ("OptInRequired", Trouble.DENIED),
        ("InvalidClientTokenId", Trouble.NO_CREDENTIALS),
        ("ExpiredToken", Trouble.NO_CREDENTIALS),
        ("RequestExpired", Trouble.NO_CREDENTIALS),
        ("InvalidInstanceID.NotFound", Trouble.GONE),
        ("InvalidAMIID.NotFound", Trouble.MALFORMED),
        ("IdempotentParameterMismatch", Trouble.MALFORMED),
        ("InvalidFleetConfig", Trouble.MALFORMED),
        ("InvalidTargetCapacitySpecification", Trouble.MALFORMED),
        ("TagLimitExceeded", Trouble.MALFORMED),
        ("NeverHeardOf", Trouble.MALFORMED),
    ],
)
def test_a_code_is_sorted(code: str, trouble: Trouble) -> None:
    assert trouble_of(code, 400) is trouble


def test_no_code_stands_in_two_sets() -> None:
    sets = [codes for codes, _ in ec2_errors._SETS]

    assert sum(map(len, sets)) == len(frozenset().union(*sets))


def test_a_capacity_answer_is_no_server_error_though_it_comes_as_one() -> None:
    assert trouble_of("InsufficientInstanceCapacity", 500, doing=True) is Trouble.CAPACITY


def test_an_unknown_limit_is_logged_as_unknown(caplog: pytest.LogCaptureFixture) -> None:
    assert raised(said("SomethingNewLimitExceeded")).passing
    assert "SomethingNewLimitExceeded. rolecall does not know this code" in caplog.text


def test_a_known_limit_is_not_logged_as_unknown(caplog: pytest.LogCaptureFixture) -> None:
    assert raised(said("VcpuLimitExceeded")).passing
    assert caplog.text == ""


def test_an_unknown_limit_that_is_a_server_error_leaves_open_whether_work_was_done() -> None:
    assert trouble_of("SomethingNewLimitExceeded", 500, doing=True) is Trouble.UNKNOWN_OUTCOME


def test_a_throttled_call_was_not_made() -> None:
    assert trouble_of("RequestLimitExceeded", 503, doing=True) is Trouble.THROTTLED


@pytest.mark.parametrize("code", ["InternalError", "Unavailable", "503", "NeverHeardOf"])
def test_a_server_error_leaves_open_whether_work_was_done(code: str) -> None:
    assert trouble_of(code, 503, doing=True) is Trouble.UNKNOWN_OUTCOME


@pytest.mark.parametrize("code", ["InternalError", "Unavailable", "503", "NeverHeardOf"])
def test_a_server_error_of_a_look_up_is_only_unavailable(code: str) -> None:
    assert trouble_of(code, 503) is Trouble.UNAVAILABLE


def test_an_internal_error_inside_an_answer_launched_nothing() -> None:
    assert trouble_of("InternalError", 200) is Trouble.UNAVAILABLE


def test_a_type_that_a_zone_does_not_have_is_unsupported_under_any_code() -> None:
    message = (
        "Your requested instance type (x2.large) is not supported in your requested "
        "Availability Zone (us-east-1e)."
    )

    assert trouble_of("InvalidFleetConfiguration", 200, message) is Trouble.UNSUPPORTED


def test_the_same_code_for_another_reason_is_our_mistake() -> None:
    assert trouble_of("InvalidFleetConfiguration", 200, "No overrides") is Trouble.MALFORMED


def test_older_answers_put_a_side_before_the_code() -> None:
    assert trouble_of("Server.InsufficientInstanceCapacity", 200) is Trouble.CAPACITY
    assert raised(said("Client.UnauthorizedOperation")).code == "UnauthorizedOperation"


NOTHING_SENT = [
    library.EndpointConnectionError(endpoint_url=URL),
    library.ConnectTimeoutError(endpoint_url=URL),
    library.ProxyConnectionError(proxy_url=URL),
]
PERHAPS_SENT = [
    library.ReadTimeoutError(endpoint_url=URL),
    library.ConnectionClosedError(endpoint_url=URL),
    library.HTTPClientError(error="?"),
    library.SSLError(endpoint_url=URL, error=ssl.SSLError()),
    library.ResponseStreamingError(error="?"),
    ResponseParserError("not XML"),
]


def kind(error: Exception) -> str:
    return type(error).__name__


@pytest.mark.parametrize("error", NOTHING_SENT, ids=kind)
def test_what_was_never_sent_was_not_done(error: Exception) -> None:
    assert raised(error, doing=True).trouble is Trouble.UNAVAILABLE


@pytest.mark.parametrize("error", PERHAPS_SENT, ids=kind)
def test_what_was_perhaps_sent_was_perhaps_done(error: Exception) -> None:
    assert raised(error, doing=True).trouble is Trouble.UNKNOWN_OUTCOME


@pytest.mark.parametrize("error", PERHAPS_SENT, ids=kind)
def test_a_look_up_without_an_answer_is_only_unavailable(error: Exception) -> None:
    assert raised(error).trouble is Trouble.UNAVAILABLE


@pytest.mark.parametrize(
    "error",
    [
        library.NoCredentialsError(),
        library.PartialCredentialsError(provider="env", cred_var="secret_key"),
        library.CredentialRetrievalError(provider="sso", error_msg="?"),
        library.UnauthorizedSSOTokenError(),
        library.ProfileNotFound(profile="ops"),
        library.TokenRetrievalError(provider="sso", error_msg="?"),
    ],
    ids=kind,
)
def test_missing_credentials_are_told_apart(error: Exception) -> None:
    assert raised(error, doing=True).trouble is Trouble.NO_CREDENTIALS


def test_a_call_that_the_library_refuses_is_our_mistake() -> None:
    assert raised(library.ParamValidationError(report="?")).trouble is Trouble.MALFORMED
    assert raised(ValueError("Invalid endpoint: nonsense")).trouble is Trouble.MALFORMED


def test_an_error_of_ours_is_not_translated() -> None:
    with pytest.raises(KeyError), translated("ec2", "CreateFleet", "us-east-1"):
        raise KeyError


def test_the_message_names_the_call_and_the_code() -> None:
    error = raised(said("UnauthorizedOperation", "You are not authorized"))

    assert str(error) == "CreateFleet: UnauthorizedOperation: You are not authorized"


def test_an_encoded_message_is_not_shown() -> None:
    message = (
        "You are not authorized to perform this operation. User: arn:aws:iam::1:user/ops is not "
        "authorized to perform: iam:PassRole on resource: arn:aws:iam::1:role/node because no "
        "identity-based policy allows it. Encoded authorization failure message: " + "aB3_-" * 200
    )
    error = raised(said("UnauthorizedOperation", message))

    assert error.message.endswith("policy allows it.")
    assert "allow iam:PassRole " in error.hint


HINTS = {
    "no credentials": (Trouble.NO_CREDENTIALS, "NoCredentialsError", "AWS_ACCESS_KEY_ID"),
    "an old session": (Trouble.NO_CREDENTIALS, "ExpiredToken", "sign in again"),
    "a wrong clock": (Trouble.NO_CREDENTIALS, "RequestExpired", "clock"),
    "a denied call": (Trouble.DENIED, "UnauthorizedOperation", "allow ec2:CreateFleet"),
    "a refused key": (Trouble.DENIED, "AuthFailure", "us-esat-1 is enabled"),
    "no role for spot": (
        Trouble.DENIED,
        "AuthFailure.ServiceLinkedRoleCreationNotPermitted",
        "create-service-linked-role --aws-service-name spot.amazonaws.com",
    ),
    "a protected machine": (Trouble.DENIED, "OperationNotPermitted", "termination protection"),
    "a wrong region": (Trouble.UNAVAILABLE, "EndpointConnectionError", "us-esat-1"),
    "a used up quota": (Trouble.QUOTA, "VcpuLimitExceeded", "Service Quotas"),
    "a new account": (Trouble.QUOTA, "PendingVerification", "wait"),
    "a blocked account": (Trouble.DENIED, "Blocked", "AWS Support"),
    "a low price": (Trouble.PRICE, "SpotMaxPriceTooLow", "launch.max_price"),
}


@pytest.mark.parametrize(("trouble", "code", "advice"), HINTS.values(), ids=HINTS.keys())
def test_the_hint_says_what_to_do(trouble: Trouble, code: str, advice: str) -> None:
    assert advice in hint(trouble, code, "ec2:CreateFleet", "us-esat-1")


TERMS = (
    "In order to use this AWS Marketplace product you need to accept terms and subscribe. To do so "
    "please visit https://aws.amazon.com/marketplace/pp?sku=abc"
)


@pytest.mark.parametrize(
    ("message", "advice"),
    [(TERMS, "accept its terms once"), ("You are not subscribed to this service", "is enabled")],
)
def test_an_opt_in_is_of_the_marketplace_or_of_the_region(message: str, advice: str) -> None:
    given = hint(Trouble.DENIED, "OptInRequired", "ec2:RunInstances", "us-east-1", message)

    assert advice in given
    assert "allow ec2:RunInstances" not in given


@pytest.mark.parametrize("trouble", [Trouble.CAPACITY, Trouble.THROTTLED, Trouble.NOT_YET])
def test_there_is_no_hint_where_one_can_only_wait(trouble: Trouble) -> None:
    assert hint(trouble, "Whatever", "ec2:CreateFleet", "us-east-1") == ""


def unreached(reason: OSError) -> CloudError:
    """As botocore says it where urllib3 could not connect."""
    try:
        try:
            raise reason
        except OSError as error:
            raise library.EndpointConnectionError(endpoint_url=URL) from error
    except library.EndpointConnectionError as error:
        return raised(error)


def test_a_process_without_descriptors_blames_no_region() -> None:
    error = unreached(OSError(errno.EMFILE, "Too many open files"))

    assert "no file descriptor left" in error.hint
    assert "region" not in error.hint


def test_a_region_that_cannot_be_reached_is_no_lack_of_descriptors() -> None:
    error = unreached(OSError(errno.ENETUNREACH, "Network is unreachable"))

    assert "us-esat-1 is the name of a region" in error.hint
