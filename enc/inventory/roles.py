"""Roles as they were last applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from redis import Redis

from enc.inventory import keys
from enc.inventory.batch import GoneError, Hash, check_begun, good, hash_of, hashes, readable
from enc.inventory.codec import role_from_hash, role_to_hash, whole
from enc.inventory.errors import (
    ConflictError,
    CorruptError,
    StoreError,
    StoreLostError,
    translated,
)
from enc.inventory.events import Event
from enc.inventory.scripts import Script
from enc.inventory.writes import Command, Writes, hset
from enc.model import Role

# Each try is lost only when another apply has won meanwhile.
_TRIES = 20


class RoleInUseError(StoreError):
    """A role that nodes still have cannot be removed: Puppet would no longer know them."""


@dataclass(frozen=True, kw_only=True)
class Applied:
    """Which roles an apply wrote, which it removed, and which stood as they were."""

    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]


class Roles:
    """Only a store that has its meta answers "there is none"; another, StoreLostError."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._read_all = Script(redis, "roles.lua")
        self._writes = Writes(redis)

    def get(self, name: str) -> Role | None:
        [found] = hashes(self._redis, [keys.role(name)])
        if not found:
            check_begun(self._redis)
        return role_from_hash(name, found) if found else None

    def names(self) -> list[str]:
        with translated(keys.ROLES):
            found: Any = self._redis.smembers(keys.ROLES)
        if not found:
            check_begun(self._redis)
        return sorted(found)

    def all(self) -> dict[str, Role]:
        """Every role by name, as of one moment."""
        _, found = self._stored()
        return {name: role_from_hash(name, found[name]) for name in sorted(found) if found[name]}

    def readable(self) -> tuple[dict[str, Role], dict[str, StoreError]]:
        """Every role by name, and what is wrong with those that are damaged."""
        roles: dict[str, Role] = {}
        spoilt: dict[str, StoreError] = {}
        for name, fields in sorted(self._raw().items()):
            try:
                roles[name] = role_from_hash(name, good(fields or GoneError(keys.role(name))))
            except CorruptError as error:
                spoilt[name] = error
        return roles, spoilt

    def _raw(self) -> dict[str, Hash]:
        try:
            return self._answered()[1]
        except CorruptError:
            # Text that is not UTF-8 ends the whole answer; one by one we learn whose it is.
            names = self.names()
            found = readable(self._redis, "HGETALL", [keys.role(name) for name in names])
            return dict(zip(names, found, strict=True))

    def counts(self, names: Sequence[str]) -> dict[str, dict[str, int]]:
        """Per role, how many nodes per ``kind:state:market``."""
        found = list(hashes(self._redis, [keys.fleet(name) for name in names]))
        if not any(found):
            check_begun(self._redis)
        pairs = zip(names, found, strict=True)
        return {name: _numbers(keys.fleet(name), counted) for name, counted in pairs}

    def apply(self, roles: Sequence[Role], event: Event, *, prune: bool = False) -> Applied:
        """Store these definitions, all or none. ``event`` gives who and when.

        With ``prune``, roles that are not among these are removed; RoleInUseError when one of
        them still has nodes. ConflictError when others keep applying at the same time.
        """
        for _ in range(_TRIES):
            rev, stored = self._stored()
            plan = _plan({role.name: role for role in roles}, stored, event, prune=prune)
            if self._written(plan, rev):
                return plan.applied
        raise ConflictError("others are applying roles at the same time; see what they did first")

    def _stored(self) -> tuple[str, dict[str, dict[str, str]]]:
        """``roles_rev`` as text and each role's hash."""
        try:
            rev, found = self._answered()
        except CorruptError:
            # Some text in the answer is not UTF-8: one by one we learn whose.
            list(hashes(self._redis, [keys.role(name) for name in self.names()]))
            raise
        return rev, {name: good(fields) for name, fields in found.items()}

    def _answered(self) -> tuple[str, dict[str, Hash]]:
        answer = self._read_all.run([])
        match answer:
            case ["ok", rev, *found]:
                return rev, {name: hash_of(keys.role(name), fields) for name, fields in found}
            case ["lost"]:
                raise StoreLostError
            case ["wrong", key]:
                raise CorruptError(key, "has a value of the wrong type")
        raise StoreError(f"roles.lua answered {answer!r}; is another version there?")

    def _written(self, plan: _Plan, rev: str) -> bool:
        """Whether nobody else had changed roles since ``rev``."""
        if not plan.commands:
            return True
        gone = plan.applied.removed
        # A node may get one of these roles between our reading and our writing.
        unused: list[tuple[Command, str]] = [(["ZCARD", keys.nodes_of_role(n)], "0") for n in gone]
        bump = hset(keys.META, {"roles_rev": str(whole(keys.META, "roles_rev", rev or "0") + 1)})
        same = [(["HGET", keys.META, "roles_rev"], rev), *unused]
        differs = self._writes.write([*plan.commands, bump], plan.events, same=same)
        if differs:
            raise self._in_use(gone[differs - 1])
        return differs is None

    def _in_use(self, name: str) -> RoleInUseError:
        with translated(keys.nodes_of_role(name)):
            count = self._redis.zcard(keys.nodes_of_role(name))
        return RoleInUseError(
            f"role {name} still has {count} node(s) and cannot be removed; see "
            f"'provisioner ls --role {name}', then retire them or assign them another role"
        )


@dataclass(frozen=True, kw_only=True)
class _Plan:
    applied: Applied
    commands: Sequence[Command]
    events: Sequence[Event]


def _plan(
    wanted: Mapping[str, Role],
    stored: Mapping[str, Mapping[str, str]],
    event: Event,
    *,
    prune: bool,
) -> _Plan:
    changed = [
        _next(role, stored.get(name, {}), event)
        for name, role in wanted.items()
        if _differs(role, stored.get(name, {}))
    ]
    names = {role.name for role in changed}
    removed = tuple(sorted(name for name in stored if prune and name not in wanted))
    return _Plan(
        applied=Applied(
            changed=tuple(role.name for role in changed),
            removed=removed,
            unchanged=tuple(name for name in wanted if name not in names),
        ),
        commands=[*_writing(changed), *_removing(removed)],
        events=[
            *(_applied_event(role, event) for role in changed),
            *(replace(event, what="role removed", role=name) for name in removed),
        ],
    )


def _next(role: Role, old: Mapping[str, str], event: Event) -> Role:
    rev = whole(keys.role(role.name), "rev", old.get("rev") or "0") + 1
    return replace(role, rev=rev, applied_at=event.at, applied_by=event.who)


def _differs(new: Role, old: Mapping[str, str]) -> bool:
    fresh = role_to_hash(new)
    return any(fresh[field] != old.get(field) for field in ("definition", "spec_hash"))


def _applied_event(role: Role, event: Event) -> Event:
    return replace(event, what="role applied", role=role.name, more={"rev": str(role.rev)})


def _writing(changed: Sequence[Role]) -> list[Command]:
    hashes_ = [hset(keys.role(role.name), role_to_hash(role)) for role in changed]
    return [*hashes_, *(["SADD", keys.ROLES, role.name] for role in changed)]


def _removing(names: Sequence[str]) -> list[Command]:
    deletions = [["DEL", keys.role(name)] for name in names]
    return [*deletions, *(["SREM", keys.ROLES, name] for name in names)]


def _numbers(key: str, counted: Mapping[str, str]) -> dict[str, int]:
    return {field: whole(key, field, text) for field, text in counted.items()}
