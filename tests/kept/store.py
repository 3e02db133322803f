"""A whole Redis store as lines of JSON, which a person reads and any Redis or Valkey takes.

An RDB file is bound to the version that wrote it, and no review can read it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from redis import Redis

_READ: Mapping[str, Callable[[Redis, str], Any]] = {
    "string": lambda redis, key: redis.get(key),
    "hash": lambda redis, key: redis.hgetall(key),
    "list": lambda redis, key: redis.lrange(key, 0, -1),
    "set": lambda redis, key: sorted(redis.smembers(key)),
    "zset": lambda redis, key: redis.zrange(key, 0, -1, withscores=True),
    "stream": lambda redis, key: redis.xrange(key),
}
_WRITE: Mapping[str, Callable[[Redis, str, Any], object]] = {
    "string": lambda redis, key, value: redis.set(key, value),
    "hash": lambda redis, key, value: redis.hset(key, mapping=value),
    "list": lambda redis, key, value: redis.rpush(key, *value),
    "set": lambda redis, key, value: redis.sadd(key, *value),
    "zset": lambda redis, key, value: redis.zadd(key, dict(value)),
    "stream": lambda redis, key, value: [redis.xadd(key, entry, id=at) for at, entry in value],
}


def dump(redis: Redis, file: Path) -> None:
    """A line for each key, sorted: `key`, `type`, `value`, and `ms` for one that goes by itself."""
    lines = [json.dumps(_read(redis, key), ensure_ascii=False) for key in sorted(redis.keys())]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def fill(redis: Redis, file: Path) -> None:
    """Put everything into an empty store; what goes by itself has as long as it had then."""
    for line in file.read_text(encoding="utf-8").splitlines():
        said = json.loads(line)
        _WRITE[said["type"]](redis, said["key"], said["value"])
        if "ms" in said:
            redis.pexpire(said["key"], said["ms"])


def _read(redis: Redis, key: str) -> dict[str, Any]:
    kind, left = str(redis.type(key)), int(redis.pttl(key))
    found = {"key": key, "type": kind, "value": _READ[kind](redis, key)}
    return found | ({"ms": left} if left > 0 else {})
