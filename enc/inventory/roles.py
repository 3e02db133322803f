"""Roles as they were last applied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from redis import Redis

from enc.inventory import keys
from enc.inventory.codec import role_from_hash, role_to_hash
from enc.inventory.connect import transact
from enc.inventory.errors import StoreError, StoreLostError, translated
from enc.inventory.events import Event, append
from enc.model import Role


class RoleInUseError(StoreError):
    """A role that nodes still have cannot be removed: Puppet would no longer know them."""


@dataclass(frozen=True, kw_only=True)
class Applied:
    """Which roles an apply wrote, which it removed, and which stood as they were."""

    changed: tuple[str, ...]
    removed: tuple[str, ...]
    unchanged: tuple[str, ...]


class Roles:
    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def get(self, name: str) -> Role | None:
        key = keys.role(name)
        with translated(key):
            found: Any = self._redis.hgetall(key)
        return role_from_hash(name, found) if found else None

    def names(self) -> list[str]:
        with translated(keys.ROLES):
            found: Any = self._redis.smembers(keys.ROLES)
        return sorted(found)

    def all(self) -> dict[str, Role]:
        """Every role by name, as of one moment."""
        with translated(keys.ROLES):
            return transact(self._redis, _read_all, keys.ROLES)

    def counts(self, names: Sequence[str]) -> dict[str, dict[str, int]]:
        """Per role, how many nodes per ``kind:state:market``."""
        if not names:
            return {}
        with translated("fleet:*"), self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hgetall(keys.fleet(name))
            answers = pipe.execute()
        pairs = zip(names, answers, strict=True)
        return {name: {k: int(v) for k, v in found.items()} for name, found in pairs}

    def apply(self, roles: Sequence[Role], event: Event, *, prune: bool = False) -> Applied:
        """Store these definitions, all or none. ``event`` gives who and when.

        With ``prune``, roles that are not among these are removed; RoleInUseError when one of
        them still has nodes.
        """
        wanted = {role.name: role for role in roles}
        watched = [keys.META, keys.ROLES, *(keys.role(name) for name in wanted)]

        def act(pipe: Any) -> Applied:
            return _apply(pipe, wanted, event, prune=prune)

        with translated(keys.ROLES):
            return transact(self._redis, act, *watched)


def _read_all(pipe: Any) -> dict[str, Role]:
    names = sorted(pipe.smembers(keys.ROLES))
    hashes = {name: pipe.hgetall(keys.role(name)) for name in names}
    pipe.multi()
    return {name: role_from_hash(name, found) for name, found in hashes.items() if found}


def _apply(pipe: Any, wanted: Mapping[str, Role], event: Event, *, prune: bool) -> Applied:
    if not pipe.exists(keys.META):
        raise StoreLostError
    there = sorted(pipe.smembers(keys.ROLES))
    gone = [name for name in there if name not in wanted] if prune else []
    _refuse_in_use(pipe, gone)
    old = {name: pipe.hgetall(keys.role(name)) for name in wanted}
    new = {name: _next(role, old[name], event) for name, role in wanted.items()}
    changed = [name for name in wanted if _differs(new[name], old[name])]
    pipe.multi()
    _write(pipe, [new[name] for name in changed], gone, event)
    unchanged = tuple(name for name in wanted if name not in changed)
    return Applied(changed=tuple(changed), removed=tuple(gone), unchanged=unchanged)


def _refuse_in_use(pipe: Any, gone: Sequence[str]) -> None:
    for name in gone:
        # Watched, so that a node which gets the role meanwhile makes us look again.
        pipe.watch(keys.nodes_of_role(name))
        if count := pipe.zcard(keys.nodes_of_role(name)):
            msg = (
                f"role {name} still has {count} node(s) and cannot be removed; see "
                f"'provisioner ls --role {name}', then retire them or assign them another role"
            )
            raise RoleInUseError(msg)


def _next(role: Role, old: Mapping[str, str], event: Event) -> Role:
    rev = int(old.get("rev", "0")) + 1
    return replace(role, rev=rev, applied_at=event.at, applied_by=event.who)


def _differs(new: Role, old: Mapping[str, str]) -> bool:
    fresh = role_to_hash(new)
    return any(fresh[field] != old.get(field) for field in ("definition", "spec_hash"))


def _write(pipe: Any, changed: Sequence[Role], gone: Sequence[str], event: Event) -> None:
    for role in changed:
        pipe.hset(keys.role(role.name), mapping=role_to_hash(role))
        pipe.sadd(keys.ROLES, role.name)
        more = {"rev": str(role.rev)}
        append(pipe, replace(event, what="role applied", role=role.name, more=more))
    for name in gone:
        pipe.delete(keys.role(name))
        pipe.srem(keys.ROLES, name)
        append(pipe, replace(event, what="role removed", role=name))
    if changed or gone:
        pipe.hincrby(keys.META, "roles_rev", 1)
