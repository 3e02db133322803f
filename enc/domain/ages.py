"""When a machine is old enough to be replaced. Pure."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

# Machines born together must not die together: each is replaced up to this part of max_age early.
_SPREAD = 0.1


def allowed_age(certname: str, max_age: timedelta) -> timedelta:
    """How old this one may get: ``max_age``, less its own part of a tenth."""
    return max_age * (1 - _SPREAD * spread(certname))


def replaced_from(ends: datetime, ready_timeout: timedelta, drain: timedelta) -> datetime:
    """When a fleet's machine with a life of its own is old enough: another can be ready by then."""
    return ends - ready_timeout - drain


def spread(certname: str) -> float:
    """In [0, 1), always the same for one node."""
    digest = hashlib.sha256(certname.encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32
