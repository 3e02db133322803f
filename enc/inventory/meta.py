"""``meta``: the proof that this store holds an inventory, and holds it whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from redis import Redis

from enc.inventory import keys
from enc.inventory.batch import hashes
from enc.inventory.codec import iso, parse_iso, whole
from enc.inventory.errors import ConflictError, CorruptError, StoreError, StoreLostError
from enc.inventory.events import Event
from enc.inventory.writes import Writes, hset

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Meta:
    """``account`` is the AWS account, "" for an inventory without EC2.

    ``regions`` are those of AWS that the site uses, sorted; () for every enabled one.
    """

    schema: int
    site: str
    account: str
    created_at: datetime
    created_by: str
    roles_rev: int = 0
    regions: tuple[str, ...] = ()


class OtherSiteError(StoreError):
    """The store is another site's: its machines are not ours, nor are its answers."""

    def __init__(self, found: str, ours: str) -> None:
        super().__init__(
            f"this store is of site {found}, ROLECALL_SITE says {ours}; set ROLECALL_SITE, or "
            "point REDIS_URL at that site's Redis"
        )


class SchemaError(StoreError):
    """The store was written by another version of rolecall."""


class MetaStore:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._writes = Writes(redis)

    def get(self) -> Meta | None:
        """None: the store is new, or it was lost."""
        [found] = hashes(self._redis, [keys.META])
        return _parse(found) if found else None

    def require(self) -> Meta:
        """The meta of a store that is ours, or StoreLostError, or SchemaError."""
        meta = self.get()
        if meta is None:
            raise StoreLostError
        if meta.schema != SCHEMA:
            raise SchemaError(
                f"the store has schema {meta.schema} and this rolecall reads {SCHEMA}: "
                "use the version of rolecall that the store was begun with"
            )
        return meta

    def begin(self, *, site: str, account: str, event: Event, regions: Sequence[str] = ()) -> bool:
        """Write meta, unless somebody has; from here on the store answers. True if it was us."""
        fields = {
            "schema": str(SCHEMA),
            "site": site,
            "account": account,
            "created_at": iso(event.at),
            "created_by": event.who,
            **({"regions": " ".join(sorted(regions))} if regions else {}),
        }
        absent = (["EXISTS", keys.META], "0")
        begun = self._writes.write([hset(keys.META, fields)], [event], same=[absent], init=True)
        return begun is None

    def use(self, regions: Sequence[str], event: Event, *, read: Meta) -> None:
        """These regions are in use from now on. The next pass looks into each of them.

        Raises ConflictError where roles have changed since ``read`` was: they say what is needed.
        """
        rev = str(read.roles_rev) if read.roles_rev else ""
        commands = [hset(keys.META, {"regions": " ".join(sorted(regions))}), ["DEL", keys.SWEPT]]
        same = [(["HGET", keys.META, "roles_rev"], rev)]
        if self._writes.write(commands, [event], same=same) is not None:
            raise ConflictError("roles were applied meanwhile; try again")


def _parse(found: dict[str, str]) -> Meta:
    try:
        return Meta(
            schema=whole(keys.META, "schema", found["schema"]),
            site=found["site"],
            account=found.get("account", ""),
            created_at=parse_iso(found["created_at"]),
            created_by=found.get("created_by", ""),
            roles_rev=whole(keys.META, "roles_rev", found.get("roles_rev", "0")),
            regions=tuple(sorted(found.get("regions", "").split())),
        )
    except (KeyError, ValueError) as error:
        raise CorruptError(keys.META, f"lacks or garbles {error}") from error
