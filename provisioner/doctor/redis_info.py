"""What Redis' INFO tells of how it is set up. Pure.

INFO, and not CONFIG GET: the provisioner's user has the right to the one and not to the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from provisioner.doctor.finding import Finding, broken, ok, warning

OLDEST = (6, 2)
# Of maxmemory; beyond it the next fleet may be refused.
_FULL = 0.9
Info = Mapping[str, Any]


def judged(info: Info) -> Iterator[Finding]:
    for what, (field, judge) in _JUDGES.items():
        if field in info:
            yield judge(what, info)
        else:
            said = f"INFO does not report {field}, so it cannot be checked"
            yield warning(what, said, "ask whoever runs this Redis")


def _version(what: str, info: Info) -> Finding:
    said = str(info["redis_version"])
    numbers = tuple(int(number) for number in re.findall(r"\d+", said)[:2])
    if numbers >= OLDEST:
        return ok(what, _named(said, info))
    return broken(what, f"{said} is too old", "upgrade to Redis 6.2 or later")


def _named(said: str, info: Info) -> str:
    """Valkey gives the Redis that it grew from as its redis_version."""
    valkey = info.get("valkey_version")
    return f"Valkey {valkey}, which works as Redis {said}" if valkey else said


def _primary(what: str, info: Info) -> Finding:
    if info["role"] != "master":
        remedy = "point REDIS_URL at the primary: what a replica holds may be hours old"
        return broken(what, "it is a replica, which takes no writes", remedy)
    if "cluster" in (info.get("redis_mode"), info.get("server_mode")):  # Redis', Valkey's
        return broken(
            what,
            "it is a Redis Cluster",
            "use one primary: rolecall's scripts touch many keys at once",
        )
    return ok(what, "a primary")


def _persistence(what: str, info: Info) -> Finding:
    if not info["aof_enabled"]:
        remedy = (
            "appendonly yes in redis.conf, and CONFIG SET appendonly yes as its administrator: "
            "without it a restart loses foreign nodes, launches and the log"
        )
        return broken(what, "the append-only file is off", remedy)
    if info.get("aof_last_write_status", "ok") != "ok":
        remedy = "make space on its disk, and see its log: until then Redis takes no writes"
        return broken(what, "the last write of the append-only file failed", remedy)
    for field in ("aof_last_bgrewrite_status", "rdb_last_bgsave_status"):
        if info.get(field, "ok") != "ok":
            said = f"{field} is {info[field]}"
            return warning(what, said, "see its log: the disk, or the memory for a fork, is short")
    return ok(what, "append-only file on, last write ok")


def _eviction(what: str, info: Info) -> Finding:
    policy = info["maxmemory_policy"]
    if policy == "noeviction":
        return ok(what, "noeviction")
    remedy = (
        "maxmemory-policy noeviction in redis.conf, and CONFIG SET maxmemory-policy noeviction as "
        "its administrator"
    )
    return broken(what, f"{policy}: a Redis that is full forgets nodes", remedy)


def _memory(what: str, info: Info) -> Finding:
    used, most = int(info["used_memory"]), int(info.get("maxmemory", 0))
    if not most:
        return ok(what, f"{_mib(used)} used, no limit")
    said = f"{_mib(used)} of {_mib(most)} used"
    if used < _FULL * most:
        return ok(what, said)
    return warning(what, said, "raise its maxmemory: when it is full, every change is refused")


def _mib(size: int) -> str:
    return f"{size / 2**20:.0f} MiB"


_JUDGES: Mapping[str, tuple[str, Callable[[str, Info], Finding]]] = {
    "Redis: version": ("redis_version", _version),
    "Redis: role": ("role", _primary),
    "Redis: persistence": ("aof_enabled", _persistence),
    "Redis: eviction": ("maxmemory_policy", _eviction),
    "Redis: memory": ("used_memory", _memory),
}
