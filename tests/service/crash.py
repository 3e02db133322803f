"""A process that dies at one of its calls to EC2, Redis, the CA or PuppetDB: before or after it.

The dead make no further calls, whatever ``finally`` they meet on their way out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from redis import Redis

from enc.inventory import Inventory
from enc.inventory.connect import Client
from provisioner.context import Context
from provisioner.ports.ec2 import Cloud
from provisioner.ports.puppet import CA, PuppetDB

# Asks nobody.
_SILENT = frozenset({"skew"})


class DiedError(BaseException):
    """What a process that was killed does next: nothing."""


@dataclass
class Fate:
    """Dies at call ``number`` (from 1), or never; ``after`` the work, and before its answer."""

    number: int = 0
    after: bool = False
    dead: bool = False
    calls: list[str] = field(default_factory=list)

    def around(self, name: str, act: Callable[[], Any]) -> Any:
        if self.dead:
            raise DiedError
        self.calls.append(name)
        now = len(self.calls) == self.number
        if now and not self.after:
            self.die()
        answer = act()
        if now:
            self.die()
        return answer

    def die(self) -> None:
        self.dead = True
        raise DiedError


@dataclass
class Sleeper(Fate):
    """Sleeps in the middle of call ``number``: ``meanwhile`` happens, and then the call is made."""

    meanwhile: Callable[[], object] = lambda: None

    def around(self, name: str, act: Callable[[], Any]) -> Any:
        self.calls.append(name)
        if len(self.calls) == self.number:
            self.meanwhile()
        return act()


@dataclass
class Mortal:
    """A port whose calls are counted."""

    name: str
    port: Any
    fate: Fate

    def guarded(self, check: Callable[[], None]) -> Mortal:
        return replace(self, port=self.port.guarded(check))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        found = getattr(self.port, name)
        if name in _SILENT:
            return cast("Callable[..., Any]", found)

        def call(*arguments: Any, **named: Any) -> Any:
            said = f"{self.name}.{name}"
            return self.fate.around(said, lambda: found(*arguments, **named))

        return call


class MortalRedis(Client):
    """Counts each round trip."""

    fate: Fate

    def execute_command(self, *arguments: Any, **options: Any) -> Any:
        run = super().execute_command
        said = f"redis.{arguments[0]}"
        return self.fate.around(said, lambda: run(*arguments, **options))

    def pipeline(self, *arguments: Any, **options: Any) -> Any:
        pipe = super().pipeline(*arguments, **options)
        execute = pipe.execute
        pipe.execute = lambda **more: self.fate.around("redis.pipeline", lambda: execute(**more))
        return pipe


def mortal(context: Context, fate: Fate) -> Context:
    """The same context, in which each call may be the last."""
    ca, puppetdb = context.ca, context.puppetdb
    return replace(
        context,
        inventory=Inventory.on(_mortal_redis(context.inventory.redis, fate)),
        cloud=cast("Cloud", Mortal("ec2", context.cloud, fate)),
        ca=cast("CA", Mortal("ca", ca, fate)) if ca else None,
        puppetdb=cast("PuppetDB", Mortal("puppetdb", puppetdb, fate)) if puppetdb else None,
    )


def _mortal_redis(redis: Redis, fate: Fate) -> MortalRedis:
    made = MortalRedis(connection_pool=redis.connection_pool)
    made.fate = fate
    return made
