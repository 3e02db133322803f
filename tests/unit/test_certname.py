from __future__ import annotations

import pytest

from enc.domain.certname import (
    ImpossibleCertnameError,
    check_certname,
    is_certname,
    is_instance_id,
)

GOOD = [
    "i-0abc1234def567890",
    "db1.example.com",
    "a",
    "0",
    "a_b",
    "a.",
    "a" * 255,
]
BAD = [
    "",
    "a" * 256,
    "A",
    "i-0ABC",
    ".a",
    "-a",
    "_a",
    "a..b",
    "..",
    "a/b",
    "../a",
    "a\\b",
    "a b",
    " a",
    "a\n",
    "\na",
    "a\0",
    "a$(id)",
    "a;b",
    "a*",
    "é",
    "٣",
    "a\udcff",
]


@pytest.mark.parametrize("given", GOOD)
def test_a_certname_is_taken_as_it_is(given: str) -> None:
    assert is_certname(given)
    assert check_certname(given) is given


@pytest.mark.parametrize("given", BAD)
def test_what_cannot_be_a_certname_is_refused_in_one_printable_line(given: str) -> None:
    assert not is_certname(given)
    with pytest.raises(ImpossibleCertnameError) as caught:
        check_certname(given)
    message = str(caught.value)
    assert message.isascii()
    assert message.isprintable()
    assert len(message) < 700


@pytest.mark.parametrize("given", ["i-0abc1234def567890", "i-1a2b3c4d"])
def test_instance_ids_old_and_new_are_known(given: str) -> None:
    assert is_instance_id(given)


@pytest.mark.parametrize(
    "given", ["i-", "i-0abc", "i-0ABC1234DEF567890", "i-0abc1234def5678901", "db1", "i-1a2b3c4d\n"]
)
def test_what_is_no_instance_id_is_not_taken_for_one(given: str) -> None:
    assert not is_instance_id(given)


@pytest.mark.parametrize("given", ["DB1.Example.com", "I-0ABC"])
def test_one_in_capitals_is_answered_with_the_one_to_write(given: str) -> None:
    """Puppet 7.23: "Certificate names must be lower case"."""
    with pytest.raises(ImpossibleCertnameError, match=f"in lower case; write {given.lower()}$"):
        check_certname(given)


@pytest.mark.parametrize("given", ["A b", "A..B", "\u00c9"])
def test_capitals_are_not_blamed_for_another_fault(given: str) -> None:
    with pytest.raises(ImpossibleCertnameError, match="use 1 to 255 of"):
        check_certname(given)
