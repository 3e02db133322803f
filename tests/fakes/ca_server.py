"""A puppetserver's CA, and PuppetDB, over HTTPS, with the manners and texts of the real ones.

    with PuppetServer(tmp_path) as puppet:
        env = puppet.env()                            # PUPPET_CA_URL and all the rest
        puppet.vault.submit("i-0abc", pem)            # a request waits; without pem a plain one
        puppet.vault.issue("i-0old")                  # a node that has its certificate
        puppet.fail("clean", 500)                     # once; nothing is done
        puppet.fail("clean", "close", after=True)     # done, and the answer lost
        puppet.fail("sign", "hang")
        assert puppet.calls == [("clean", ["i-0old"])]
        assert puppet.vault.revoked == ["i-0old"]
        assert puppet.deactivated == {"i-0old": "2026-11-24T01:02:03.123Z"}

Actions: pending, request, certificate, status, sign, delete request, delete, clean, deactivate,
version.
Only the certificate named "provisioner" may act; another gets the real one's 403.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fakes.authority import Vault
from tests.fakes.https_server import Asked, HttpsServer, Reply

ROUTES = {
    ("GET", "certificate_statuses"): "pending",
    ("GET", "certificate_request"): "request",
    ("GET", "certificate"): "certificate",
    ("GET", "certificate_status"): "status",
    ("PUT", "certificate_status"): "sign",
    ("DELETE", "certificate_request"): "delete request",
    ("DELETE", "certificate_status"): "delete",
    ("PUT", "clean"): "clean",
    ("POST", "v1"): "deactivate",
    ("GET", "v1"): "version",
}

# What 7.9.5 says of a request whose extension has an empty value.
NULL = 'Internal Server Error: java.lang.NullPointerException: Cannot invoke "..."'


class PuppetServer(HttpsServer):
    """``may_delete_requests``: 200 yes; 403, auth.conf does not say so; 404, not known yet.

    ``filters``: an old one lists certificates whatever state was asked for.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.vault = Vault()
        self.deactivated: dict[str, str] = {}
        self.may_delete_requests, self.filters = 200, True

    def env(self, who: str = "provisioner") -> dict[str, str]:
        """The provisioner's settings, with a certificate of this name."""
        ours = self.identity(who)
        return {
            "PUPPET_CA_URL": self.url,
            "PUPPETDB_URL": self.url,
            "PUPPET_CERT": str(ours.cert),
            "PUPPET_KEY": str(ours.key),
            "PUPPET_CA": str(self.authority.file),
        }

    def action(self, asked: Asked) -> tuple[str, Any]:
        """Of ``/puppet-ca/v1/<what>/<certname>``, ``/puppet-ca/v1/clean``, ``/pdb/cmd/v1``."""
        what = asked.segments[2] if len(asked.segments) > 2 else ""
        called = ROUTES.get((asked.method, what), "unknown")
        if called == "clean":
            return called, asked.json.get("certnames")
        if called == "deactivate":
            return called, asked.query.get("certname")
        return called, asked.segments[-1]

    def reply(self, asked: Asked) -> Reply:
        called, about = self.action(asked)
        if asked.who not in self.allowed:
            return _forbidden(asked)
        if called == "delete request" and self.may_delete_requests != 200:
            return _forbidden(asked) if self.may_delete_requests == 403 else _text(404, "Not Found")
        does: dict[str, Callable[[Asked, Any], Reply]] = {
            "pending": self._listed,
            "request": self._request,
            "certificate": self._certificate,
            "status": self._status,
            "sign": self._sign,
            "delete request": self._delete_request,
            "delete": self._delete,
            "clean": self._clean,
            "deactivate": self._deactivate,
            "version": self._version,
        }
        return does[called](asked, about) if called in does else _text(404, "Not Found")

    def _listed(self, asked: Asked, _: Any) -> Reply:
        if self.vault.is_list_spoilt:
            return _text(500, NULL)
        wanted = asked.query.get("state") if self.filters else None
        every = [self._entry(name, "requested") for name in self.vault.requests]
        every += [self._entry(name, self.vault.state(name)) for name in self.vault.signed]
        return _json([one for one in every if wanted in (None, one["state"])])

    def _request(self, _: Asked, name: str) -> Reply:
        found = self.vault.requests.get(name)
        return _pem(found) if found else _text(404, f"Could not find certificate_request {name}")

    def _certificate(self, _: Asked, name: str) -> Reply:
        found = self.vault.signed.get(name)
        return _pem(found) if found else _text(404, f"Could not find certificate {name}")

    def _status(self, _: Asked, name: str) -> Reply:
        if self.vault.is_spoilt(name):
            return _text(500, NULL)
        state = self.vault.state(name)
        return _json(self._entry(name, state)) if state else _text(404, "Resource not found.")

    def _sign(self, asked: Asked, name: str) -> Reply:
        if asked.json != {"desired_state": "signed"}:
            return _text(400, "Request body is not JSON.")
        if self.vault.is_spoilt(name):
            return _text(500, NULL)
        if not self.vault.state(name):
            return _text(404, "Invalid certificate subject.")
        if name not in self.vault.requests:
            why = f"Cannot sign certificate for host {name} without a certificate request"
            return _text(409, why)
        self.vault.sign(name)
        return Reply(status=204)

    def _delete_request(self, _: Asked, name: str) -> Reply:
        if self.vault.requests.pop(name, None) is None:
            return _text(404, f"No certificate request for {name} at expected path")
        return Reply(status=204)

    def _delete(self, _: Asked, name: str) -> Reply:
        """Takes both, and revokes nothing."""
        if not self.vault.state(name):
            return _text(404, "Resource not found.")
        self.vault.requests.pop(name, None)
        self.vault.signed.pop(name, None)
        return Reply(status=204)

    def _clean(self, _: Asked, names: Any) -> Reply:
        if not isinstance(names, list):
            return _text(400, "Missing required key: 'certnames'.")
        missing = self.vault.clean(names)
        if not missing:
            return _text(200, "Successfully cleaned all certs.")
        listed = json.dumps(missing, separators=(" ", ":"))
        return _text(200, f"The following certs do not exist and cannot be revoked: {listed}")

    def _deactivate(self, asked: Asked, name: Any) -> Reply:
        said = asked.json
        right = asked.query.get("command") == "deactivate_node" and asked.query["version"] == "3"
        if not right or said["certname"] != name:
            return _json({"error": "not a command of mine"}, status=400)
        self.deactivated[name] = said["producer_timestamp"]
        return Reply(
            status=200,
            body=b'{"uuid":"1e3cb8a6-5a0c-4e7f-9d31-6ee0a3f9f3a5"}',
            type="application/json",
            headers={},
        )

    def _version(self, _: Asked, __: Any) -> Reply:
        """PuppetDB's, of ``/pdb/meta/v1/version``."""
        return Reply(status=200, body=b'{"version":"7.20.1"}', type="application/json", headers={})

    def _entry(self, name: str, state: str) -> dict[str, Any]:
        return {"name": name, "state": state, "dns_alt_names": [], "authorization_extensions": {}}


def _forbidden(asked: Asked) -> Reply:
    """https://github.com/puppetlabs/trapperkeeper-authorization's words."""
    path, method = "/" + "/".join(asked.segments), asked.method.lower()
    why = f"Forbidden request: {path} (method :{method}). Please see the server logs for details."
    return _text(403, why)


def _text(status: int, text: str) -> Reply:
    return Reply(status=status, body=text.encode())


def _pem(pem: bytes) -> Reply:
    return Reply(status=200, body=pem)


def _json(said: Any, status: int = 200) -> Reply:
    return Reply(status=status, body=json.dumps(said).encode(), type="application/json")
