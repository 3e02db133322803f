"""Puppet's CA over its HTTP API, as provisioner.ports.puppet.CA.

https://www.puppet.com/docs/puppet/7/server/http_certificate_status.html and its neighbours; what
these pages leave out is from puppetserver's certificate_authority_core.clj (7.9.5):
https://github.com/puppetlabs/puppetserver/tree/7.9.5/src/clj/puppetlabs/services/ca
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from provisioner.adapters.http import Answer, Caller
from provisioner.ports.errors import PuppetError, Refusal

API = "/puppet-ca/v1"
# In one PUT clean: one writing of the revocation list for all of them.
BATCH = 500
REQUESTED = "requested"
# On every answer of a puppetserver's CA, a 404 too: what lacks it comes from somewhere else.
_MARK = "X-Puppet-Version"
_DENIED = 'what auth.conf must allow our certificate is in the README, section "Trust"'
_TOO_OLD = "this puppetserver is too old to know PUT /puppet-ca/v1/clean, or it runs no CA"
_NO_MARK = "see whether PUPPET_CA_URL is that of the CA, and a front passes its headers on"
_OK, _DONE, _MISSING = HTTPStatus.OK, HTTPStatus.NO_CONTENT, HTTPStatus.NOT_FOUND


class PuppetCA:
    """Implements provisioner.ports.puppet.CA; may be used from several threads."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def pending(self) -> tuple[str, ...]:
        act = "list the certificate requests"
        # A puppetserver that does not know the filter lists everything.
        query = {"state": REQUESTED}
        answer = self._ask(act, "GET", "certificate_statuses", "any", query=query)
        listed = self._parsed(act, answer, list)
        found = [self._status(act, answer, one) for one in listed]
        return tuple(sorted({name for name, state in found if state == REQUESTED}))

    def request(self, certname: str) -> bytes | None:
        return self._pem(f"read the request of {certname}", "certificate_request", certname)

    def certificate(self, certname: str) -> bytes | None:
        return self._pem(f"read the certificate of {certname}", "certificate", certname)

    def sign(self, certname: str) -> None:
        body = {"desired_state": "signed"}
        good = (_OK, _DONE)
        self._ask(f"sign {certname}", "PUT", "certificate_status", certname, body=body, good=good)

    def refuse(self, certname: str) -> None:
        """Delete the pending request; never a certificate.

        Where the CA can delete a request alone, and lets us, that is one step. Elsewhere there is
        only DELETE certificate_status, which takes a certificate as well and does not revoke it: we
        look first, and in between somebody else may sign it.
        """
        act = f"delete the request of {certname}"
        if self._deleted_alone(act, certname):
            return
        # Not by its state, which the CA cannot tell of each request that it takes.
        if self.request(certname) is None:
            return
        if self.certificate(certname) is not None:
            why = "it has a certificate too, which would be deleted and not revoked"
            raise self._caller.error(Refusal.CONFLICT, act, why, hint=_DENIED)
        good = (_OK, _DONE, _MISSING)
        self._ask(act, "DELETE", "certificate_status", certname, good=good)

    def clean(self, certnames: Sequence[str]) -> None:
        wanted = list(dict.fromkeys(certnames))
        for batch in _batches(wanted):
            self._clean(batch)
        # PUT clean leaves requests alone; one of them, signed later, would be a live certificate.
        for certname in self._pending_of(wanted):
            self.refuse(certname)

    def _pending_of(self, wanted: Sequence[str]) -> Sequence[str]:
        """Each is tried where the list is no answer: a stranger's request can spoil it for all."""
        try:
            return sorted(set(self.pending()).intersection(wanted)) if wanted else ()
        except PuppetError:
            return wanted

    def _clean(self, batch: Sequence[str]) -> None:
        more = f" and {len(batch) - 1} more" if len(batch) > 1 else ""
        act = f"revoke and delete the certificate of {batch[0]}{more}"
        body = {"certnames": list(batch)}
        try:
            self._ask(act, "PUT", "clean", body=body, good=(_OK, _DONE))
        except PuppetError as error:
            if error.refusal is Refusal.MISSING:
                error.hint = _TOO_OLD
            raise

    def _deleted_alone(self, act: str, certname: str) -> bool:
        """False where there is none, or this CA cannot (404), or auth.conf does not let us."""
        good = (_OK, _DONE, _MISSING, HTTPStatus.FORBIDDEN, HTTPStatus.METHOD_NOT_ALLOWED)
        answer = self._ask(act, "DELETE", "certificate_request", certname, good=good)
        return answer.status in (_OK, _DONE)

    def state(self, certname: str) -> str:
        """requested, signed or revoked; "" where the CA knows nothing of the name."""
        act = f"look up {certname}"
        good = (_OK, _MISSING)
        answer = self._ask(act, "GET", "certificate_status", certname, good=good)
        if answer.status == _MISSING:
            return ""
        return self._status(act, answer, self._parsed(act, answer, dict))[1]

    def _pem(self, act: str, kind: str, certname: str) -> bytes | None:
        answer = self._ask(act, "GET", kind, certname, good=(_OK, _MISSING))
        if answer.status == _MISSING:
            return None
        text = answer.body.strip()
        if not (text.startswith(b"-----BEGIN ") and text.endswith(b"-----")):
            raise self._unreadable(act, answer)
        return answer.body

    def _ask(
        self,
        act: str,
        method: str,
        *segments: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        good: Collection[int] = (_OK,),
    ) -> Answer:
        path = "/".join((API, *(self._segment(act, one) for one in segments)))
        answer = self._caller.ask(act, method, path, query=query, body=body)
        believed = answer.status in good or answer.status == _MISSING
        if believed and _MARK not in answer.headers:
            why = f"{answer.excerpt} (without {_MARK}, which Puppet's CA says)"
            raise self._caller.error(Refusal.UNEXPECTED, act, why, hint=_NO_MARK)
        if answer.status not in good:
            denied = answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
            raise self._caller.no(act, answer, hint=_DENIED if denied else "")
        return answer

    def _segment(self, act: str, text: str) -> str:
        # A client takes dots for a way through the path before it sends them.
        if text in ("", ".", ".."):
            raise self._caller.error(Refusal.UNEXPECTED, act, f"{text!r} is not a certname")
        return quote(text, safe="")

    def _parsed(self, act: str, answer: Answer, kind: type) -> Any:
        try:
            said = json.loads(answer.body)
        except (ValueError, RecursionError):
            said = None
        if not isinstance(said, kind):
            raise self._unreadable(act, answer)
        return said

    def _status(self, act: str, answer: Answer, said: Any) -> tuple[str, str]:
        """(certname, state) of one entry."""
        fields = said if isinstance(said, dict) else {}
        name, state = fields.get("name"), fields.get("state")
        if not (isinstance(name, str) and isinstance(state, str)):
            raise self._unreadable(act, answer)
        return name, state

    def _unreadable(self, act: str, answer: Answer) -> PuppetError:
        return self._caller.error(
            Refusal.UNEXPECTED, act, f"an answer that cannot be read: {answer.excerpt}"
        )


def _batches(certnames: Sequence[str]) -> Iterator[Sequence[str]]:
    return (certnames[start : start + BATCH] for start in range(0, len(certnames), BATCH))
