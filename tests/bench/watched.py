"""What a client asks of Redis: how often it waits for an answer, and how long Redis is at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis import Redis

# More commands than a pass has.
_LENGTH = 10_000
_OVER_ALL_KEYS = frozenset({"cmdstat_keys", "cmdstat_scan"})


@dataclass(frozen=True)
class Asked:
    """``took``: each command, a script being one, and its milliseconds by Redis' own clock.

    ``cpu`` is Redis', in seconds; ``over_all_keys`` counts the kinds of commands that are.
    """

    trips: int
    took: Mapping[bytes, float]
    cpu: float
    over_all_keys: int


class Watched:
    """Counts from ``begin`` on. Made before the client has connected."""

    def __init__(self, redis: Redis, observer: Redis) -> None:
        self._observer, self.trips, self._cpu = observer, 0, 0.0
        pool: Any = redis.connection_pool
        watched, plain = self, pool.connection_class

        class Counting(plain):  # type: ignore[misc]
            def send_packed_command(self, *args: Any, **options: Any) -> Any:
                watched.trips += 1
                return super().send_packed_command(*args, **options)

        pool.connection_class = Counting

    def begin(self) -> None:
        self._observer.config_set("slowlog-max-len", _LENGTH)
        self._observer.config_set("slowlog-log-slower-than", 0)
        self._observer.config_resetstat()
        self._observer.slowlog_reset()
        self.trips, self._cpu = 0, self._used()

    def found(self) -> Asked:
        trips, cpu = self.trips, self._used() - self._cpu
        took: dict[bytes, float] = {}
        for entry in self._observer.slowlog_get(_LENGTH):
            took[entry["command"]] = max(took.get(entry["command"], 0), entry["duration"] / 1000)
        used = self._observer.info("commandstats").keys()
        return Asked(trips, took, cpu, len(used & _OVER_ALL_KEYS))

    def _used(self) -> float:
        said = self._observer.info("cpu")
        return float(said["used_cpu_user"] + said["used_cpu_sys"])


def longest(passes: list[Asked]) -> float:
    """Of the commands that every pass has, by the pass in which each was quickest.

    What made it wait in one pass only was another program.
    """
    common = set[bytes].intersection(*(set(one.took) for one in passes))
    return max(min(one.took[command] for one in passes) for command in common)
