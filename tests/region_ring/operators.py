"""Operators: each with an AWS region, a Redis database and a site of their own; many at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from enc.inventory import connect
from tests.region.handle import Region
from tests.region_ring.cli import Operator
from tests.servers import RedisServer

# Processes at once: they mostly wait.
AT_ONCE = 6
# Regions with zones a, b and c.
PLACES = (
    *("us-east-1", "us-east-2", "us-west-2", "eu-west-1", "eu-west-2", "eu-west-3"),
    *("eu-central-1", "eu-central-2", "eu-north-1", "eu-south-1", "eu-south-2", "ap-south-1"),
    *("ap-south-2", "ap-east-1", "ap-northeast-3", "ap-southeast-1", "ap-southeast-2"),
    *("ap-southeast-3", "ap-southeast-4", "ca-west-1", "sa-east-1", "me-south-1"),
    *("me-central-1", "af-south-1", "il-central-1", "mx-central-1"),
)
T, R = TypeVar("T"), TypeVar("R")


@dataclass
class Operators:
    """Makes operators, each in the next region and database.

    ``alone``: each of them remembers that no other region is in use, which spares its doctor
    dozens of clients.
    """

    region: Region
    server: RedisServer
    folder: Path
    alone: bool = False
    made: list[Operator] = field(default_factory=list)

    @classmethod
    @contextmanager
    def open(cls, region: Region, folder: Path, *, alone: bool = False) -> Iterator[Operators]:
        region.reset()
        server = RedisServer(folder / "redis", options=("--databases", str(len(PLACES)))).start()
        found = cls(region, server, folder, alone)
        try:
            yield found
        finally:
            for one in found.made:
                one.redis.close()
            server.stop()
        assert region.crashes() == []

    def new(self, *, begun: bool = True, roles: bool = True) -> Operator:
        number, place = len(self.made), PLACES[len(self.made)]
        folder = self.folder / place
        folder.mkdir()
        url = f"redis://127.0.0.1:{self.server.port}/{number}"
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        mine = {"HOME": str(folder), "REDIS_URL": url, "ROLECALL_SITE": place}
        operator = Operator(
            region=self.region,
            world=self.region.seed(place),
            redis=connect(url, timeout=5),
            env={**kept, **self.region.env(place), **mine},
            folder=folder,
        )
        self.made.append(operator)
        if begun:
            operator.begin()
        if begun and self.alone:
            operator.redis.hset("meta", "regions", place)
        return operator.apply() if begun and roles else operator


def in_parallel(act: Callable[[T], R], cases: Iterable[T]) -> list[R]:
    """Each case in a thread of its own, a few at a time; all are tried, then the errors raised."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(act, case) for case in cases]
    errors = [error for one in futures if (error := one.exception())]
    if errors:
        raise BaseExceptionGroup("some cases failed", errors)
    return [one.result() for one in futures]
