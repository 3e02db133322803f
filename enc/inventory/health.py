"""Whether the store can be believed: a primary that holds an inventory of our schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis

from enc.inventory import keys
from enc.inventory.connect import drop
from enc.inventory.errors import StoreUnavailableError, translated
from enc.inventory.meta import Meta, MetaStore, OtherSiteError

# What a replica holds may be hours old, and it does not say so.
REPLICA = "Redis is a read-only replica, which may be behind: point REDIS_URL at the primary"

_NO_WRITES = "no write is taken: look-ups are answered, reports and certificate requests wait"


def check_ready(redis: Redis, site: str) -> Meta:
    """Raises StoreUnavailableError, StoreLostError, SchemaError, OtherSiteError, CorruptError."""
    with translated(keys.META):
        replication: Any = redis.info("replication")
    if replication["role"] != "master":
        drop(redis)
        raise StoreUnavailableError(REPLICA)
    meta = MetaStore(redis).require()
    if meta.site != site:
        raise OtherSiteError(meta.site, site)
    return meta


def check_writable(redis: Redis) -> None:
    """Whether Redis takes writes: asked by one that changes nothing.

    A full one, one that cannot save, or that lacks replicas answers reads all the while. Raises
    StoreUnavailableError.
    """
    try:
        with translated(keys.NEVER):
            # To a stream that is not there: https://redis.io/docs/latest/commands/xadd/
            redis.xadd(keys.NEVER, {"never": ""}, nomkstream=True)
    except StoreUnavailableError as error:
        raise StoreUnavailableError(f"{error}; {_NO_WRITES}") from error


@contextmanager
def one_inventory(redis: Redis, site: str) -> Iterator[None]:
    """What is read meanwhile is of one inventory, which was there all the time. Raises as above.

    Of a store that was lost in between, or even begun anew, it would be a part.
    """
    meta = check_ready(redis, site)
    yield
    if check_ready(redis, site).created_at != meta.created_at:
        raise StoreUnavailableError("the store was begun anew while it was read; try again")
