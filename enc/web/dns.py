"""DNS: what PowerDNS' remote backend asks over HTTP, and how it is answered.

https://doc.powerdns.com/authoritative/backends/remote.html (4.7). ``{"result": false}`` means to it
that there is no such name, and becomes NXDOMAIN. Whatever cannot be looked up leaves as an HTTP
error, which becomes SERVFAIL. A name that only the settings decide needs no store.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import NotFound

from enc.domain.model import Node
from enc.inventory import CorruptError, Inventory, keys
from enc.inventory.dns import LacksError, Members
from enc.logs import Log
from enc.outputs import Refused, dns
from enc.outputs.dns import ANY, NO_DATA, NOTHING, Question, Record
from enc.outputs.zones import Zones
from enc.web.answers import Kept
from enc.web.documents import CORRUPT
from enc.web.problems import ProblemError, corrupt, of_store
from enc.web.settings import place
from enc.web.short_cache import ShortCache

# Seconds that a role's answer, and who is foreign, are kept in a worker.
KEPT_FOR = 1.0
_KEPT_NAMES = 10_000
_HEADERS = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
_NO = b'{"result": false}\n'
_log = Log("enc.dns")


class Names:
    """From a question to the text that PowerDNS gets."""

    def __init__(
        self, inventory: Inventory, site: str, zones: Zones, timer: Callable[[], float]
    ) -> None:
        self._names, self._site, self._zones = inventory.names, site, zones
        self._kept: Kept[tuple[Record, ...]] = Kept(_KEPT_NAMES)
        self._roles: ShortCache[bytes] = ShortCache(timer, KEPT_FOR)
        self._suffixes: ShortCache[frozenset[str]] = ShortCache(timer, KEPT_FOR)
        self._starts: dict[str, int] = {}
        self._told: dict[str, frozenset[Refused]] = {}

    def to(self, name: str, wanted: str) -> bytes:
        """Raises StoreError's kinds."""
        asked = dns.question(self._zones, name)
        if asked is None:
            return _NO
        if wanted == ANY and (kept := self._roles.get(asked.name)):
            return kept
        return self._found(asked, wanted)

    def _found(self, asked: Question, wanted: str) -> bytes:
        fixed = dns.fixed(self._zones, asked)
        if fixed is not None:
            return self._text(asked, wanted, fixed)
        if dns.is_reverse(self._zones, asked):
            return self._text(asked, wanted, self._reverse(asked))
        if not dns.could_be_named(asked.relative):
            return _NO
        return self._by_name(asked, wanted)

    def _by_name(self, asked: Question, wanted: str) -> bytes:
        name, when = asked.relative, self._roles.now()
        said = self._names.ask(name, start=self._starts.get(name, 0), want=dns.MOST_MEMBERS)
        records = self._kept.get(asked.name, said)
        if records is None:
            found = self._names.read(name, said, self._site)
            if isinstance(found, Members):
                text = self._text(asked, wanted, self._role(name, found))
                if wanted == ANY:
                    self._roles.keep(asked.name, text, asked=when)
                return text
            records = self._node(found) if found else NOTHING
            if found:
                self._kept.keep(asked.name, said, records)
        if not records and self._is_above_some(asked):
            records = NO_DATA
        return self._text(asked, wanted, records)

    def _role(self, role: str, found: Members) -> tuple[Record, ...]:
        answer = dns.of_role(found.members)
        spoilt = [member.certname for member in found.members if member.damage]
        if spoilt and answer.records == NO_DATA:
            raise CorruptError(keys.node(spoilt[0]), "is damaged, as every ready node of its role")
        refused = answer.refused
        if found.onward:
            self._starts[role] = found.onward
            why = f"more than {dns.MOST_MEMBERS} are ready, and an answer holds no more"
            refused = (*refused, Refused(certname="", why=why))
        else:
            self._starts.pop(role, None)
        self._tell(role, refused)
        return answer.records

    def _node(self, node: Node) -> tuple[Record, ...]:
        try:
            return dns.of_node(self._zones, node)
        except ValueError as error:
            raise CorruptError(keys.node(node.certname), f"has private_ip: {error}") from error

    def _reverse(self, asked: Question) -> tuple[Record, ...]:
        address = dns.address_asked(asked)
        if address is None:
            return NOTHING
        if isinstance(address, str):
            if not address or self._names.is_any_below(address, self._site):
                return NO_DATA
            return NOTHING
        nodes = self._names.with_address(address, self._site)
        if not nodes:
            return NOTHING
        answer = dns.of_address(self._zones, nodes)
        self._tell(asked.name, answer.refused)
        return answer.records

    def _is_above_some(self, asked: Question) -> bool:
        """Whether a name that is none itself has others below: it is there, and empty."""
        return dns.is_above_server(self._zones, asked) or asked.relative in self._above_nodes()

    def _above_nodes(self) -> frozenset[str]:
        found = self._suffixes.get("")
        if found is None:
            when = self._suffixes.now()
            found = dns.suffixes(self._names.foreign(self._site))
            self._suffixes.keep("", found, asked=when)
        return found

    def _tell(self, about: str, refused: tuple[Refused, ...]) -> None:
        """Once, until it was well again: PowerDNS asks many times a second."""
        before = self._told.pop(about, frozenset())
        if refused:
            self._told[about] = frozenset(refused)
        for one in refused:
            if one not in before:
                _log.warning("left out of DNS", name=about, node=one.certname, why=one.why)

    def _text(self, asked: Question, wanted: str, records: Iterable[Record]) -> bytes:
        found = dns.of_type(records, wanted)
        if not found:
            return _NO
        common = {"qname": f"{asked.name}.", "ttl": self._zones.ttl, "domain_id": asked.number}
        listed = [{**common, "qtype": one.type, "content": one.content} for one in found]
        return json.dumps({"result": listed}).encode()


def blueprint(
    inventory: Inventory, site: str, zones: Zones, timer: Callable[[], float]
) -> Blueprint:
    routes = Blueprint("dns", __name__, url_prefix="/dns")
    names = Names(inventory, site, zones, timer)

    @routes.get("/lookup/<path:name>/<wanted>")
    def lookup(name: str, wanted: str) -> Response:
        try:
            return Response(names.to(name, wanted.upper()), headers=_HEADERS)
        except LacksError as error:
            raise ProblemError(CORRUPT, str(error)) from error
        except CorruptError as error:
            raise (of_store if error.key == keys.META else corrupt)(error) from error

    _add_zones(routes, zones)
    return routes


def _add_zones(routes: Blueprint, zones: Zones) -> None:
    """What only the settings decide."""

    @routes.get("/getAllDomains")
    def domains() -> Response:
        return _result([_domain(zones, zone) for zone in zones.all])

    @routes.get("/getDomainInfo/<path:name>")
    def domain(name: str) -> Response:
        zone = name.lower().removesuffix(".")
        return _result(_domain(zones, zone) if zone in zones.all else False)

    @routes.get("/getAllDomainMetadata/<path:_name>")
    def all_metadata(_name: str) -> Response:
        return _result({})

    @routes.get("/getDomainMetadata/<path:_name>/<_kind>")
    def metadata(_name: str, _kind: str) -> Response:
        return _result([])

    # Transfers, keys, zones to fetch from elsewhere: we have none.
    @routes.get("/<path:_method>")
    def unsupported(_method: str) -> Response:
        return _result(False)


def restrict(app: Flask, bind: str) -> None:
    """Nothing but DNS at this address: any process of the machine reaches it, without a login.

    ``bind`` is as Settings has it.
    """

    @app.before_request
    def refuse() -> None:
        if request.blueprint != "dns" and _came_in_at(request.environ) in (bind, None):
            raise NotFound


def _came_in_at(environ: Mapping[str, Any]) -> str | None:
    """Our end of the connection, by the socket's own word: SERVER_NAME may be the client's.

    "" for a unix socket; None where it cannot be told.
    """
    connection = environ.get("gunicorn.socket")
    if connection is None:
        return None
    here = connection.getsockname()
    return place(here[0], here[1]) if isinstance(here, tuple) else ""


def _domain(zones: Zones, zone: str) -> dict[str, Any]:
    number = zones.all.index(zone) + 1
    return {"id": number, "zone": f"{zone}.", "kind": "native", "serial": 1}


def _result(found: Any) -> Response:
    return Response(json.dumps({"result": found}) + "\n", headers=_HEADERS)
