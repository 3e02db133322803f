"""What a role's definition says of its fleet, as far as it can be read.

The provisioner checks definitions whole; here one bad value must not hide all the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from enc.domain.durations import Duration
from enc.domain.model import Role

# What roles.yaml takes at most.
_LONGEST = timedelta(days=3650)
# As roles.yaml has them where nothing is written: docs/roles.md.
_DRAIN, _READY_TIMEOUT = timedelta(minutes=5), timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """``size`` None: converge keeps no fleet of it. ``max_age`` None: no node is too old."""

    size: int | None = None
    max_age: timedelta | None = None
    drain: timedelta = _DRAIN
    ready_timeout: timedelta = _READY_TIMEOUT
    ready_when_running: bool = False
    windows: tuple[str, ...] = ()


def policy_of(role: Role | None) -> Policy:
    """Of a role that is gone: its nodes drain no longer, and had the default's time."""
    if role is None:
        return Policy(drain=timedelta(0))
    fleet = role.definition.get("fleet")
    found: dict[str, Any] = fleet if isinstance(fleet, dict) else {}
    size, windows = found.get("size"), found.get("windows")
    return Policy(
        size=size if isinstance(size, int) else None,
        max_age=_span(found.get("max_age"), None),
        drain=_drain(found.get("drain")),
        ready_timeout=_span(found.get("ready_timeout"), None) or _READY_TIMEOUT,
        ready_when_running=found.get("ready_when") == "running",
        windows=tuple(map(str, windows)) if isinstance(windows, list | tuple) else (),
    )


def _drain(written: Any) -> timedelta:
    found = _span(written, None, zero=True)
    return _DRAIN if found is None else found


def _span(written: Any, otherwise: timedelta | None, *, zero: bool = False) -> timedelta | None:
    try:
        found = Duration(written, zero=zero) if isinstance(written, str) else otherwise
    except ValueError:
        return otherwise
    return found if found is not None and found <= _LONGEST else otherwise
