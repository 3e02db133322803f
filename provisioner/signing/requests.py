"""Whose certificate requests wait at the CA: by its list, or by name where the list is no answer.

Anybody may send the CA a request, and one of a stranger's can make the list a 500 for all: Puppet
Server up to 8.7 takes an extension whose value is empty, and then cannot list it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from enc.domain.certname import is_certname
from enc.domain.model import State
from enc.domain.trust import REFUSED, Reason
from enc.inventory import Inventory
from provisioner.calls import in_parallel
from provisioner.context import Context
from provisioner.ending.ledger import some
from provisioner.ports.errors import PuppetError, Refusal, advised
from provisioner.ports.puppet import CA

_EXPECTED = (State.PENDING, State.RUNNING, State.FAILED)
# Nobody's: a CA that does not answer this does not answer by name.
_NOBODY = "rolecall-nobody.invalid"
# So many events are read, and so many requests asked for, to find those that spoil the list.
_LOOKED_AT, _ASKED = 200, 30
# Puppet's setting csrdir is the folder of the pending requests.
_FOLDER = '"$(puppet config print csrdir --section server)"'


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """``certnames`` have a pending request. ``warning`` is "" where the CA's list was readable."""

    certnames: tuple[str, ...]
    warning: str = ""


class Teller(Protocol):
    def state(self, certname: str) -> str: ...


def waiting(context: Context, ca: CA) -> Waiting:
    """Every request by the CA's list; where that is no answer, those of our own nodes by name.

    Raises the list's PuppetError where the CA does not answer by name either, and where it denies
    us the list while nothing of ours waits: that is to be told. StoreError.
    """
    try:
        return Waiting(certnames=ca.pending())
    except PuppetError as error:
        try:
            certnames = _by_name(context, ca)
        except PuppetError:
            raise error from None
        if error.refusal is Refusal.DENIED and not certnames:
            raise
        to_blame = spoilers(ca, refused_lately(context.inventory))
        return Waiting(certnames=certnames, warning=_warning(error, to_blame))


def spoilers(ca: Teller, certnames: Sequence[str]) -> tuple[str, ...]:
    """Those of ``certnames`` whose state the CA cannot tell, of the first so many.

    () where it can tell no state at all: then no request is to blame.
    """
    if not _tells(ca, _NOBODY):
        return ()
    return tuple(certname for certname in certnames[:_ASKED] if not _tells(ca, certname))


def refused_lately(inventory: Inventory) -> tuple[str, ...]:
    """Whose requests our policy refused, the latest first; before all those it could not read.

    A request that it was never asked about is not among them. Raises StoreError's kinds.
    """
    events = inventory.events.page(_LOOKED_AT, what=REFUSED).events
    found = [entry for _, entry in events if is_certname(entry.get("node", ""))]
    found.sort(key=lambda entry: entry.get("reason") != Reason.UNREADABLE)
    return tuple(dict.fromkeys(entry["node"] for entry in found))


def cure(certnames: tuple[str, ...]) -> str:
    """What a person does about requests that spoil the list; these may be unknown: ()."""
    if not certnames:
        return (
            "if one request spoils the list, its file is on the CA's machine among the newest in "
            f"{_FOLDER}: delete it"
        )
    files = " ".join(f"{_FOLDER}/{certname}.pem" for certname in certnames)
    return (
        f"the request of {some(certnames)} spoils the list; delete it on the CA's machine: "
        f"rm {files}"
    )


def _by_name(context: Context, ca: CA) -> tuple[str, ...]:
    ca.request(_NOBODY)
    every = context.inventory.queries.everything().nodes.values()
    names = sorted(node.certname for node in every if node.state in _EXPECTED)
    found = in_parallel(context, ca.request, names)
    return tuple(name for name, pem in zip(names, found, strict=True) if pem is not None)


def _warning(error: PuppetError, certnames: tuple[str, ...]) -> str:
    return (
        f"{advised(error)}; so only the requests of our own nodes are looked at, by name; "
        f"{cure(certnames)}"
    )


def _tells(ca: Teller, certname: str) -> bool:
    try:
        ca.state(certname)
    except PuppetError:
        return False
    return True
