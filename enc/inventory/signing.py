"""Judging a certificate request: what the inventory says, the verdict, and its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from redis import Redis

from enc.domain.certname import check_certname
from enc.domain.model import Node
from enc.domain.trust import ACCEPTED, REFUSED, Claim, LaunchKey, Reason, Verdict, judge
from enc.inventory import keys
from enc.inventory.clock import redis_now
from enc.inventory.errors import (
    ConflictError,
    CorruptError,
    StoreError,
    StoreLostError,
    translated,
)
from enc.inventory.events import LIFE_LENGTH, MAX_LENGTH, Event, dumps, flat
from enc.inventory.health import check_ready
from enc.inventory.launches import Launches
from enc.inventory.nodes import Nodes
from enc.inventory.scripts import Script
from enc.inventory.writes import Writes

# A node may change between the look and the writing of its key: by its first report, by converge.
_TRIES = 5
_KEY_SHOWN = 16


class Signing:
    """The signing policy over a store. Raises StoreError's kinds: then nothing is judged."""

    def __init__(self, redis: Redis, nodes: Nodes, launches: Launches, fence: str = "") -> None:
        self._redis, self._nodes, self._launches = redis, nodes, launches
        self._script = Script(redis, "verdict.lua", fence)
        self._writes = Writes(redis, fence)

    def judge(self, certname: str, pem: bytes, *, site: str, who: str) -> Verdict:
        """The verdict, as it is recorded; ``sign`` only once the key is written down as the node's.

        Two keys at once: one is written, and the other finds it there. Raises
        ImpossibleCertnameError.
        """
        check_certname(certname)
        for _ in range(_TRIES):
            claim = self._claim(certname, site)
            verdict = judge(certname, pem, claim)
            if claim.node is None or verdict.reason is not Reason.OURS:
                self._note(certname, claim, verdict, who)
                return verdict
            try:
                self._keep_key(claim.node, claim, verdict, who)
            except ConflictError:
                continue
            return verdict
        raise ConflictError(
            f"{certname} was changed by someone else each of the {_TRIES} times that it was read; "
            "try again"
        )

    def note(self, event: Event) -> None:
        """What was done at the CA because of a verdict, in the log and in the node's life."""
        life = keys.life(event.node)
        entry = dumps(event.to_fields())
        commands = [["RPUSHX", life, entry], ["LTRIM", life, f"-{LIFE_LENGTH}", "-1"]]
        self._writes.write(commands, [event])

    def _claim(self, certname: str, site: str) -> Claim:
        check_ready(self._redis, site)
        node = self._with_key(self._nodes.get(certname)) or self._ended(certname)
        launch = self._launch_key(node) if node and node.launch else None
        now = redis_now(self._redis)
        # Again: a store that is lost meanwhile must not be taken for one that never knew the node.
        check_ready(self._redis, site)
        return Claim(now=now, node=node, launch=launch)

    def _with_key(self, node: Node | None) -> Node | None:
        """The key that was written once counts, whatever somebody has made of the node since.

        Nodes of version 0.1.0 have it in their hash alone.
        """
        if node is None:
            return None
        key = keys.signed(node.certname)
        with translated(key):
            found: Any = self._redis.get(key)
        return replace(node, csr_key=found) if found else node

    def _ended(self, certname: str) -> Node | None:
        found = self._nodes.archived(certname)
        return found.node if found else None

    def _launch_key(self, node: Node) -> LaunchKey | None:
        launch = self._launches.get(node.launch)
        if launch is None:
            return None
        return LaunchKey(launch=launch.id, key=launch.key, expires=launch.key_expires)

    def _keep_key(self, node: Node, claim: Claim, verdict: Verdict, who: str) -> None:
        event = Event(what=ACCEPTED, who=who, at=claim.now, why=verdict.why, more=_details(verdict))
        self._nodes.change(node, event, csr_key=verdict.key)

    def _note(self, certname: str, claim: Claim, verdict: Verdict, who: str) -> None:
        node = claim.node
        event = Event(
            what=ACCEPTED if verdict.sign else REFUSED,
            who=who,
            at=claim.now,
            why=_why(certname, verdict),
            node=certname,
            role=node.role if node else "",
            launch=node.launch if node else "",
            more=_details(verdict),
        )
        told = {
            "certname": certname,
            "reason": verdict.reason.value,
            "known": node is not None,
            "event": flat(event),
            "now": claim.now.timestamp(),
            "limits": {"life": str(LIFE_LENGTH), "events": str(MAX_LENGTH)},
        }
        match self._script.run([], dumps(told)):
            case ["logged"] | ["counted"]:
                return
            case ["lost"]:
                raise StoreLostError
            case ["wrong", str(key)]:
                raise CorruptError(key, "has a value of the wrong type")
            case other:
                raise StoreError(f"verdict.lua answered {other!r}; is another version there?")


def _why(certname: str, verdict: Verdict) -> str:
    """An event says by itself whom it is about."""
    return verdict.why.removeprefix(f"{certname}: ")


def _details(verdict: Verdict) -> Mapping[str, str]:
    """Enough of the key's fingerprint to tell two apart."""
    return {"reason": verdict.reason.value, "key": verdict.key[:_KEY_SHOWN]}
