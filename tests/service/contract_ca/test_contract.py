"""One body of tests for anything that calls itself CA.

It runs over the fake and over the adapter with a server of ours. A module of another ring that has
a fixture ``stage`` of its own, with a real CA behind it, imports these tests and runs them there.
"""

from __future__ import annotations

import pytest
from cryptography import x509

from provisioner.ports.errors import PuppetError, Refusal
from tests.csrs import spoiling
from tests.service.contract_ca.stages import Stage


def test_a_request_is_pending_until_it_is_signed(stage: Stage) -> None:
    certname = stage.name("abc")
    stage.submit(certname)
    assert certname in stage.ca.pending()

    stage.ca.sign(certname)
    assert certname not in stage.ca.pending()
    assert stage.ca.request(certname) is None


def test_pending_certnames_are_sorted_and_nodes_with_certificates_are_not_among_them(
    stage: Stage,
) -> None:
    first, second, signed = stage.name("aaa"), stage.name("bbb"), stage.name("ccc")
    stage.submit(second)
    stage.submit(first)
    stage.issue(signed)
    found = stage.ca.pending()

    assert [name for name in found if name in (first, second, signed)] == [first, second]
    assert list(found) == sorted(found)


def test_a_request_is_shown_as_it_was_sent(stage: Stage) -> None:
    certname = stage.name("abc")
    sent = stage.submit(certname)
    shown = stage.ca.request(certname)

    assert shown is not None
    assert _same_request(shown, sent)


def test_a_certificate_is_for_the_key_that_asked(stage: Stage) -> None:
    certname = stage.name("abc")
    sent = stage.submit(certname)
    stage.ca.sign(certname)
    made = stage.ca.certificate(certname)

    assert made is not None
    key = x509.load_pem_x509_certificate(made).public_key()
    assert key == x509.load_pem_x509_csr(sent).public_key()
    assert not stage.is_revoked(made)


def test_what_nobody_asked_for_is_nowhere(stage: Stage) -> None:
    nobody = stage.name("nobody")

    assert stage.ca.request(nobody) is None
    assert stage.ca.certificate(nobody) is None
    assert nobody not in stage.ca.pending()


def test_nothing_can_be_signed_where_nothing_is_pending(stage: Stage) -> None:
    with pytest.raises(PuppetError) as caught:
        stage.ca.sign(stage.name("nobody"))

    assert caught.value.refusal is Refusal.MISSING
    assert stage.name("nobody") in str(caught.value)


def test_what_is_signed_is_not_signed_again(stage: Stage) -> None:
    certname = stage.name("abc")
    certificate = stage.issue(certname)
    with pytest.raises(PuppetError) as caught:
        stage.ca.sign(certname)

    assert caught.value.refusal is Refusal.CONFLICT
    assert stage.ca.certificate(certname) == certificate


def test_a_refused_request_is_gone_and_may_be_sent_anew(stage: Stage) -> None:
    certname = stage.name("abc")
    stage.submit(certname)
    stage.ca.refuse(certname)
    assert certname not in stage.ca.pending()

    stage.submit(certname)
    stage.ca.sign(certname)
    assert stage.ca.certificate(certname) is not None


def test_a_certificate_is_never_refused(stage: Stage) -> None:
    certname = stage.name("abc")
    certificate = stage.issue(certname)
    stage.ca.refuse(certname)

    assert stage.ca.certificate(certname) == certificate
    assert not stage.is_revoked(certificate)


def test_refusing_twice_is_refusing_once(stage: Stage) -> None:
    certname = stage.name("abc")
    stage.submit(certname)
    stage.ca.refuse(certname)
    stage.ca.refuse(certname)
    stage.ca.refuse(stage.name("nobody"))

    assert certname not in stage.ca.pending()


def test_certificates_and_requests_are_cleaned_together(stage: Stage) -> None:
    first, second, waits = stage.name("aaa"), stage.name("bbb"), stage.name("ccc")
    certificates = [stage.issue(first), stage.issue(second)]
    stage.submit(waits)
    stage.ca.clean([first, second, waits, stage.name("nobody")])

    assert all(stage.is_revoked(certificate) for certificate in certificates)
    assert stage.ca.certificate(first) is stage.ca.certificate(second) is None
    assert waits not in stage.ca.pending()


def test_other_nodes_are_not_cleaned(stage: Stage) -> None:
    gone, stays, waits = stage.name("aaa"), stage.name("bbb"), stage.name("ccc")
    stage.issue(gone)
    certificate = stage.issue(stays)
    stage.submit(waits)
    stage.ca.clean([gone])

    assert stage.ca.certificate(stays) == certificate
    assert not stage.is_revoked(certificate)
    assert waits in stage.ca.pending()


def test_cleaning_twice_is_cleaning_once(stage: Stage) -> None:
    certname = stage.name("abc")
    certificate = stage.issue(certname)
    stage.ca.clean([certname])
    stage.ca.clean([certname])
    stage.ca.clean([])

    assert stage.is_revoked(certificate)


def test_a_clean_name_may_come_again_with_another_key(stage: Stage) -> None:
    certname = stage.name("abc")
    old = stage.issue(certname)
    stage.ca.clean([certname])
    new = stage.issue(certname)

    assert stage.is_revoked(old)
    assert not stage.is_revoked(new)


def test_a_request_that_spoils_the_list_stops_nothing_that_is_done_by_name(stage: Stage) -> None:
    ours, gone, waits, spoils = (stage.name(label) for label in ("aaa", "bbb", "ccc", "ddd"))
    stage.submit(ours)
    certificate = stage.issue(gone)
    stage.submit(waits)
    stage.submit(spoils, spoiling(spoils))
    try:
        for ask in (stage.ca.pending, lambda: stage.ca.state(spoils)):
            with pytest.raises(PuppetError) as caught:
                ask()
            assert caught.value.refusal is Refusal.ILL
        assert stage.ca.state(ours) == "requested"
        assert stage.ca.request(spoils) is not None

        stage.ca.sign(ours)
        stage.ca.clean([gone, waits])

        assert stage.ca.certificate(ours) is not None
        assert stage.is_revoked(certificate)
        assert (stage.ca.certificate(gone), stage.ca.request(waits)) == (None, None)
    finally:
        stage.ca.refuse(spoils)

    assert spoils not in stage.ca.pending()
    assert stage.ca.state(spoils) == ""


def _same_request(one: bytes, other: bytes) -> bool:
    """As requests: a CA may break the lines of PEM elsewhere."""
    return x509.load_pem_x509_csr(one) == x509.load_pem_x509_csr(other)
