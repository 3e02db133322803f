"""Certificates that Puppet, or we ourselves, live by are not revoked."""

from __future__ import annotations

from pathlib import Path

import pytest

from enc.inventory import Inventory
from provisioner.ending.retire import SparedError
from provisioner.settings import SettingError, Settings
from provisioner.wiring import spared
from tests.fakes.ca_server import PuppetServer
from tests.fakes.clock import FakeClock
from tests.servers import free_port
from tests.service.certificates import Authority
from tests.service.retirements import Stage


@pytest.fixture
def stage(inventory: Inventory, clock: FakeClock) -> Stage:
    return Stage.of(inventory, clock)


def test_the_cas_own_node_is_not_retired_and_nothing_is_done(stage: Stage) -> None:
    nodes = [*stage.launched(), stage.foreign("puppet.example.com")]
    stage.bench.spared = {"puppet": "it is the host of PUPPET_CA_URL"}
    with pytest.raises(SparedError, match=r"puppet\.example\.com is not retired: it is the host"):
        stage.end(nodes)
    assert stage.ca.calls == []
    assert stage.now(nodes[0].certname) == nodes[0]


def test_another_node_is(stage: Stage) -> None:
    stage.bench.spared = {"puppet": "it is the host of PUPPET_CA_URL"}
    assert stage.end([stage.foreign("puppetdb.example.com")]).archived


def settings(cert: Path, url: str = "https://puppet:8140") -> Settings:
    environ = {"PUPPET_CERT": str(cert), "PUPPET_KEY": str(cert), "PUPPET_CA": str(cert)}
    return Settings.read({**environ, "PUPPET_CA_URL": url})


def test_spared_are_the_cas_host_and_the_name_in_our_certificate(tmp_path: Path) -> None:
    cert = Authority(tmp_path, "ca").issue("provisioner").cert
    assert sorted(spared(settings(cert))) == ["provisioner", "puppet"]


def test_without_a_ca_none_needs_to_be_spared(tmp_path: Path) -> None:
    assert spared(settings(tmp_path / "missing", url="")) == {}


@pytest.mark.parametrize("held", [None, b"", b"no certificate"], ids=["missing", "empty", "other"])
def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path, held: bytes | None) -> None:
    cert = tmp_path / "cert.pem"
    if held is not None:
        cert.write_bytes(held)
    with pytest.raises(SettingError, match=f"PUPPET_CERT: {cert}"):
        spared(settings(cert))


def test_a_server_that_is_called_by_its_address_is_spared_by_the_name_that_it_shows(
    tmp_path: Path,
) -> None:
    with PuppetServer(tmp_path) as puppet:
        env = puppet.env()
        port = env["PUPPET_CA_URL"].rpartition(":")[2]
        found = spared(Settings.read({**env, "PUPPET_CA_URL": f"https://127.0.0.1:{port}"}))

    names = sorted(name for name, why in found.items() if "a name of the server" in why)
    assert names
    assert "127.0.0.1" in found
    assert found.keys() >= {*names, "127.0.0.1"}


def test_a_server_that_is_away_is_spared_by_its_url_alone(tmp_path: Path) -> None:
    cert = Authority(tmp_path, "ca").issue("provisioner").cert

    found = spared(settings(cert, url=f"https://127.0.0.1:{free_port()}"))

    assert sorted(found) == ["127.0.0.1", "provisioner"]


def test_the_dot_at_the_end_of_a_host_name_is_none_of_its_name(tmp_path: Path) -> None:
    cert = Authority(tmp_path, "ca").issue("provisioner").cert

    assert "puppet.invalid" in spared(settings(cert, url="https://puppet.invalid.:8140"))
