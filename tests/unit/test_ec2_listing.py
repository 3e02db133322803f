"""The quick reader of DescribeInstances says what botocore's own parser says, of what we want."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any

import botocore.session
import pytest
from botocore.model import ShapeResolver
from botocore.parsers import EC2QueryParser, ResponseParserError, ResponseParserFactory

from enc.domain.model import Market
from provisioner.adapters import ec2_values as values
from provisioner.adapters.ec2_listing import WANTED, Parsers, read
from provisioner.ports.ec2 import Instance, InstanceState
from tests.ec2_pages import NAMESPACE, page
from tests.fakes.clock import START

MUTATIONS, SEED = 1_000, 14
_EC2 = botocore.session.get_session().get_service_model("ec2")
SHAPE: Any = _EC2.operation_model("DescribeInstances").output_shape
LIVING = Instance(
    id="i-0abc1234def567890",
    state=InstanceState.RUNNING,
    region="us-east-1",
    zone="us-east-1a",
    instance_type="c5.large",
    market=Market.SPOT,
    launched_at=START,
    image="ami-0a1b2c3d4e5f60718",
    vpc="vpc-0a1b2c3d4e5f60718",
    private_ip="10.20.0.7",
    private_dns="ip-10-20-0-7.ec2.internal",
    public_dns="ec2-54-194-1-7.compute-1.amazonaws.com",
    tags={"rolecall:site": "default", "Name": "größer & <kleiner>"},
)
DEAD = replace(
    LIVING,
    id="i-0abc1234def567891",
    state=InstanceState.TERMINATED,
    market=Market.ON_DEMAND,
    private_ip="",
    private_dns="",
    public_dns="",
    state_reason="Client.InvalidKMSKey.InvalidState: The KMS key is disabled",
    tags={},
)
PAGE = page([LIVING, DEAD], token="2")


def response(body: bytes, status: int = 200) -> dict[str, Any]:
    return {"status_code": status, "headers": {"Date": "now"}, "body": body}


def parsed(factory: ResponseParserFactory, body: bytes, shape: Any = SHAPE) -> Any:
    return factory.create_parser("ec2").parse(response(body), shape)


def shapes(shape: Any, wanted: Mapping[str, Any], name: str = "root") -> Iterator[tuple[str, Any]]:
    """Botocore's shapes of what we want alone, as its models write them."""
    if shape.type_name == "list":
        item = {"shape": f"{name}.", "locationName": shape.member.serialization["name"]}
        yield name, {"type": "list", "member": item}
        yield from shapes(shape.member, wanted, f"{name}.")
    elif shape.type_name == "structure":
        members = {}
        for each, below in wanted.items():
            member = shape.members[each]
            found = {"shape": f"{name}.{each}", "locationName": member.serialization["name"]}
            members[each] = found
            yield from shapes(member, below, f"{name}.{each}")
        yield name, {"type": "structure", "members": members}
    else:
        yield name, {"type": shape.type_name}


REFERENCE = ShapeResolver(dict(shapes(SHAPE, WANTED))).get_shape_by_name("root")


def outcome(factory: ResponseParserFactory, body: bytes, shape: Any) -> Any:
    """What is read of the page and wanted, or the kind of error."""
    try:
        return only(parsed(factory, body, shape), WANTED)
    except Exception as error:  # noqa: BLE001 - any is one that botocore's raises, too
        return type(error)


def only(found: Any, wanted: Mapping[str, Any]) -> Any:
    if isinstance(found, list) and wanted:
        return [only(each, wanted) for each in found]
    if isinstance(found, dict):
        return {key: only(found[key], below) for key, below in wanted.items() if key in found}
    # botocore gives a text that is there twice as the list of its elements.
    return found if isinstance(found, str | datetime) else type(found)


def test_a_page_is_read_as_the_machines_that_it_was_made_of() -> None:
    read_quickly = read(PAGE, SHAPE)

    assert values.instances_of("us-east-1", read_quickly) == [LIVING, DEAD]
    assert read_quickly["NextToken"] == "2"


def test_all_that_the_adapter_looks_at_is_read() -> None:
    """In a page of which each element is filled: what nobody wants makes no difference."""
    everything = f'<r xmlns="{NAMESPACE}">{filled(SHAPE)}</r>'.encode()
    full = parsed(ResponseParserFactory(), everything)

    assert values.instances_of("r", read(everything, SHAPE)) == values.instances_of("r", full)
    assert len(full["Reservations"][0]["Instances"][0]) > 50


def test_the_address_of_a_machine_without_ipv4_is_read() -> None:
    """Above, each machine has an IPv4 address, which goes before."""
    old, new = b"<privateIpAddress>10.20.0.7<", b"<ipv6Address>2001:db8::7<"
    body = PAGE.replace(old, new).replace(b"7</privateIpAddress>", b"7</ipv6Address>")
    [living, _] = values.instances_of("us-east-1", read(body, SHAPE))

    assert living == replace(LIVING, private_ip="2001:db8::7")


def filled(shape: Any, text: str = "") -> str:
    if shape.type_name == "structure":
        return "".join(element(member, name) for name, member in shape.members.items())
    if shape.type_name == "list":
        return element(shape.member, text)
    if shape.type_name == "string":
        return {"Name": "running"}.get(text, f"{text} of it")
    kinds = {"timestamp": "2026-11-30T12:00:00.000Z", "boolean": "true"}
    return kinds.get(shape.type_name, "7")


def element(shape: Any, name: str) -> str:
    tag = shape.serialization.get("name", name)
    return f"<{tag}>{filled(shape, name)}</{tag}>"


ITEM = b"<instancesSet><item>"
UNUSUAL = {
    "no machine": (b"<item>", b"<other>", b"</item>", b"</other>"),
    "a comment": (ITEM, ITEM + b"<!-- <instanceId>i-0</instanceId> -->"),
    "a part of characters": (b"default", b"<![CDATA[<key>]]>"),
    "a text in two": (b"c5.large", b"c5<!-- -->.large"),
    "an entity": (b"c5.large", b"c5&#46;large"),
    "an entity that nobody defines": (
        b"<Describe",
        b'<!DOCTYPE r SYSTEM "x"><Describe',
        b"c5.",
        b"&a;",
    ),
    "an empty text": (b"c5.large", b""),
    "white space": (b"><", b">\n    <"),
    "a name twice": (b"<imageId>", b"<imageId>other</imageId><imageId>"),
    "a list twice": (b"<tagSet>", b"<tagSet/><tagSet>"),
    "other names in a list": (b"<tagSet>", b"<tagSet><tag><key>a</key><value>b</value></tag>"),
    "an element in a text": (b"c5.large", b"c5<x>.</x>large"),
    "one of its own name in what is skipped": (
        b"</item></instancesSet>",
        b"<x><x/><stateReason><code>no</code></stateReason></x></item></instancesSet>",
    ),
    "one that is wanted in what is skipped": (b"<monitoring>", b"<monitoring><imageId/>"),
    "a prefix": (b"<imageId>a", b'<e:imageId xmlns:e="e">b</e:imageId><imageId>a'),
    "a prefix alone": (b"imageId>", b"e:imageId>", b" xmlns=", b' xmlns:e="e" xmlns='),
    "another time zone": (b"00:00Z", b"00:00+01:00", b"00.000Z", b"00+01:00"),
    "seconds since 1970": (START.strftime("%Y-%m-%dT%H:%M:%S.000Z").encode(), b"20260101"),
    "no time": (START.strftime("%Y-%m-%dT%H:%M:%S.000Z").encode(), b"soon"),
    "no end": (b"</DescribeInstancesResponse>", b""),
    "bytes of no text": (b"c5.large", b"\xff"),
    "another encoding said": (b"UTF-8", b"ISO-8859-1"),
}


@pytest.mark.parametrize("changes", UNUSUAL.values(), ids=UNUSUAL)
def test_an_unusual_page_is_what_botocore_says(changes: tuple[bytes, ...]) -> None:
    body = PAGE
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        body = body.replace(old, new)
    assert body != PAGE

    assert outcome(Parsers(), body, SHAPE) == outcome(ResponseParserFactory(), body, SHAPE)


def test_a_thousand_damaged_pages_are_what_botocore_says() -> None:
    draw = Random(SEED)
    bodies = [damaged(PAGE, draw) for _ in range(MUTATIONS)]
    said = [outcome(ResponseParserFactory(), body, REFERENCE) for body in bodies]

    assert [outcome(Parsers(), body, SHAPE) for body in bodies] == said
    refused = sum(isinstance(each, type) for each in said)
    assert MUTATIONS / 4 < refused < MUTATIONS * 3 / 4


def damaged(body: bytes, draw: Random) -> bytes:
    """Bytes lost, repeated, moved or changed; or elements, which leaves it XML."""
    cuts = [i for i, byte in enumerate(body) if byte == ord("<")]
    places = cuts if draw.random() < 0.8 else range(len(body))
    start, end = sorted(draw.sample(places, 2))
    if draw.random() < 0.7:
        end = min(end, start + draw.randrange(1, 200))
    part, to = body[start:end], draw.choice(cuts)
    kind = draw.randrange(4)
    if kind == 0:
        return body[:start] + body[end:]
    if kind == 1:
        return body[:end] + part + body[end:]
    if kind == 2:
        return body[:to] + whole_element(body, draw) + body[to:]
    return body.replace(whole_element(body, draw), b"", 1)


def whole_element(body: bytes, draw: Random) -> bytes:
    """One of the page's, from its begin to its end."""
    names = (b"imageId", b"tagSet", b"item", b"monitoring", b"placement", b"key", b"value", b"name")
    name = draw.choice(names)
    begins = body.split(b"<" + name + b">")
    part = draw.choice(begins[1:]).split(b"</" + name + b">")[0]
    return b"<" + name + b">" + part + b"</" + name + b">"


def test_what_nobody_wants_may_be_wrong() -> None:
    """Botocore refuses the whole page for a number that is none."""
    body = PAGE.replace(b"<coreCount>1<", b"<coreCount>one<")

    assert outcome(ResponseParserFactory(), body, SHAPE) is ValueError
    assert outcome(Parsers(), body, SHAPE) == outcome(ResponseParserFactory(), body, REFERENCE)


def test_the_head_of_an_answer_is_botocores() -> None:
    said = parsed(Parsers(), PAGE)["ResponseMetadata"]

    assert (said["HTTPStatusCode"], said["HTTPHeaders"]) == (200, {"date": "now"})


def test_a_refusal_and_other_answers_are_botocores() -> None:
    refusal = b"<Response><Errors><Error><Code>No</Code></Error></Errors></Response>"
    other: Any = _EC2.operation_model("DescribeRegions").output_shape
    item = b"<regionInfo><item><regionName>eu-west-1</regionName></item></regionInfo>"
    regions = b"<DescribeRegionsResponse>" + item + b"</DescribeRegionsResponse>"
    parser = Parsers().create_parser("ec2")

    assert parser.parse(response(refusal, 400), SHAPE)["Error"]["Code"] == "No"
    assert parsed(Parsers(), regions, other)["Regions"] == [{"RegionName": "eu-west-1"}]
    assert isinstance(Parsers().create_parser("json"), type(parsed_by("json")))
    assert isinstance(parsed_by("ec2"), EC2QueryParser)


@pytest.mark.parametrize("protocol", ["ec2", "query"])
@pytest.mark.parametrize(
    "page",
    [
        b"<html><body>blocked</body></html>",
        b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>',
        b"<!DOCTYPE html><html/>",
        b'<!DOCTYPE r [<!ENTITY a "b">]>' + PAGE.partition(b"?>")[2],
        b"<Response><Errors/></Response>",
        b"",
    ],
)
def test_a_page_of_somebody_else_is_no_answer_with_nothing_in_it(
    protocol: str, page: bytes
) -> None:
    parser = Parsers().create_parser(protocol)
    with pytest.raises(ResponseParserError, match="in AWS's place"):
        parser.parse(response(page), SHAPE)


def test_aws_s_own_answers_of_each_service_are_read() -> None:
    account = b"<GetCallerIdentityResult><Account>1</Account></GetCallerIdentityResult>"
    body = b"\n<GetCallerIdentityResponse>" + account + b"</GetCallerIdentityResponse>"
    sts = botocore.session.get_session().get_service_model("sts")
    shape: Any = sts.operation_model("GetCallerIdentity").output_shape
    found = Parsers().create_parser("query").parse(response(body), shape)

    assert found["Account"] == "1"


def parsed_by(protocol: str) -> Any:
    return ResponseParserFactory().create_parser(protocol)
