"""Ten thousand requests that are almost right: none is signed, and nothing breaks."""

from __future__ import annotations

from tests.fuzz import forged, mutated, odd, survivors

MUTATED, FORGED, ODD = 8_000, 2_000, 1_000


def test_no_request_whose_bytes_were_changed_is_signed() -> None:
    assert survivors(mutated(MUTATED, seed=1)) == []


def test_no_request_that_a_stranger_made_of_right_parts_is_signed() -> None:
    assert survivors(forged(FORGED, seed=2)) == []


def test_no_request_of_an_odd_form_is_signed_whatever_its_password() -> None:
    assert survivors(odd(ODD, seed=3)) == []


def test_the_request_that_they_were_made_of_is() -> None:
    assert len(survivors(mutated(3, seed=1, changes=0))) == 3
