"""Questions as PowerDNS asks them, and the nodes that they are about."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask.testing import FlaskClient

from enc.domain.model import Node, State
from enc.outputs.zones import NameServer, Zones
from tests.builders import node

ZONES = Zones(
    forward=("fleet.example", "b.example"),
    reverse=("10.in-addr.arpa",),
    servers=(NameServer(name="ns1.dns.fleet.example", address="10.0.0.53"),),
    hostmaster="ops.example.com",
    ttl=7,
)
NAME = "i-0aaaaaaaaaaaaaaa1"
ADDRESS = "10.0.0.7"
EMPTY = [("ENT", "")]
Told = list[tuple[str, str]]


class Timer:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def ready(certname: str, address: str = ADDRESS, **fields: Any) -> Node:
    return node(certname, **{"state": State.READY, "private_ip": address, **fields})


def ask(client: FlaskClient, name: str, wanted: str = "ANY") -> Any:
    """As PowerDNS writes it: every dot and dash as %2e and %2d."""
    quoted = "".join(c if c.isalnum() and c.isascii() else hex_of(c) for c in f"{name}.")
    response = client.get(f"/dns/lookup/{quoted}/{wanted}")
    assert response.status_code == 200, response.text
    assert response.content_type == "application/json"
    return response.get_json()["result"]


def hex_of(character: str) -> str:
    return "".join(f"%{byte:02x}" for byte in character.encode())


def told(client: FlaskClient, name: str, wanted: str = "ANY") -> Told:
    found = ask(client, name, wanted)
    assert found is not False, f"{name} is not there"
    assert {one["qname"] for one in found} == {f"{name.lower()}."}
    return sorted((one["qtype"], one["content"]) for one in found)


def is_unknown(client: FlaskClient, name: str) -> bool:
    return ask(client, name) is False


def warned(caplog: pytest.LogCaptureFixture) -> list[dict[str, str]]:
    """The fields of each warning."""
    return [vars(r)["fields"] for r in caplog.records if r.levelno == logging.WARNING]
