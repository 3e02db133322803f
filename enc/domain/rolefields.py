"""What the single values of a role may look like, each with the words to say so.

Identifiers of EC2 are checked by shape only: EC2 says at launch whether they exist.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, JsonValue, PlainSerializer, PlainValidator
from pydantic_core import PydanticCustomError

from enc.domain.classify import class_name
from enc.domain.durations import Duration, parse
from enc.domain.region_name import REGION

MAX_NESTING = 20
_SHOWN_CHARACTERS = 60
CLOUD_CONFIG = "#cloud-config"
# Below EC2's 16 KiB for all user-data, which the bootstrap needs a part of.
MAX_USER_DATA_BYTES = 10 * 1024

# https://help.puppet.com/core/current/Content/PuppetCore/lang_reserved_words.htm; words that stand
# alone only: role::node is a good name.
RESERVED_CLASSES = frozenset(
    """
    and application attr case class component consumes default define else elsif environment false
    function if import in inherits main node or private produces regexp settings site true type
    undef unit unless
    any array binary boolean catalogentry collection callable data deferred enum error float hash
    integer iterable iterator notundef number numeric object optional pattern resource runtime
    scalar scalardata semver semverrange sensitive string struct timespan timestamp tuple typealias
    typereference typeset uri variant
    """.split()  # noqa: SIM905 - words read best as words
)
# Puppet's own variables at top scope. Seen with Puppet 7.23: it fails the compile ("Cannot
# reassign", "reserved variable name") or drops or overrules the value without a word.
RESERVED_VARIABLES = frozenset(
    """
    agent_specified_environment caller_module_name clientcert clientnoop clientversion environment
    facts module_name name server_facts serverip serverip6 servername serverversion title trusted
    """.split()  # noqa: SIM905 - words read best as words
)
# Sections of puppet.conf: an environment of that name cannot be configured.
RESERVED_ENVIRONMENTS = frozenset({"agent", "main", "master", "server", "user"})

_CLASS = re.compile(r"(::)?[a-z][a-z0-9_]*(::[a-z][a-z0-9_]*)*")
_VARIABLE = re.compile(r"[a-z_][A-Za-z0-9_]*")
_ENVIRONMENT = re.compile(r"[a-z0-9_]{1,100}")
_INSTANCE_PROFILE = re.compile(
    r"[\w+=,.@-]{1,128}|arn:aws[a-z-]*:iam::[0-9]{12}:instance-profile/[\w+=,.@/-]{1,600}", re.ASCII
)
_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DAY = "(Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_TIME = "([01][0-9]|2[0-3]):[0-5][0-9]"
_WINDOW = re.compile(rf"{_DAY}(-{_DAY})? {_TIME}-({_TIME}|24:00)")


def shown(value: object) -> str:
    """A value of the file as a message may carry it: on one line, short, nothing invisible."""
    text = json.dumps(value, default=repr)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def user_data_kind(extra: str) -> Literal["cloud-config", "x-shellscript"] | None:
    """What a user's part is, by its first line; None: neither of the two that we take."""
    first = extra.partition("\n")[0].rstrip()
    if first == CLOUD_CONFIG:
        return "cloud-config"
    return "x-shellscript" if first.startswith("#!") else None


def wrong(message: str, hint: str = "", *, kind: str = "rolecall") -> PydanticCustomError:
    """A validation error in our own words; ``kind`` "cross" is for several keys together."""
    return PydanticCustomError(kind, "{message}; {hint}", {"message": message, "hint": hint})


def _shaped(pattern: str | re.Pattern[str], what: str, example: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise wrong(f"{shown(value)} is not {what}", f"as in {example}")
        return value

    return AfterValidator(check)


def _not_of(reserved: Iterable[str], why: str) -> AfterValidator:
    words = frozenset(reserved)

    def check(value: str) -> str:
        if value.removeprefix("::") in words:
            raise wrong(f"{shown(value)} {why}", "take another name")
        return value

    return AfterValidator(check)


def _text(most: int, *, least: int = 0) -> AfterValidator:
    def check(value: str) -> str:
        if not least <= len(value) <= most:
            raise wrong(f"{len(value)} characters; {least} to {most} are allowed")
        return value

    return AfterValidator(check)


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    twice = [value for i, value in enumerate(values) if value in values[:i]]
    if twice:
        raise wrong(f"{shown(twice[0])} is in the list twice", "keep one of them")
    return values


def _nesting(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_nesting, inner), default=0)


def _shallow(value: Any) -> Any:
    if _nesting(value) > MAX_NESTING:
        raise wrong(f"nested more than {MAX_NESTING} deep", "nest the value less")
    return value


def _tag_key(value: str) -> str:
    if value.lower().startswith(("rolecall:", "aws:")) or value == "Name":
        raise wrong(f"the tag {shown(value)} is reserved", "take another name")
    return value


def _address(value: str) -> str:
    try:
        return str(ip_address("" if "%" in value else value))  # no zone: it goes into /etc/hosts
    except ValueError as error:
        raise wrong(f"{shown(value)} is not an IP address", "as in 10.0.0.10") from error


def _some_class(value: dict[str, Any]) -> dict[str, Any]:
    if not value:
        raise wrong("no class", "leave classes out to get the class that is named like the role")
    return value


def is_class(name: str) -> bool:
    """Whether Puppet can have a class of this name."""
    return _CLASS.fullmatch(name) is not None and class_name(name) not in RESERVED_CLASSES


def _user_data(value: str) -> str:
    if len(value.encode()) > MAX_USER_DATA_BYTES:
        raise wrong(
            f"more than {MAX_USER_DATA_BYTES} bytes", "EC2 takes 16 KiB of user-data in all"
        )
    if user_data_kind(value) is None:
        raise wrong(
            "its first line does not say what it is", "start with #cloud-config or #!/bin/sh"
        )
    return value


def _span(most: str, *, zero: bool = False) -> Callable[[Any], Duration]:
    def read(value: Any) -> Duration:
        if not isinstance(value, str):
            raise wrong(f"expected a duration, got {shown(value)}", "as in 90s, 5m, 24h or 7d")
        try:
            duration = Duration(value, zero=zero)
        except ValueError as error:
            message, _, hint = str(error).partition(": ")
            raise wrong(message, hint) from error
        if duration > parse(most):
            raise wrong(f"{value} is too long", f"at most {most}")
        return duration

    return read


Text = Annotated[str, _text(1000)]
ClassName = Annotated[
    str,
    _text(255),
    _shaped(_CLASS, "a class name", "role::web: small letters, digits and _, parts joined by ::"),
    _not_of(RESERVED_CLASSES, "is reserved by Puppet and cannot be a class"),
]
ParameterName = Annotated[
    str,
    _text(255),
    _shaped(_VARIABLE, "a parameter name", "max_workers: letters, digits and _, the first small"),
    _not_of({"name", "title"}, "is Puppet's own name for the class and cannot be a parameter"),
]
VariableName = Annotated[
    str,
    _text(255),
    _shaped(_VARIABLE, "a variable name", "cost_centre: letters, digits and _, the first small"),
    _not_of({"role", "rolecall"}, "is set for every node by rolecall itself"),
    _not_of(RESERVED_VARIABLES, "is a variable of Puppet's own"),
]
Value = Annotated[JsonValue, AfterValidator(_shallow)]
EnvironmentName = Annotated[
    str,
    _shaped(_ENVIRONMENT, "an environment", "production: small letters, digits and _"),
    _not_of(RESERVED_ENVIRONMENTS, "is a section of puppet.conf and cannot be an environment"),
]

Region = Annotated[str, _shaped(REGION, "a region", "us-east-1")]
SubnetId = Annotated[str, _shaped("subnet-[a-z0-9-]{1,40}", "a subnet", "subnet-0123456789abcdef0")]
GroupId = Annotated[str, _shaped("sg-[a-z0-9-]{1,40}", "a security group", "sg-0123456789abcdef0")]
Image = Annotated[
    str,
    _shaped(
        r"ami-[a-z0-9]{1,40}|resolve:ssm:[\w./:-]{1,1000}",
        "an image",
        "ami-0123456789abcdef0, or resolve:ssm:/path for a parameter that holds one",
    ),
]
InstanceType = Annotated[
    str, _shaped(r"[a-z][a-z0-9-]{0,30}\.[a-z0-9-]{1,30}", "an instance type", "c5.large")
]
KeyName = Annotated[str, _text(255, least=1)]
InstanceProfile = Annotated[
    str, _shaped(_INSTANCE_PROFILE, "an instance profile", "web, or arn:aws:iam::…")
]
TagKey = Annotated[str, _text(128, least=1), AfterValidator(_tag_key)]
TagValue = Annotated[str, _text(256)]
KmsKey = Annotated[
    str,
    _shaped(
        r"arn:aws[a-z-]*:kms:[\w:/-]{1,1000}|alias/[\w/-]{1,250}|[0-9a-z-]{1,100}",
        "a KMS key",
        "alias/disks, a key's id or its ARN",
    ),
]
Device = Annotated[str, _shaped("(/dev/)?[a-z][a-z0-9/]{1,30}", "a device", "/dev/xvda")]
Host = Annotated[
    str, _shaped(rf"(?=.{{1,253}}\Z){_LABEL}(\.{_LABEL})*", "a host name", "puppet.example.com")
]
Package = Annotated[
    str,
    # With a version, where one is wanted, as apt (=) or dnf (-) has it.
    _shaped("[A-Za-z0-9][A-Za-z0-9+._:=~-]{0,199}", "a package name", "puppet-agent"),
]
Address = Annotated[str, AfterValidator(_address)]
UserData = Annotated[str, AfterValidator(_user_data)]

Window = Annotated[str, _shaped(_WINDOW, "a window", "Mon-Fri 09:00-17:00 (UTC)")]
CheckName = Annotated[str, _shaped(r"[A-Za-z0-9][\w.-]{0,63}", "the name of a check", "http")]
# It goes into a monitoring tool's configuration, where these would end the line or the object.
Command = Annotated[
    str, _shaped(r"[^;{}\n\t]{1,255}", "a command without ; { } or line ends", "check_http!-S")
]

Moment = Annotated[Duration, PlainValidator(_span("24h")), PlainSerializer(str)]
Pause = Annotated[Duration, PlainValidator(_span("24h", zero=True)), PlainSerializer(str)]
Span = Annotated[Duration, PlainValidator(_span("3650d")), PlainSerializer(str)]
SomeClass = AfterValidator(_some_class)
Distinct = AfterValidator(_unique)
