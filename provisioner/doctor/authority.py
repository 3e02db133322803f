"""Puppet's CA: there, and letting us do our work. It is only read.

Rules of auth.conf go by path and method: GET certificate_status tells of the rule in which PUT,
that signs, stands as well (README, "Trust"); PUT clean has a rule of its own, and no question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from enc.inventory import StoreError
from provisioner.doctor.finding import Finding, ok, refused, skipped
from provisioner.ports.checks import Authority
from provisioner.ports.errors import PuppetError, Refusal
from provisioner.signing.requests import cure, spoilers

# Nobody's: the CA must say 404 of it, and not 403.
NOBODY = "rolecall-doctor.invalid"
WHAT = "CA"
_LOOK = "check that the puppetserver runs there, and that PUPPET_CA_URL is right"


def examine(ca: Authority, refused_lately: Callable[[], Sequence[str]]) -> Iterator[Finding]:
    """``refused_lately``: certnames whose requests the policy refused; raises StoreError's kinds.

    One of them may be why the CA cannot list its requests.
    """
    listing, refusal = _asked("CA: list requests", ca.pending, lambda found: f"{len(found)} wait")
    if refusal is Refusal.ILL:
        listing = replace(listing, remedy=cure(_spoilers(ca, refused_lately)))
    yield listing
    if refusal is Refusal.AWAY:
        return
    yield _asked("CA: read requests", lambda: ca.request(NOBODY), lambda _: "allowed")[0]
    yield _asked("CA: sign", lambda: ca.state(NOBODY), _may_sign)[0]
    said = "not tried: PUT clean would write the revocation list"
    remedy = (
        "auth.conf must let our certificate PUT clean (README, 'Trust'); retire says if it does not"
    )
    yield skipped("CA: clean", said, remedy)


def _spoilers(ca: Authority, refused_lately: Callable[[], Sequence[str]]) -> tuple[str, ...]:
    try:
        return spoilers(ca, refused_lately())
    except StoreError:
        return ()


def _asked(
    what: str, ask: Callable[[], Any], told: Callable[[Any], str]
) -> tuple[Finding, Refusal | None]:
    try:
        found = ask()
    except PuppetError as error:
        return refused(what, error, _LOOK), error.refusal
    return ok(what, told(found)), None


def _may_sign(_: Any) -> str:
    return "GET certificate_status is allowed; PUT must stand in the same rule, and was not tried"
