"""The look-up behind every classification: one round trip once the role is known."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from redis import Redis

from enc.inventory import keys
from enc.inventory.codec import node_from_hash, role_from_hash
from enc.inventory.errors import (
    CorruptError,
    StoreLostError,
    StoreUnavailableError,
    translated,
)
from enc.inventory.meta import SCHEMA, SchemaError
from enc.inventory.nodes import lua
from enc.inventory.ready import REPLICA
from enc.model import Node, Role


class Found(StrEnum):
    NODE = "node"
    UNKNOWN = "unknown"
    ARCHIVED = "archived"


@dataclass(frozen=True)
class LookUp:
    """What the store says of a certname. ``definition_sha`` is "" when the node's role is gone."""

    found: Found
    node: Node | None = None
    definition_sha: str = ""


class LookUps:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._look_up = redis.register_script(lua("look_up.lua"))

    def look_up(self, certname: str) -> LookUp:
        """Raises StoreUnavailableError, StoreLostError, SchemaError, or CorruptError (its key)."""
        asked = [keys.META, keys.node(certname), keys.archive(certname)]
        with translated(asked[1]):
            text: Any = self._look_up(keys=asked, args=[SCHEMA])
        answer = json.loads(text)
        match answer["found"]:
            case "replica":
                raise StoreUnavailableError(REPLICA)
            case "lost":
                raise StoreLostError
            case "schema":
                raise SchemaError(
                    f"the store has schema {answer['schema']!r}, this rolecall reads {SCHEMA}; "
                    "upgrade it"
                )
            case "wrong":
                raise CorruptError(answer["key"], "has a value of the wrong type")
            case "node":
                node = node_from_hash(certname, answer["node"])
                return LookUp(Found.NODE, node, answer.get("sha", ""))
            case other:
                return LookUp(Found(other))

    def definition(self, role: str) -> tuple[str, Role] | None:
        """A role with the hash of the very text that it was read from; None when it is gone."""
        key = keys.role(role)
        with translated(key):
            found: Any = self._redis.hgetall(key)
        if not found:
            return None
        text = found.get("definition", "")
        # SHA-1 is what Redis' scripts can compute; it tells texts apart, it guards nothing.
        sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        return sha, role_from_hash(role, found)
