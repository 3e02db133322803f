"""``meta``: the proof that this store holds an inventory, and holds it whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from redis import Redis

from enc.inventory import keys
from enc.inventory.codec import iso, parse_iso
from enc.inventory.connect import transact
from enc.inventory.errors import CorruptError, StoreError, StoreLostError, translated
from enc.inventory.events import Event, append

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Meta:
    """``account`` is the AWS account, "" for an inventory without EC2."""

    schema: int
    site: str
    account: str
    created_at: datetime
    created_by: str
    roles_rev: int = 0


class SchemaError(StoreError):
    """The store was written by another version of rolecall."""


class MetaStore:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def get(self) -> Meta | None:
        with translated(keys.META):
            found: Any = self._redis.hgetall(keys.META)
        return _parse(found) if found else None

    def require(self) -> Meta:
        """The meta of a store that is ours, or StoreLostError, or SchemaError."""
        meta = self.get()
        if meta is None:
            raise StoreLostError
        if meta.schema != SCHEMA:
            msg = f"the store has schema {meta.schema}, this rolecall reads {SCHEMA}; upgrade it"
            raise SchemaError(msg)
        return meta

    def begin(self, *, site: str, account: str, event: Event) -> bool:
        """Write meta, unless somebody has; from here on the store answers. True if it was us."""
        fields = {
            "schema": str(SCHEMA),
            "site": site,
            "account": account,
            "created_at": iso(event.at),
            "created_by": event.who,
        }
        with translated(keys.META):
            return transact(self._redis, lambda pipe: _begin(pipe, fields, event), keys.META)


def _begin(pipe: Any, fields: dict[str, str], event: Event) -> bool:
    there = bool(pipe.exists(keys.META))
    pipe.multi()
    if not there:
        pipe.hset(keys.META, mapping=fields)
        append(pipe, event)
    return not there


def _parse(found: dict[str, str]) -> Meta:
    try:
        return Meta(
            schema=int(found["schema"]),
            site=found["site"],
            account=found.get("account", ""),
            created_at=parse_iso(found["created_at"]),
            created_by=found.get("created_by", ""),
            roles_rev=int(found.get("roles_rev", "0")),
        )
    except (KeyError, ValueError) as error:
        raise CorruptError(keys.META, f"lacks or garbles {error}") from error
