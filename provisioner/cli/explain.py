"""explain: why a machine is here, and why Puppet gets what it gets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from provisioner.cli import output
from provisioner.cli.errors import mistyped
from provisioner.cli.finding import find_ended, find_launch, find_node, known_node
from provisioner.cli.session import inventory, now
from provisioner.cli.table import columns
from provisioner.cli.texts import clean
from provisioner.cli.usage import examples

if TYPE_CHECKING:
    from enc.domain.explain import Explanation
    from enc.domain.model import ArchivedNode, Node
    from enc.inventory import Inventory

# A value may be as long as it likes: it stands last, where it pads no other line.
_GIVEN = columns("what", "name", "source", "value")
_PARTS = ("origin", "answer", "next", "wrong")
_FIELDS = ("part", "text", "what", "class", "name", "source", "value")
_TITLES: Mapping[str, str] = {
    "origin": "Where it came from",
    "answer": "What Puppet gets",
    "next": "What is about to happen",
    "wrong": "What is wrong",
}


@click.command(
    short_help="Explain why a node is here and what it gets.",
    epilog=examples(
        "provisioner explain i-0123456789abcdef0",
        "provisioner explain ip-10-20-0-4.ec2.internal",
        "provisioner explain db1.example.com --format json | jq '.given[]'",
    ),
)
@click.argument("node")
@output.format_option
def explain(node: str, *, form: str) -> None:
    """Say where NODE came from, what Puppet gets and why, what is about to happen, what is wrong.

    NODE is a certname, DNS name or VPC:IP, alive or archived. Changes nothing.
    """
    from enc.domain.explain import explanation_shape

    found = _explained(inventory(), node)
    shape = explanation_shape(found)
    if form in output.FOR_PROGRAMS:
        output.emit_value(form, shape)
    elif form == "csv":
        output.emit_rows(form, _rows(shape), output.Listing((), _FIELDS))
    else:
        _show(shape)


def _explained(store: Inventory, given: str) -> Explanation:
    from enc.inventory.explanation import explained

    return explained(store, _found(store, given), now())


def _found(store: Inventory, given: str) -> Node | ArchivedNode:
    if find_launch(store, given):
        raise mistyped(f"{given} is a launch: 'provisioner show {given}' has its attempts")
    return find_node(store, given) or find_ended(store, given) or known_node(store, given)


def _rows(shape: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"part": "headline", "text": shape["headline"]}
    for part in _PARTS:
        yield from ({"part": part, "text": text} for text in shape[part])
        if part == "answer":
            yield from ({"part": "given", **one, "value": _value(one)} for one in shape["given"])


def _show(shape: Mapping[str, Any]) -> None:
    output.write(f"{clean(shape['headline'])}\n")
    for part in _PARTS:
        if not shape[part]:
            continue
        lines = "".join(f"  {clean(sentence)}\n" for sentence in shape[part])
        output.write(f"\n{_TITLES[part]}\n{lines}")
        if part == "answer" and shape["given"]:
            rows = [{**one, "name": _name(one), "value": _value(one)} for one in shape["given"]]
            output.write("\n")
            output.emit_rows("table", rows, output.Listing(_GIVEN, ()))


def _name(one: Mapping[str, Any]) -> str:
    """A class parameter as Hiera calls it."""
    return "::".join(part for part in (one["class"], one["name"]) if part)


def _value(one: Mapping[str, Any]) -> str | None:
    if one["what"] == "class":
        return None
    value = one["value"]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
