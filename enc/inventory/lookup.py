"""The look-up behind every classification: one round trip once the role is known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from redis import Redis

from enc.domain.model import Node, Role
from enc.inventory import keys
from enc.inventory.batch import check_begun
from enc.inventory.codec import node_from_hash, role_from_hash
from enc.inventory.errors import (
    CorruptError,
    StoreError,
    StoreLostError,
    StoreUnavailableError,
    translated,
)
from enc.inventory.health import REPLICA
from enc.inventory.meta import SCHEMA, SchemaError
from enc.inventory.scripts import sha
from enc.inventory.thread_connection import LineScript


class Found(StrEnum):
    NODE = "node"
    UNKNOWN = "unknown"
    ARCHIVED = "archived"


_FINDINGS = frozenset(Found)


@dataclass(frozen=True)
class LookUp:
    """What the store of ``site`` says of a certname.

    ``definition_sha`` is "" when the node's role is gone.
    """

    found: Found
    node: Node | None = None
    definition_sha: str = ""
    site: str = ""


class LookUps:
    def __init__(self, redis: Redis) -> None:
        self._redis, self._script = redis, LineScript(redis, "look_up.lua")

    def look_up(self, certname: str) -> LookUp:
        """Raises StoreUnavailableError, StoreLostError, SchemaError, or CorruptError (its key)."""
        return self.read(certname, self.ask(certname))

    def ask(self, certname: str) -> str:
        """All that the store says of a certname, as text: the same text means the same."""
        key = keys.node(certname)
        with translated(key):
            return self._script.ask(keys.META, key, keys.archive(certname), str(SCHEMA))

    def read(self, certname: str, text: str) -> LookUp:
        """What ``ask`` answered. Raises as ``look_up`` does."""
        answer = json.loads(text)
        if answer["found"] not in _FINDINGS:
            raise refusal(answer)
        if answer["key"] != keys.node(certname):
            raise StoreUnavailableError("Redis answered another question than was asked")
        if answer["found"] != Found.NODE:
            return LookUp(Found(answer["found"]), site=answer["site"])
        flat = answer["node"]
        node = node_from_hash(certname, dict(zip(flat[::2], flat[1::2], strict=True)))
        return LookUp(Found.NODE, node, answer["sha"], answer["site"])

    def definition(self, role: str) -> tuple[str, Role] | None:
        """A role with the hash of the very text that it was read from; None when it is gone."""
        key = keys.role(role)
        with translated(key):
            found: Any = self._redis.hgetall(key)
        if not found:
            check_begun(self._redis)
            return None
        text = found.get("definition", "")
        return sha(text), role_from_hash(role, found)


def refusal(answer: Mapping[str, str]) -> StoreError:
    """Why a script that began by looking at ``meta`` says nothing else."""
    match answer["found"]:
        case "replica":
            return StoreUnavailableError(REPLICA)
        case "lost":
            return StoreLostError()
        case "wrong":
            return CorruptError(answer["key"], "has a value of the wrong type")
    return SchemaError(
        f"the store does not have schema {SCHEMA}, which this rolecall reads; upgrade it"
    )
