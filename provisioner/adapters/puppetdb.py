"""PuppetDB over its HTTP API, as provisioner.ports.PuppetDB.

https://www.puppet.com/docs/puppetdb/7/api/command/v1/commands.html#deactivate-node-version-3
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from http import HTTPStatus

from provisioner.adapters.http import Answer, Caller
from provisioner.ports import Refusal

_DENIED = "PuppetDB must list our certificate's name, where it has a certificate-allowlist"
_NO_COMMANDS = "see whether PUPPETDB_URL is that of PuppetDB"


class PuppetDBCommands:
    """Implements provisioner.ports.PuppetDB.

    PuppetDB has written a command down when it answers, and carries it out a little later. Of two
    commands for a node the one with the later time counts: facts, catalogues and reports that are
    sent afterwards would wake the node again.
    """

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    def deactivate(self, certname: str, at: datetime) -> None:
        act = f"deactivate {certname}"
        query = {"certname": certname, "command": "deactivate_node", "version": "3"}
        body = {"certname": certname, "producer_timestamp": _timestamp(at)}
        answer = self._caller.ask(act, "POST", "/pdb/cmd/v1", query=query, body=body)
        if answer.status != HTTPStatus.OK:
            raise self._caller.no(act, answer, hint=_hint(answer.status))
        if not _accepted(answer):
            why = f"an answer that cannot be read: {answer.excerpt}"
            raise self._caller.error(Refusal.UNEXPECTED, act, why, hint=_NO_COMMANDS)


def _timestamp(at: datetime) -> str:
    utc = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return utc.replace("+00:00", "Z")


def _hint(status: int) -> str:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return _DENIED
    return _NO_COMMANDS if status == HTTPStatus.NOT_FOUND else ""


def _accepted(answer: Answer) -> bool:
    """It gives a command's id."""
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and isinstance(said.get("uuid"), str)
