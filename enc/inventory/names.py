"""What DNS asks of the inventory: whose is a name or an address; each in one round trip."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis import Redis

from enc.inventory import keys
from enc.inventory.codec import node_from_hash
from enc.inventory.errors import StoreUnavailableError, translated
from enc.inventory.line import LineScript
from enc.inventory.lookup import refusal
from enc.inventory.meta import SCHEMA, OtherSiteError
from enc.model import Node, State
from enc.outputs import SERVING
from enc.outputs.dns import Member

_REFUSALS = frozenset({"replica", "lost", "schema", "wrong"})
# A state that is none of ours is not passed over: it is damage, and somebody has to hear of it.
_NOT_SERVING = f" {' '.join(sorted(frozenset(State) - SERVING))} "


@dataclass(frozen=True, kw_only=True)
class Members:
    """Ready nodes of a role. ``onward``: where the next ones begin; 0 where these are all."""

    members: tuple[Member, ...]
    onward: int


Named = Members | Node | None


class Names:
    def __init__(self, redis: Redis) -> None:
        self._script = LineScript(redis, "dns.lua")

    def ask(self, name: str, *, start: int, want: int) -> str:
        """All that the store says of a name, as text: the same text means the same."""
        return self._ask(keys.node(name), "name", name, str(start), str(want), _NOT_SERVING)

    def read(self, name: str, text: str, site: str) -> Named:
        """What ``ask`` answered: a role's members, else the node, else None.

        Raises StoreUnavailableError, StoreLostError, SchemaError, OtherSiteError, CorruptError.
        """
        answer = _read(text, f"name {name}", site)
        match answer["found"]:
            case "role":
                members = tuple(map(_member, _list(answer["members"])))
                return Members(members=members, onward=int(answer["next"]))
            case "node":
                [node] = _nodes(answer)
                return node
        return None

    def with_address(self, address: str, site: str) -> list[Node]:
        """Every node that says it has this private address, whatever its state. Raises as read."""
        text = self._ask(keys.TEXTS, "address", address)
        nodes = _nodes(_read(text, f"address {address}", site))
        # The index also has names, and somebody may be named like an address.
        return [node for node in nodes if node.private_ip == address]

    def is_any_below(self, prefix: str, site: str) -> bool:
        """Whether some node has a private address that begins so. Raises as read."""
        text = self._ask(keys.TEXTS, "below", prefix)
        return bool(_read(text, f"below {prefix}", site)["found"] == "some")

    def foreign(self, site: str) -> list[str]:
        """Certnames that are host names; all others are instance ids. Raises as read."""
        text = self._ask(keys.nodes_of_kind("foreign"), "foreign")
        return [str(name) for name in _list(_read(text, "foreign ", site)["names"])]

    def _ask(self, about: str, *words: str) -> str:
        with translated(about):
            return self._script.ask(str(SCHEMA), *words)


def _read(text: str, asked: str, site: str) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = json.loads(text)
    if answer["found"] in _REFUSALS:
        raise refusal(answer)
    if answer["found"] == "old":
        raise StoreUnavailableError(
            f"not every node is in {keys.TEXTS} yet, so it cannot be told whose an address is; "
            "each change of a node brings it in"
        )
    if answer["asked"] != asked:
        raise StoreUnavailableError("Redis answered another question than was asked")
    if answer["site"] != site:
        raise OtherSiteError(answer["site"], site)
    return answer


def _nodes(answer: Mapping[str, Any]) -> list[Node]:
    found = []
    for certname, flat in _list(answer["nodes"]):
        fields = _list(flat)
        found.append(node_from_hash(certname, dict(zip(fields[::2], fields[1::2], strict=True))))
    return found


def _member(found: Sequence[str]) -> Member:
    certname, state, address, damage = found
    if not damage and state not in SERVING:
        damage = f"has state = {state[:80]!r}"
    key = keys.node(certname)
    return Member(certname=certname, address=address, damage=damage and f"{key} in Redis {damage}")


def _list(found: Any) -> Sequence[Any]:
    """Lua has no empty list: it comes as an empty map."""
    return found or ()
