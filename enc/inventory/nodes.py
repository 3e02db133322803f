"""Nodes: reading them, and the one way to change them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from redis import Redis

from enc.domain.certname import check_certname
from enc.domain.model import ArchivedNode, Node, State, check_transition
from enc.inventory import keys
from enc.inventory.archive import Archive, ArchivePage
from enc.inventory.batch import CHUNK, answers, check_begun, good, hashes, readable
from enc.inventory.codec import archived_from_hash, node_from_hash
from enc.inventory.errors import (
    AlreadyThereError,
    ConflictError,
    CorruptError,
    NotAllRecordedError,
    StoreError,
    StoreLostError,
    StoreUnavailableError,
    translated,
)
from enc.inventory.events import Event
from enc.inventory.node_script import Limits, born, changed, ended, reported, rev_of
from enc.inventory.scripts import Script

_UNCHANGEABLE = frozenset({"certname", "rev"})


class Nodes:
    """Every method raises StoreError's kinds: unavailable, lost, corrupt, conflict.

    Only a store that has its meta answers "there is none"; another, StoreLostError.
    """

    def __init__(self, redis: Redis, limits: Limits | None = None, fence: str = "") -> None:
        self._redis = redis
        self.limits = limits or Limits()
        self._script = Script(redis, "node.lua", fence, parts=("node_keys.lua", "node_checks.lua"))
        self._archive = Archive(redis)

    def get(self, certname: str) -> Node | None:
        return next(iter(self.many([certname])), None)

    def many(self, certnames: Sequence[str]) -> list[Node]:
        """The nodes that are there, in the order asked; a few round trips for any number."""
        found = hashes(self._redis, [keys.node(name) for name in certnames])
        nodes = [node_from_hash(n, h) for n, h in zip(certnames, found, strict=True) if h]
        if len(nodes) < len(certnames):
            check_begun(self._redis)
        return nodes

    def readable(self, certnames: Sequence[str]) -> tuple[dict[str, Node], dict[str, StoreError]]:
        """Those that are there, by certname, and what is wrong with those that are damaged."""
        nodes: dict[str, Node] = {}
        spoilt: dict[str, StoreError] = {}
        found = readable(self._redis, "HGETALL", [keys.node(name) for name in certnames])
        for name, fields in zip(certnames, found, strict=True):
            try:
                if fields:
                    nodes[name] = node_from_hash(name, good(fields))
            except CorruptError as error:
                spoilt[name] = error
        if len(nodes) < len(certnames):
            check_begun(self._redis)
        return nodes, spoilt

    def archived(self, certname: str) -> ArchivedNode | None:
        [found] = hashes(self._redis, [keys.archive(certname)])
        if not found:
            check_begun(self._redis)
        return archived_from_hash(certname, found) if found else None

    def archive_page(
        self,
        limit: int,
        cursor: str | None = None,
        *,
        since: datetime | None = None,
        role: str | None = None,
        spoilt: Callable[[CorruptError], object] | None = None,
    ) -> ArchivePage:
        """The last ones to end, latest first, of those that ended at ``since`` or later.

        ``spoilt`` is told of the damaged, which are passed over; without it they are an error.
        Raises BadCursorError, and ValueError for a limit below 1.
        """
        return self._archive.page(limit, cursor, since=since, role=role, spoilt=spoilt)

    def archived_since(
        self,
        time: datetime,
        *,
        role: str | None = None,
        spoilt: Callable[[CorruptError], object] | None = None,
    ) -> Iterator[ArchivedNode]:
        """Latest end first, read in chunks: memory does not grow with their number.

        ``spoilt`` is told of the damaged, which are passed over; without it they are an error.
        """
        return self._archive.every(since=time, role=role, spoilt=spoilt)

    def named(self, name: str) -> str | None:
        """The certname of the newest live machine with this DNS name or ``<vpc>:<ip>``."""
        key = keys.name(name)
        with translated(key):
            found: Any = self._redis.get(key)
        if found is None:
            check_begun(self._redis)
        return found if isinstance(found, str) else None

    def of_launch(self, launch: str, role: str) -> list[Node]:
        return [node for node in self.of_role(role) if node.launch == launch]

    def ended(self, certnames: Sequence[str]) -> frozenset[str]:
        """Those of them that are archived."""
        commands = [("EXISTS", keys.archive(name)) for name in certnames]
        found: list[Any] = []
        for start in range(0, len(commands), CHUNK):
            found += answers(self._redis, commands[start : start + CHUNK], keys.ARCHIVED)
        if not any(found):
            check_begun(self._redis)
        return frozenset(n for n, there in zip(certnames, found, strict=True) if there == 1)

    def of_role(self, role: str) -> list[Node]:
        """Oldest launch first."""
        key = keys.nodes_of_role(role)
        with translated(key):
            names: Any = self._redis.zrange(key, 0, -1)
        if not names:
            check_begun(self._redis)
        return self.many(names)

    def create(self, node: Node, event: Event, *, init: bool = False) -> Node:
        """Record a new node. Raises AlreadyThereError; ArchivedError for a machine that ended."""
        [answer] = self._script.each([self._born(node, event, init=init)])
        return replace(node, rev=rev_of(node, answer))

    def create_many(self, nodes: Iterable[tuple[Node, Event]], *, init: bool = False) -> list[Node]:
        """Record several machines in few round trips; all of them, in the order asked.

        Safe to repeat: a machine that is there already (the same instance id, recorded by an
        earlier try or adopted by somebody else) is returned as the store has it. So after
        StoreUnavailableError, when any of them may have been written, call it again with the same.
        NotAllRecordedError, once everything else is written, names those that never can be.
        """
        asked = list(nodes)
        answers = self._script.each([self._born(node, event, init=init) for node, event in asked])
        recorded: list[Node] = []
        refused: dict[str, StoreError] = {}
        for (node, _), answer in zip(asked, answers, strict=True):
            try:
                recorded.append(self._recorded(node, answer))
            except (StoreLostError, StoreUnavailableError):
                raise
            except StoreError as error:
                refused[node.certname] = error
        if refused:
            raise NotAllRecordedError(recorded, refused)
        return recorded

    def change(self, node: Node, event: Event, **changes: Any) -> Node:
        """Change what was read as ``node``.

        Raises IllegalTransitionError before anything is asked of Redis, and ConflictError when
        the node is no longer what was read.
        """
        new = _changed(node, event.at, changes)
        [answer] = self._script.each([changed(node, new, event, self.limits)])
        return replace(new, rev=rev_of(node, answer))

    def change_many(self, changes: Iterable[tuple[Node, Event, dict[str, Any]]]) -> list[Node]:
        """Change several in few round trips; those that changed meanwhile are left out.

        An error of another kind is raised when all have been tried.
        """
        found = self.change_each(changes)
        errors = [one for one in found if isinstance(one, StoreError)]
        if grave := [error for error in errors if not isinstance(error, ConflictError)]:
            raise grave[0]
        return [one for one in found if isinstance(one, Node)]

    def change_each(
        self, changes: Iterable[tuple[Node, Event, dict[str, Any]]]
    ) -> list[Node | StoreError]:
        """Change several in few round trips: each as it is now, or why it is not changed.

        Raises only what holds for all of them: the store is away, or the lease lost.
        """
        asked = [(node, _changed(node, event.at, ch), event) for node, event, ch in changes]
        commands = [changed(node, new, event, self.limits) for node, new, event in asked]
        found: list[Node | StoreError] = []
        for (node, new, _), answer in zip(asked, self._script.each(commands), strict=True):
            try:
                found.append(replace(new, rev=rev_of(node, answer)))
            except StoreError as error:
                found.append(error)
        return found

    def report(
        self, node: Node, run: str, at: datetime, event: Event | None, **changes: Any
    ) -> Node:
        """Change what was read as ``node``, and add ``run`` (JSON) to its last runs; as ``change``.

        Without an event nobody is told: a node reports twice an hour, mostly the same.
        """
        new = _changed(node, at, changes)
        [answer] = self._script.each(
            [reported(node, new, run=run, at=at, event=event, limits=self.limits)]
        )
        return replace(new, rev=rev_of(node, answer))

    def archive(self, node: Node, event: Event) -> None:
        """End a node: out of every index, into the archive; ``event.why`` is the reason kept.

        Safe to repeat: a machine that somebody has archived meanwhile has ended, and that is all.
        """
        check_transition(node.certname, node.state, State.ARCHIVED)
        [answer] = self._script.each([ended(node, event, self.limits)])
        try:
            rev_of(node, answer)
        except ConflictError:
            if not self._has_ended(node):
                raise

    def _born(self, node: Node, event: Event, *, init: bool) -> str:
        check_certname(node.certname)
        if node.state is State.ARCHIVED:
            raise ValueError(f"{node.certname} cannot begin as archived")
        return born(node, event, self.limits, init=init)

    def _recorded(self, node: Node, answer: Any) -> Node:
        """The node as it was recorded now, or before as the very same machine."""
        try:
            return replace(node, rev=rev_of(node, answer))
        except AlreadyThereError:
            there = self.get(node.certname)
            if there and node.instance_id and there.instance_id == node.instance_id:
                return there
            raise

    def _has_ended(self, node: Node) -> bool:
        ended = self.archived(node.certname)
        same = ended is not None and ended.node.instance_id == node.instance_id
        return same and self.get(node.certname) is None


def _changed(node: Node, at: datetime, changes: dict[str, Any]) -> Node:
    if kept := _UNCHANGEABLE & changes.keys():
        raise ValueError(f"{', '.join(sorted(kept))} of a node cannot be changed")
    new_state = changes.get("state", node.state)
    check_transition(node.certname, node.state, new_state)
    if new_state != node.state:
        changes = {"state_since": at, **changes}
    return replace(node, **changes)
