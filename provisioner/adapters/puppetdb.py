"""PuppetDB over its HTTP API, as provisioner.ports.puppet.PuppetDB.

https://www.puppet.com/docs/puppetdb/7/api/command/v1/commands.html#deactivate-node-version-3
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http import HTTPStatus

from provisioner.adapters.http import Answer, Caller
from provisioner.ports.errors import PuppetError, Refusal

_DENIED = "PuppetDB must list our certificate's name, where it has a certificate-allowlist"
_NO_COMMANDS = "see whether PUPPETDB_URL is that of PuppetDB"


class PuppetDBCommands:
    """Implements provisioner.ports.puppet.PuppetDB.

    PuppetDB has written a command down when it answers, and carries it out a little later. Of two
    commands for a node the one with the later time counts: facts, catalogues and reports that are
    sent afterwards would wake the node again.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def version(self) -> str:
        """Under the same allowlist as commands are.

        https://www.puppet.com/docs/puppetdb/7/api/meta/v1/version.html
        """
        act = "ask its version"
        answer = self._caller.ask(act, "GET", "/pdb/meta/v1/version")
        if answer.status != HTTPStatus.OK:
            raise self._caller.no(act, answer, hint=_hint(answer.status))
        version = _field(answer, "version")
        if version is None:
            raise self._unreadable(act, answer)
        return version

    def deactivate(self, certname: str, at: datetime) -> None:
        act = f"deactivate {certname}"
        query = {"certname": certname, "command": "deactivate_node", "version": "3"}
        body = {"certname": certname, "producer_timestamp": _timestamp(at)}
        answer = self._caller.ask(act, "POST", "/pdb/cmd/v1", query=query, body=body)
        if answer.status != HTTPStatus.OK:
            raise self._caller.no(act, answer, hint=_hint(answer.status))
        # It gives a command's id.
        if _field(answer, "uuid") is None:
            raise self._unreadable(act, answer)

    def _unreadable(self, act: str, answer: Answer) -> PuppetError:
        why = f"an answer that cannot be read: {answer.excerpt}"
        return self._caller.error(Refusal.UNEXPECTED, act, why, hint=_NO_COMMANDS)


def _timestamp(at: datetime) -> str:
    utc = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return utc.replace("+00:00", "Z")


def _hint(status: int) -> str:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return _DENIED
    return _NO_COMMANDS if status == HTTPStatus.NOT_FOUND else ""


def _field(answer: Answer, name: str) -> str | None:
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    found = said.get(name) if isinstance(said, dict) else None
    return found if isinstance(found, str) else None
