"""Whose certificate requests are signed: our machines', once, and nobody else's."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from enc.domain import csr
from enc.domain.model import ANSWERED, Node, State
from enc.domain.trust import Claim, LaunchKey, Reason, Verdict, judge, password
from tests.builders import foreign, node
from tests.csrs import (
    AUTH_ROLE,
    AUTHORIZATION,
    CLI_AUTH,
    INSTANCE_ID,
    PRIVATE,
    der_of,
    ec_key,
    pem_of,
    request,
    rsa_key,
    utf8,
)
from tests.fakes.clock import START
from tests.unit.test_csr import NEVER_SENT, SENT

NODE = "i-0abc1234def567890"
OTHER = "i-0abc1234def567891"
KEY = "5e" * 32
EXPIRES = START + timedelta(minutes=50)
LAUNCH = LaunchKey(launch="l-00000000000000aa", key=KEY, expires=EXPIRES)
RIGHT = password(KEY, NODE)


def our_node(**fields: Any) -> Node:
    return node(NODE, launch=LAUNCH.launch, **fields)


def claim(**fields: Any) -> Claim:
    return replace(Claim(now=START, node=our_node(), launch=LAUNCH), **fields)


def fingerprint(pem: bytes) -> str:
    return csr.read(pem).key.fingerprint


GOOD = request(NODE, RIGHT, extensions={INSTANCE_ID: NODE})


@pytest.mark.parametrize("name", SENT)
def test_a_real_agents_request_and_one_of_openssl_are_signed(name: str) -> None:
    assert judge(NODE, SENT[name], claim()).sign


@pytest.mark.parametrize("name", NEVER_SENT)
def test_the_same_in_a_form_that_no_agent_sends_is_wrong(name: str) -> None:
    verdict = judge(NODE, NEVER_SENT[name], claim())

    assert (verdict.sign, verdict.wrong) == (False, True)


def test_the_password_is_the_hmac_that_a_machine_computes_from_the_text_of_its_key() -> None:
    expected = hmac.new(KEY.encode("ascii"), NODE.encode("ascii"), hashlib.sha256).hexdigest()

    assert password(KEY, NODE) == expected
    assert password(KEY, OTHER) != expected


def test_a_machine_of_its_launch_is_signed() -> None:
    verdict = judge(NODE, GOOD, claim())

    assert (verdict.sign, verdict.reason, verdict.wrong) == (True, Reason.OURS, False)
    assert verdict.key == fingerprint(GOOD)


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param(request(NODE, RIGHT), id="no extensions"),
        pytest.param(request(NODE, RIGHT, extensions={PRIVATE: "ours"}), id="a private one"),
        pytest.param(request(NODE, RIGHT, key=ec_key()), id="a P-256 key"),
        pytest.param(request(NODE, RIGHT, key=ec_key(ec.SECP521R1)), id="a P-521 key"),
    ],
)
def test_so_is_one_that_says_less_or_more_that_does_no_harm(pem: bytes) -> None:
    assert judge(NODE, pem, claim()).sign


@pytest.mark.parametrize("state", sorted(ANSWERED))
def test_a_machine_is_signed_in_every_state_in_which_the_enc_answers(state: State) -> None:
    assert judge(NODE, GOOD, claim(node=our_node(state=state))).sign


@pytest.mark.parametrize("state", sorted(set(State) - ANSWERED))
def test_and_in_no_other(state: State) -> None:
    verdict = judge(NODE, GOOD, claim(node=our_node(state=state)))

    assert (verdict.sign, verdict.reason, verdict.wrong) == (False, Reason.ENDED_NODE, True)


REFUSED = {
    "for another node": (request(OTHER, RIGHT), Reason.OTHER_SUBJECT),
    "without a password": (request(NODE), Reason.NO_PASSWORD),
    "with an empty one": (request(NODE, ""), Reason.WRONG_PASSWORD),
    "with a wrong one": (request(NODE, "0" * 64), Reason.WRONG_PASSWORD),
    "with another node's": (request(NODE, password(KEY, OTHER)), Reason.WRONG_PASSWORD),
    "with another launch's": (request(NODE, password("ab" * 32, NODE)), Reason.WRONG_PASSWORD),
    "with the key itself": (request(NODE, KEY), Reason.WRONG_PASSWORD),
    "with a longer one": (request(NODE, RIGHT + "0"), Reason.WRONG_PASSWORD),
    "with a shorter one": (request(NODE, RIGHT[:-1]), Reason.WRONG_PASSWORD),
    "in capitals": (request(NODE, RIGHT.upper()), Reason.WRONG_PASSWORD),
    "with another's instance id": (
        request(NODE, RIGHT, extensions={INSTANCE_ID: OTHER}),
        Reason.WRONG_INSTANCE,
    ),
    "with an instance id that is no text": (
        request(NODE, RIGHT, extensions={INSTANCE_ID: utf8(NODE) + b"\x00"}),
        Reason.UNREADABLE,
    ),
    "with pp_cli_auth": (
        request(NODE, RIGHT, extensions={CLI_AUTH: "true"}),
        Reason.FORBIDDEN_EXTENSION,
    ),
    "with pp_auth_role": (
        request(NODE, RIGHT, extensions={AUTH_ROLE: "admin"}),
        Reason.FORBIDDEN_EXTENSION,
    ),
    "with pp_authorization": (
        request(NODE, RIGHT, extensions={AUTHORIZATION: "x"}),
        Reason.FORBIDDEN_EXTENSION,
    ),
    "with the arc of authorization itself": (
        request(NODE, RIGHT, extensions={"1.3.6.1.4.1.34380.1.3": "x"}),
        Reason.FORBIDDEN_EXTENSION,
    ),
    "as an authority": (
        request(NODE, RIGHT, extensions={"2.5.29.19": b"\x30\x03\x01\x01\xff"}),
        Reason.FORBIDDEN_EXTENSION,
    ),
    "with alternative names": (request(NODE, RIGHT, names=["puppet"]), Reason.ALTERNATIVE_NAMES),
    "with its own name as one": (request(NODE, RIGHT, names=[NODE]), Reason.ALTERNATIVE_NAMES),
    "with a short key": (request(NODE, RIGHT, key=rsa_key("short", 1024)), Reason.BAD_KEY),
    "with a key of a small curve": (
        request(NODE, RIGHT, key=ec_key(ec.SECP192R1)),
        Reason.BAD_KEY,
    ),
    "with a key of another curve": (
        request(NODE, RIGHT, key=ec_key(ec.SECP256K1)),
        Reason.BAD_KEY,
    ),
    "with an exponent of three": (
        request(NODE, RIGHT, key=rsa_key("three", exponent=3)),
        Reason.BAD_KEY,
    ),
    "changed after it was signed": (
        pem_of(der_of(request(OTHER, RIGHT)).replace(OTHER.encode(), NODE.encode())),
        Reason.BAD_SIGNATURE,
    ),
    "signed with a short digest": (
        request(NODE, RIGHT, digest=hashes.SHA224()),
        Reason.BAD_SIGNATURE,
    ),
    "in no words": (b"", Reason.UNREADABLE),
}


@pytest.mark.parametrize(("pem", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_plainly_this_machines_is_refused_as_wrong(pem: bytes, reason: Reason) -> None:
    verdict = judge(NODE, pem, claim())

    assert (verdict.sign, verdict.reason, verdict.wrong) == (False, reason, True)
    assert verdict.why.startswith(f"{NODE}: ")
    assert KEY not in verdict.why
    assert RIGHT not in verdict.why


@pytest.mark.parametrize(("pem", "reason"), REFUSED.values(), ids=REFUSED)
def test_the_same_of_an_unknown_certname_is_refused_and_left_for_a_person(
    pem: bytes, reason: Reason
) -> None:
    verdict = judge(NODE, pem, claim(node=None, launch=None))

    assert (verdict.sign, verdict.wrong) == (False, False)


def unsigned(given: Verdict) -> tuple[Reason, bool]:
    assert not given.sign
    return given.reason, given.wrong


def test_a_machine_that_is_not_recorded_yet_is_neither_signed_nor_wrong() -> None:
    assert unsigned(judge(NODE, GOOD, claim(node=None))) == (Reason.UNKNOWN_NODE, False)


@pytest.mark.parametrize("state", [State.READY, State.RETIRING, State.ARCHIVED])
def test_a_foreign_node_is_for_a_person_to_sign(state: State) -> None:
    found = judge(
        "db1.example.com",
        request("db1.example.com"),
        Claim(now=START, node=foreign(state=state), launch=None),
    )

    assert unsigned(found) == (Reason.FOREIGN_NODE, False)
    assert "puppetserver ca sign --certname db1.example.com" in found.why


def test_a_machine_whose_launch_was_lost_with_the_store_is_for_a_person() -> None:
    assert unsigned(judge(NODE, GOOD, claim(launch=None))) == (Reason.NO_LAUNCH, False)


def test_a_launch_without_a_key_lets_nobody_in() -> None:
    empty = replace(LAUNCH, key="")
    pem = request(NODE, password("", NODE))

    assert unsigned(judge(NODE, pem, claim(launch=empty))) == (Reason.NO_LAUNCH, False)


def test_a_password_is_good_until_its_time() -> None:
    assert judge(NODE, GOOD, claim(now=EXPIRES - timedelta(milliseconds=1))).sign


def test_a_right_password_that_comes_too_late_is_left_for_a_person() -> None:
    assert unsigned(judge(NODE, GOOD, claim(now=EXPIRES))) == (Reason.EXPIRED, False)


def test_a_wrong_password_that_comes_too_late_is_wrong() -> None:
    late = judge(NODE, request(NODE, "0" * 64), claim(now=EXPIRES))

    assert unsigned(late) == (Reason.WRONG_PASSWORD, True)


def test_the_key_that_was_signed_is_signed_again() -> None:
    signed = our_node(csr_key=fingerprint(GOOD))

    assert judge(NODE, GOOD, claim(node=signed)).reason is Reason.OURS_AGAIN
    assert judge(NODE, GOOD, claim(node=signed, now=EXPIRES)).sign


def test_another_key_is_not_whatever_password_it_comes_with() -> None:
    signed = our_node(csr_key=fingerprint(GOOD))
    other = request(NODE, RIGHT, key=rsa_key("other"))

    assert unsigned(judge(NODE, other, claim(node=signed))) == (Reason.OTHER_KEY, True)


@pytest.mark.parametrize("word", [None, "0" * 64], ids=["none", "a wrong one"])
def test_the_key_that_was_signed_without_its_password_is_for_a_person(word: str | None) -> None:
    """The machine deletes its password once it has its certificate."""
    signed = our_node(csr_key=fingerprint(GOOD))

    verdict = judge(NODE, request(NODE, word), claim(node=signed))

    assert (verdict.sign, verdict.wrong) == (False, False)
    assert f"puppetserver ca sign --certname {NODE}" in verdict.why


def test_the_key_that_was_signed_gets_nothing_more_than_it_had() -> None:
    signed = our_node(csr_key=fingerprint(GOOD))
    more = request(NODE, RIGHT, extensions={CLI_AUTH: "true"})

    assert not judge(NODE, more, claim(node=signed)).sign
