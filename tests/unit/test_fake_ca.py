"""The fakes of Puppet's CA and of PuppetDB: what the tests of sign and retire stand on."""

from __future__ import annotations

import pytest
from cryptography import x509

from provisioner.ports.errors import PuppetError, Refusal
from tests.fakes.authority import csr
from tests.fakes.ca import FakeCA
from tests.fakes.clock import START
from tests.fakes.puppetdb import FakePuppetDB

NODE, OTHER = "i-0abc", "i-0abd"


@pytest.fixture
def ca() -> FakeCA:
    return FakeCA()


def test_a_certificate_is_for_the_key_that_asked(ca: FakeCA) -> None:
    pem = csr(NODE)
    made = x509.load_pem_x509_certificate(ca.issue(NODE, pem))

    assert made.public_key() == x509.load_pem_x509_csr(pem).public_key()
    assert ca.signed == [NODE]
    assert ca.requests_pending == []


def test_many_are_cleaned_in_one_revocation(ca: FakeCA) -> None:
    ca.issue(NODE)
    ca.issue(OTHER)
    ca.submit("i-0waits")
    ca.clean([NODE, OTHER, "i-0waits", "i-0nosuch"])

    assert ca.revoked == [NODE, OTHER]
    assert ca.vault.revocations == 1
    assert (ca.signed, ca.requests_pending) == ([], [])


def test_a_planned_fault_does_nothing_and_happens_once(ca: FakeCA) -> None:
    ca.submit(NODE)
    ca.fail("sign", Refusal.DENIED, hint="look at auth.conf")
    with pytest.raises(PuppetError) as caught:
        ca.sign(NODE)

    assert (caught.value.refusal, caught.value.hint) == (Refusal.DENIED, "look at auth.conf")
    assert ca.signed == []
    ca.sign(NODE)
    assert ca.signed == [NODE]
    assert ca.calls == [("sign", NODE)] * 2


def test_a_fault_after_the_work_does_it(ca: FakeCA) -> None:
    pem = ca.issue(NODE)
    ca.fail("clean", Refusal.AWAY, after=True)
    with pytest.raises(PuppetError) as caught:
        ca.clean([NODE])

    assert caught.value.passing
    assert ca.vault.is_revoked(pem)


def test_a_node_is_deactivated_once_however_often_it_is_asked_for() -> None:
    puppetdb = FakePuppetDB()
    puppetdb.deactivate(NODE, START)
    puppetdb.deactivate(NODE, START.replace(year=START.year + 1))

    assert puppetdb.deactivated == {NODE: START}
    assert puppetdb.count("deactivate") == 2
