"""What a certname may look like.

Puppet itself allows lower case letters, digits, ``.``, ``_`` and ``-``. We refuse
``..`` as well: a certname becomes a file name on the puppetmaster and a path of a URL.
The ENC script has the same rule in its own words, because it imports nothing of ours.
"""

from __future__ import annotations

import re

MAX_LENGTH = 255
_CERTNAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,254}")
_INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")


class ImpossibleCertnameError(ValueError):
    """No machine can have this certname."""

    def __init__(self, given: str) -> None:
        rule = (
            f"use 1 to {MAX_LENGTH} of a-z, 0-9, '.', '_' and '-', starting with a letter or "
            "digit, without '..'"
        )
        if is_certname(given.lower()):
            rule = f"Puppet's are in lower case; write {given.lower()}"
        super().__init__(f"{given[:80]!a} cannot be a certname: {rule}")


def is_certname(given: str) -> bool:
    return _CERTNAME.fullmatch(given) is not None and ".." not in given


def check_certname(given: str) -> str:
    """The certname unchanged, or ImpossibleCertnameError."""
    if not is_certname(given):
        raise ImpossibleCertnameError(given)
    return given


def is_instance_id(given: str) -> bool:
    """Whether this is an EC2 instance id: ``i-`` and 8 (before 2016) to 17 hex digits."""
    return _INSTANCE_ID.fullmatch(given) is not None
