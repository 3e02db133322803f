"""Who may do what at the CA by the auth.conf that we give to people: the least that we need."""

import json
from collections.abc import Callable, Iterator

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from tests.csrs import request
from tests.real.agent import CHANGED, Agent
from tests.real.ca import papers
from tests.real.puppetdb import Identity, PuppetDB
from tests.real.puppetserver import DEBIAN
from tests.real.ring import Ring
from tests.real.site import Site

pytestmark = [pytest.mark.differs, pytest.mark.root]
Machines = Callable[..., Agent]
SOON = 10
# Puppet 8 does, where the site allows it; Puppet 7 has no such place.
RENEWS = "certificate_renewal" in (DEBIAN / "conf.d" / "auth.conf").read_text()
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def pending(ring: Ring) -> str:
    """A request that the policy did not sign: nobody launched such a machine."""
    certname = "i-0pending"
    assert ring.ca.submit(certname, request(certname, "a password"))[0] == 200
    return certname


@pytest.fixture(scope="module")
def other(ring: Ring) -> Identity:
    """Of a machine like any other."""
    ring.sign_blindly("i-0other")
    return ring.server.issue("i-0other")


@pytest.fixture
def renewing(ring: Ring) -> Iterator[Ring]:
    """Its CA renews certificates, which it does not by default."""
    file = ring.server.folder / "conf.d" / "ca.conf"
    before = file.read_text()
    file.write_text("certificate-authority: { allow-auto-renewal: true }\n")
    ring.server.reload()
    try:
        yield ring
    finally:
        file.write_text(before)
        ring.server.reload()


def names_of(pem: str) -> tuple[x509.Name, bytes]:
    """Whose certificate it is: its subject and its key."""
    found = x509.load_pem_x509_certificate(pem.encode())
    der, spki = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    return found.subject, found.public_key().public_bytes(der, spki)


def status(
    ring: Ring, identity: Identity | None, method: str, path: str, body: object = None
) -> int:
    more = {"body": json.dumps(body), "headers": JSON} if body else {}
    found, said = ring.ca.ask(method, path, identity=identity, **more)
    # A failed test shows it.
    print(method, path, found, said[:300])
    return found


ACTS = {
    "list": ("GET", "certificate_statuses/any?state=requested", None, 200),
    "see": ("GET", "certificate_status/i-0pending", None, 200),
    "read a request": ("GET", "certificate_request/i-0pending", None, 200),
    "refuse": ("DELETE", "certificate_request/i-0nobody", None, 404),
    "sign": ("PUT", "certificate_status/i-0nobody", {"desired_state": "signed"}, 404),
    "clean": ("PUT", "clean", {"certnames": ["i-0nobody"]}, 200),
}


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_the_provisioner_may_and_neither_a_node_nor_a_stranger_may(
    ring: Ring, pending: str, other: Identity, act: tuple[str, str, object, int]
) -> None:
    method, path, body, good = act

    assert status(ring, ring.provisioner, method, path, body) == good
    assert status(ring, other, method, path, body) == 403
    assert status(ring, None, method, path, body) == 403


def test_whoever_may_sign_may_at_the_place_of_later_servers_and_nobody_else(
    ring: Ring, other: Identity
) -> None:
    """Since 8.4; an older server lets the provisioner pass, too, and knows no such place."""
    body = {"certnames": ["i-0nobody"]}

    assert status(ring, ring.provisioner, "POST", "sign", body) in {200, 404}
    for place in ("sign", "sign/all"):
        assert status(ring, other, "POST", place, body) == 403
        assert status(ring, None, "POST", place, body) == 403


def test_the_servers_own_command_lists_signs_revokes_and_cleans(ring: Ring) -> None:
    names = ["i-0signed", "i-0waits"]
    for name in names:
        assert ring.ca.submit(name, request(name, "a password"))[0] == 200
    listed = ring.server.command("list")
    assert all(name in listed for name in names)

    ring.server.command("sign", "--certname", "i-0signed")
    assert [ring.ca.state(name) for name in names] == ["signed", "requested"]

    ring.server.command("revoke", "--certname", "i-0signed")
    assert ring.ca.state("i-0signed") == "revoked"

    ring.server.command("clean", "--certname", "i-0signed")
    assert [ring.ca.state(name) for name in names] == ["", "requested"]


def test_a_stranger_renews_nothing_and_a_node_that_renewed_is_shut_out_with_both_certificates(
    renewing: Ring,
) -> None:
    ring, name = renewing, "i-0renews"
    ring.sign_blindly(name)
    mine = ring.server.issue(name)
    first, key = mine.certificate.read_text(), mine.key.read_text()
    assert status(ring, None, "POST", "certificate_renewal") == 403
    code, second = ring.ca.ask("POST", "certificate_renewal", identity=mine)
    if not RENEWS:
        assert code == 403
        return
    assert (code, names_of(second)) == (200, names_of(first))
    assert second != first
    assert ring.ca.lets_in(first, key)
    assert ring.ca.lets_in(second, key)

    assert status(ring, ring.provisioner, "PUT", "clean", {"certnames": [name]}) == 200

    assert ring.ca.shuts_out(first, key, seconds=SOON)
    assert ring.ca.shuts_out(second, key, seconds=SOON)


def test_the_provisioner_may_not_delete_a_certificate_that_stays_valid(
    ring: Ring, other: Identity
) -> None:
    assert status(ring, ring.provisioner, "DELETE", "certificate_status/i-0other") == 403
    assert ring.ca.state("i-0other") == "signed"


def test_to_delete_a_request_leaves_a_certificate_of_that_name_as_it_is(
    ring: Ring, other: Identity
) -> None:
    assert status(ring, ring.provisioner, "DELETE", "certificate_request/i-0other") == 404
    assert ring.ca.state("i-0other") == "signed"
    assert ring.ca.lets_in(other.certificate.read_text(), other.key.read_text())


def test_a_request_that_is_refused_can_be_made_again_and_a_pending_one_cannot(ring: Ring) -> None:
    certname = "i-0again"
    for text in ("a request", "already has a requested certificate"):
        said = ring.ca.submit(certname, request(certname, "a password"))
        assert (said[0], text) == (200, "a request") or text in said[1], said

    assert status(ring, ring.provisioner, "DELETE", f"certificate_request/{certname}") == 204
    assert ring.ca.state(certname) == ""
    assert ring.ca.submit(certname, request(certname, "a password"))[0] == 200
    assert ring.ca.state(certname) == "requested"


def test_a_cleaned_certificate_is_refused_within_seconds_and_a_neighbours_is_not(
    ring: Ring, site: Site, start_machine: Machines
) -> None:
    agents = [start_machine(site.launch("web")) for _ in range(2)]
    for agent in agents:
        assert agent.test().code == CHANGED
    gone, stays = (papers(agent.host, agent.certname) for agent in agents)
    assert ring.ca.lets_in(*gone)

    body = {"certnames": [agents[0].certname]}
    assert status(ring, ring.provisioner, "PUT", "clean", body) == 200

    assert ring.ca.shuts_out(*gone, seconds=5)
    assert ring.ca.lets_in(*stays)
    assert ring.ca.state(agents[0].certname) == ""


def test_a_node_that_ran_is_known_to_puppetdb_and_one_that_is_retired_is_deactivated(
    site: Site, puppetdb: PuppetDB, start_machine: Machines
) -> None:
    agent = start_machine(site.launch("web"))
    assert puppetdb.node(agent.certname) is None
    assert agent.test().code == CHANGED
    assert not puppetdb.wait_for_node(agent.certname)["deactivated"]

    site.provisioner("retire", agent.certname, "--drain", "0s", "--yes")

    assert puppetdb.is_deactivated(agent.certname, seconds=SOON)
