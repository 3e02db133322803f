"""A quick reader of DescribeInstances behind botocore, for the fields that we need.

botocore makes a tree of a page and then a dictionary of each of an instance's 200 elements. This
reader goes over the same bytes with the same XML parser (expat) once, keeps what is WANTED and
skips the rest. Where a page is not as EC2 writes them, botocore's own parser reads it, and its
answer counts: there is no second opinion about what a page means.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any
from xml.parsers import expat

from botocore.model import Shape
from botocore.parsers import ResponseParser, ResponseParserError, ResponseParserFactory

_SHAPE = "DescribeInstancesResult"
_NOTHING = b"<nothing/>"
# By botocore's names. What provisioner.adapters.ec2_values reads of an instance stands here.
WANTED: Mapping[str, Any] = {
    "NextToken": {},
    "Reservations": {
        "Instances": {
            "ImageId": {},
            "InstanceId": {},
            "InstanceLifecycle": {},
            "InstanceType": {},
            "Ipv6Address": {},
            "LaunchTime": {},
            "Placement": {"AvailabilityZone": {}},
            "PrivateDnsName": {},
            "PrivateIpAddress": {},
            "PublicDnsName": {},
            "State": {"Name": {}},
            "StateReason": {"Code": {}, "Message": {}},
            "Tags": {"Key": {}, "Value": {}},
            "VpcId": {},
        }
    },
}
# As EC2 writes it; anything else is for botocore's parser of times, which takes many forms.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")


# The element that is all of an answer, as in <DescribeInstancesResponse xmlns=...>.
_ANSWER = re.compile(rb"\s*(<\?xml[^>]*>\s*)?<\w+Response[\s/>]")
_XML = frozenset({"ec2", "query"})  # EC2's protocol; that of STS and IAM


class Parsers(ResponseParserFactory):
    """botocore's, which look whose answer it is, with the quick reader in front of EC2's."""

    def create_parser(self, protocol_name: str) -> Any:
        made = super().create_parser(protocol_name)
        return _Parser(made) if protocol_name in _XML else made


class _Parser:
    """As botocore.parsers.ResponseParser, of which botocore calls ``parse`` alone.

    Raises ResponseParserError for a 200 that is not AWS's. botocore takes a page in XHTML, as of a
    proxy that answers in AWS's place, for an answer with nothing in it: no machine, no fleet.
    """

    def __init__(self, botocores: ResponseParser) -> None:
        self._botocores = botocores

    def parse(self, response: Mapping[str, Any], shape: Any) -> Any:
        if response["status_code"] == HTTPStatus.OK and not _ANSWER.match(response["body"]):
            raise ResponseParserError("something on the way answers in AWS's place (a proxy?)")
        if response["status_code"] == HTTPStatus.OK and getattr(shape, "name", "") == _SHAPE:
            with suppress(_NotUnderstoodError, expat.ExpatError, ValueError):
                found = read(response["body"], shape)
                # What botocore says of the answer's head is in any answer.
                return found | self._botocores.parse({**response, "body": _NOTHING}, shape)
        return self._botocores.parse(response, shape)


class _NotUnderstoodError(Exception):
    """The page has what EC2's do not have."""


@dataclass(frozen=True, slots=True)
class _Element:
    """What is read of an element: its text, or those of its children that are wanted."""

    member: str
    empty: Callable[[], Any] | None = None  # dict or list; None for a text
    convert: Callable[[str], Any] | None = None
    children: Mapping[str, _Element] = field(default_factory=dict)


def read(body: bytes, shape: Shape) -> dict[str, Any]:
    """What botocore makes of this body of DescribeInstances, of WANTED alone.

    Raises expat.ExpatError, ValueError or _NotUnderstoodError where botocore is to read it.
    """
    return _Reading(_element("", shape, WANTED)).of(body)


def _element(member: str, shape: Any, wanted: Mapping[str, Any]) -> _Element:
    if shape.type_name == "list":
        item = _element("", shape.member, wanted)
        return _Element(member, list, children={shape.member.serialization["name"]: item})
    if shape.type_name == "structure":
        parts = {name: shape.members[name] for name in wanted}
        children = {
            part.serialization["name"]: _element(name, part, wanted[name])
            for name, part in parts.items()
        }
        return _Element(member, dict, children=children)
    return _Element(member, convert=_time if shape.type_name == "timestamp" else None)


def _time(text: str) -> datetime:
    if not _TIME.fullmatch(text):
        raise _NotUnderstoodError(text)
    return datetime.fromisoformat(text)


class _Reading:
    """One page. expat calls back; in what is skipped, at the ends of elements alone."""

    __slots__ = ("_above", "_element", "_expat", "_leaf", "_name", "_skipped", "_text", "_value")

    def __init__(self, root: _Element) -> None:
        self._name, self._element = "", root
        self._value: Any = {}
        self._above: list[tuple[str, _Element, Any]] = []
        self._leaf: _Element | None = None
        self._text: list[str] = []
        self._skipped = ""
        self._expat = expat.ParserCreate("utf-8")
        self._expat.buffer_text = True
        self._expat.ordered_attributes = True  # a list is made sooner than a dictionary
        self._expat.StartElementHandler = self._root

    def of(self, body: bytes) -> dict[str, Any]:
        page: dict[str, Any] = self._value
        self._expat.Parse(body, True)
        return page

    def _root(self, name: str, _attributes: object) -> None:
        self._name = name
        self._expat.StartElementHandler = self._start
        self._expat.EndElementHandler = self._end

    def _start(self, name: str, _attributes: object) -> None:
        found = self._element.children.get(name)
        if found is None or self._leaf is not None:
            self._check_skip(name)
            self._skipped = name
            self._expat.StartElementHandler = None
            self._expat.EndElementHandler = self._end_of_skipped
        elif found.empty is None:
            self._leaf = found
            self._expat.CharacterDataHandler = self._text.append
        else:
            self._above.append((self._name, self._element, self._value))
            self._name, self._element = name, found
            self._value = _put(self._value, found.member, found.empty())

    def _check_skip(self, name: str) -> None:
        # To botocore each child of a list is one of it, and a text ends where a child begins.
        if self._leaf is not None or self._element.empty is list or ":" in name:
            raise _NotUnderstoodError(name)

    def _end_of_skipped(self, name: str) -> None:
        if name == self._skipped:
            self._expat.StartElementHandler = self._start
            self._expat.EndElementHandler = self._end

    def _end(self, name: str) -> None:
        leaf = self._leaf
        if leaf is not None:
            self._expat.CharacterDataHandler = None
            text = "".join(self._text)
            self._text.clear()
            if leaf.member in self._value:
                raise _NotUnderstoodError(leaf.member)
            self._value[leaf.member] = leaf.convert(text) if leaf.convert else text
            self._leaf = None
        elif name != self._name:
            # One that was skipped had another of its name in it.
            raise _NotUnderstoodError(name)
        elif self._above:
            self._name, self._element, self._value = self._above.pop()


def _put(into: Any, member: str, value: Any) -> Any:
    if type(into) is list:
        into.append(value)
    elif member in into:
        raise _NotUnderstoodError(member)
    else:
        into[member] = value
    return value
