"""Who we are to the CA, and whom we take for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from provisioner import wiring
from provisioner.adapters.http import Caller
from provisioner.adapters.puppet_ca import PuppetCA
from provisioner.cli.errors import advised
from provisioner.ports.errors import PuppetError, Refusal
from provisioner.settings import Settings
from tests.fakes.ca_server import PuppetServer
from tests.service.certificates import DAY, NOW, Authority
from tests.service.contract_ca.stages import adapter, refused, tls

NODE = "i-0abc"


def denied(puppet: PuppetServer, url: str = "", **files: Path) -> PuppetError:
    error = refused(PuppetCA(Caller("Puppet's CA", url or puppet.url, tls(puppet, **files))))
    assert error.refusal is Refusal.DENIED
    return error


def test_a_certificate_that_auth_conf_does_not_name_may_do_nothing(puppet: PuppetServer) -> None:
    puppet.vault.submit(NODE)
    error = refused(adapter(puppet, who="i-0agent"))

    assert error.refusal is Refusal.DENIED
    assert "Forbidden request: /puppet-ca/v1/certificate_statuses/any (method :get)" in str(error)
    assert advised(error).endswith(
        '; what auth.conf must allow our certificate is in the README, section "Trust"'
    )


def test_a_ca_of_another_authority_is_not_asked(puppet: PuppetServer, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger")
    error = denied(puppet, ca=stranger.file)

    assert "TLS: self-signed certificate in certificate chain" in str(error)
    assert "PUPPET_CA must hold the CA" in error.hint
    assert puppet.calls == []


def test_a_ca_of_another_name_is_not_asked(puppet: PuppetServer) -> None:
    error = denied(puppet, puppet.url.replace("127.0.0.1", "127.1"))

    assert "PUPPET_CA must hold the CA" in error.hint
    assert puppet.calls == []


def test_public_authorities_are_not_trusted(puppet: PuppetServer) -> None:
    caller = Caller("Puppet's CA", puppet.url, tls(puppet))
    assert refused_by_name(PuppetCA(caller)) is None
    assert caller._session is not None
    pool = caller._session.get_adapter(puppet.url).poolmanager  # type: ignore[attr-defined]

    assert len(pool.connection_pool_kw["ssl_context"].get_ca_certs()) == 1


def refused_by_name(ca: PuppetCA) -> PuppetError | None:
    try:
        ca.pending()
    except PuppetError as error:
        return error
    return None


def test_a_certificate_of_another_authority_is_sent_away(
    puppet: PuppetServer, tmp_path: Path
) -> None:
    other = Authority(tmp_path, "stranger").issue("elsewhere")
    error = denied(puppet, cert=other.cert, key=other.key)

    assert "see whether PUPPET_CERT is of the server's own CA" in error.hint
    assert puppet.calls == []


def test_an_expired_certificate_is_sent_away(puppet: PuppetServer) -> None:
    old = puppet.authority.issue("old", until=NOW - DAY)
    error = denied(puppet, cert=old.cert, key=old.key)

    assert "not expired" in error.hint


@pytest.mark.parametrize("name", ["cert", "key", "ca"])
@pytest.mark.parametrize("what", ["missing", "folder", "empty"])
def test_a_file_that_is_none_is_named_with_its_variable(
    puppet: PuppetServer, tmp_path: Path, name: str, what: str
) -> None:
    path = tmp_path / what
    if what == "folder":
        path.mkdir()
    elif what == "empty":
        path.write_bytes(b"")
    error = denied(puppet, **{name: path})

    assert f"PUPPET_{name.upper()}" in str(error)
    assert str(path) in str(error)


def test_a_key_under_a_passphrase_is_said_so_and_nobody_is_asked_for_it(
    puppet: PuppetServer,
) -> None:
    error = denied(puppet, key=puppet.identity("provisioner").locked)

    assert "without a passphrase" in str(error)


def test_another_certificates_key_is_said_so(puppet: PuppetServer) -> None:
    error = denied(puppet, key=puppet.identity("other").key)

    assert "PUPPET_CERT and PUPPET_KEY" in str(error)


def test_files_that_come_later_are_read_then(puppet: PuppetServer, tmp_path: Path) -> None:
    late = tmp_path / "late.pem"
    ca = PuppetCA(Caller("Puppet's CA", puppet.url, tls(puppet, cert=late)))
    refused(ca)
    shutil.copy(puppet.identity("provisioner").cert, late)

    assert ca.pending() == ()


def test_neither_proxies_nor_other_authorities_come_from_the_environment(
    puppet: PuppetServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")

    assert adapter(puppet).pending() == ()


def test_the_environment_is_all_that_the_wiring_needs(puppet: PuppetServer) -> None:
    settings = Settings.read(puppet.env())
    settings.check_puppet_files()
    ca, puppetdb = wiring.open_ca(settings), wiring.open_puppetdb(settings)
    assert ca is not None
    assert puppetdb is not None
    puppet.vault.issue(NODE)
    ca.clean([NODE])
    puppetdb.deactivate(NODE, NOW)

    assert puppet.vault.revoked == list(puppet.deactivated) == [NODE]
