"""Nodes: reading them, and the one way to change them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from importlib.resources import files
from typing import Any

from redis import Redis

from enc.inventory import keys
from enc.inventory.codec import archived_from_hash, iso, node_from_hash, node_to_hash, score
from enc.inventory.errors import (
    AlreadyThereError,
    ArchivedError,
    ConflictError,
    CorruptError,
    StoreLostError,
    translated,
)
from enc.inventory.events import Event, dumps, flat
from enc.model import ArchivedNode, Node, State, check_transition

ARCHIVE_LIFE = timedelta(days=400)
_READ_CHUNK = 500


def lua(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


class Nodes:
    """Every method raises StoreError's kinds: unavailable, lost, corrupt, conflict."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._change = redis.register_script(lua("node.lua"))

    def get(self, certname: str) -> Node | None:
        key = keys.node(certname)
        with translated(key):
            found: Any = self._redis.hgetall(key)
        return node_from_hash(certname, found) if found else None

    def many(self, certnames: Sequence[str]) -> list[Node]:
        """The nodes that are there, in the order asked; a few round trips for any number."""
        found = []
        for start in range(0, len(certnames), _READ_CHUNK):
            chunk = certnames[start : start + _READ_CHUNK]
            hashes = self._hashes([keys.node(name) for name in chunk])
            found += [node_from_hash(n, h) for n, h in zip(chunk, hashes, strict=True) if h]
        return found

    def archived(self, certname: str) -> ArchivedNode | None:
        key = keys.archive(certname)
        with translated(key):
            found: Any = self._redis.hgetall(key)
        return archived_from_hash(certname, found) if found else None

    def lately_archived(self, count: int, role: str | None = None) -> list[ArchivedNode]:
        """The last ones to end, latest first."""
        with translated(keys.ARCHIVED):
            names: Any = self._redis.zrange(keys.ARCHIVED, 0, -1 if role else count - 1, desc=True)
        hashes = self._hashes([keys.archive(name) for name in names])
        ended = [archived_from_hash(n, h) for n, h in zip(names, hashes, strict=True) if h]
        return [one for one in ended if role in (None, one.node.role)][:count]

    def named(self, name: str) -> str | None:
        """The certname of the newest live machine with this DNS name or ``<vpc>:<ip>``."""
        key = keys.name(name)
        with translated(key):
            found: Any = self._redis.get(key)
        return found if isinstance(found, str) else None

    def of_launch(self, launch: str, role: str) -> list[Node]:
        return [node for node in self.of_role(role) if node.launch == launch]

    def of_role(self, role: str) -> list[Node]:
        key = keys.nodes_of_role(role)
        with translated(key):
            names: Any = self._redis.zrange(key, 0, -1)
        return self.many(names)

    def create(self, node: Node, event: Event, *, init: bool = False) -> Node:
        """Record a new node. Raises AlreadyThereError; ArchivedError for a machine that ended."""
        return self.create_many([(node, event)], init=init)[0]

    def create_many(self, born: Iterable[tuple[Node, Event]], *, init: bool = False) -> list[Node]:
        """Record several in one round trip. What one of them raises does not undo the others."""
        asked = list(born)
        with translated(), self._redis.pipeline(transaction=False) as pipe:
            for node, event in asked:
                self._change(args=[_command(node, event, expect=0, init=init)], client=pipe)
            answers = pipe.execute(raise_on_error=True)
        pairs = zip(asked, answers, strict=True)
        return [replace(node, rev=_rev(node, answer)) for (node, _), answer in pairs]

    def change(self, node: Node, event: Event, **changes: Any) -> Node:
        """Change what was read as ``node``.

        Raises IllegalTransitionError before anything is asked of Redis, and ConflictError when
        the node is no longer what was read.
        """
        new = _changed(node, event.at, changes)
        with translated(keys.node(node.certname)):
            answer: Any = self._change(args=[_command(new, event, expect=node.rev)])
        return replace(new, rev=_rev(node, answer))

    def change_many(self, changed: Iterable[tuple[Node, Event, dict[str, Any]]]) -> list[Node]:
        """Change several in one round trip; those that changed meanwhile are left out."""
        asked = [(_changed(node, event.at, ch), node, event) for node, event, ch in changed]
        with translated(), self._redis.pipeline(transaction=False) as pipe:
            for new, node, event in asked:
                self._change(args=[_command(new, event, expect=node.rev)], client=pipe)
            answers = pipe.execute(raise_on_error=True)
        done = []
        for (new, node, _), answer in zip(asked, answers, strict=True):
            try:
                done.append(replace(new, rev=_rev(node, answer)))
            except ConflictError:
                continue
        return done

    def archive(self, node: Node, event: Event) -> None:
        """End a node: out of every index, into the archive; ``event.why`` is the reason kept."""
        check_transition(node.certname, node.state, State.ARCHIVED)
        command = _command(None, event, expect=node.rev, certname=node.certname)
        with translated(keys.node(node.certname)):
            answer: Any = self._change(args=[command])
        _rev(node, answer)

    def _hashes(self, hash_keys: Sequence[str]) -> list[dict[str, str]]:
        if not hash_keys:
            return []
        with translated(hash_keys[0]), self._redis.pipeline(transaction=False) as pipe:
            for key in hash_keys:
                pipe.hgetall(key)
            answers = pipe.execute(raise_on_error=True)
        return list(answers)


def _changed(node: Node, at: datetime, changes: dict[str, Any]) -> Node:
    new_state = changes.get("state", node.state)
    check_transition(node.certname, node.state, new_state)
    if new_state != node.state:
        changes = {"state_since": at, **changes}
    return replace(node, **changes)


def _command(
    node: Node | None, event: Event, *, expect: int, init: bool = False, certname: str = ""
) -> str:
    command: dict[str, Any] = {
        "certname": node.certname if node else certname,
        "expect": str(expect),
        "event": flat(event),
        "at": iso(event.at),
    }
    if node is not None:
        command |= {"set": node_to_hash(node), "score": score(node.launched_at)}
    else:
        command["ending"] = {
            "ended_at": iso(event.at),
            "epoch": score(event.at),
            "reason": event.why,
            "oldest": score(event.at - ARCHIVE_LIFE),
        }
    if init:
        command["init"] = True
    return dumps(command)


def _rev(node: Node, answer: list[str]) -> int:
    """The new rev, or the error that node.lua answered."""
    match answer:
        case ["ok", rev]:
            return int(rev)
        case ["lost"]:
            raise StoreLostError
        case ["wrong", key]:
            raise CorruptError(key, "has a value of the wrong type")
        case ["archived"]:
            raise ArchivedError(f"{node.certname} has ended and is archived; it never comes back")
        case ["conflict", rev] if node.rev == 0:
            raise AlreadyThereError(f"{node.certname} is already in the inventory, at rev {rev}")
        case _:
            msg = f"{node.certname} was changed by someone else since it was read; try again"
            raise ConflictError(msg)
