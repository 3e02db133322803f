"""The second chance: what waits at the CA is judged as the policy judges it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from redis import Redis

from enc.domain.model import State
from enc.domain.trust import password
from enc.inventory import Inventory, StoreLostError
from enc.inventory.clock import redis_now
from provisioner.launching.follow import follow_to_ready
from provisioner.ports.errors import PuppetError, Refusal
from provisioner.signing.sign import Done, Judged, sign_pending
from tests.builders import event, foreign, launch, node
from tests.csrs import CLI_AUTH, ec_key, request, spoiling
from tests.fakes.ca import FakeCA
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.workbench import Workbench

NODE, OTHER = "i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2"
LAUNCH = "l-00000000000000aa"
KEY = "5e" * 32


def good(certname: str = NODE, name: str = "node") -> bytes:
    return request(certname, password(KEY, certname), key=ec_key(name=name))


@pytest.fixture
def ca() -> FakeCA:
    return FakeCA()


@pytest.fixture
def bench(inventory: Inventory, redis: Redis, ca: FakeCA) -> Workbench:
    """Two nodes of one launch, whose key is good for an hour; the clock agrees with Redis'."""
    now = redis_now(redis)
    opened = launch(LAUNCH, key=KEY, opened_at=now, key_expires=now + timedelta(hours=1))
    inventory.launches.open(opened, event())
    for name in (NODE, OTHER):
        inventory.nodes.create(node(name, launch=LAUNCH), event())
    clock = FakeClock(now)
    return Workbench(inventory, clock, FakeCloud(clock), ca=ca)


def signing(bench: Workbench, ca: FakeCA) -> list[tuple[str, Done]]:
    return [(one.certname, one.done) for one in sign_pending(bench.context, ca)]


def only(bench: Workbench, ca: FakeCA) -> Judged:
    [judged] = sign_pending(bench.context, ca)
    return judged


def test_requests_of_our_machines_are_signed(bench: Workbench, ca: FakeCA) -> None:
    ca.submit(NODE, good(NODE))
    ca.submit(OTHER, good(OTHER))

    assert signing(bench, ca) == [(NODE, Done.SIGNED), (OTHER, Done.SIGNED)]
    assert ca.signed == [NODE, OTHER]


def test_the_second_pass_has_nothing_to_do(bench: Workbench, ca: FakeCA) -> None:
    ca.submit(NODE, good())
    signing(bench, ca)
    before = bench.inventory.nodes.get(NODE)

    assert signing(bench, ca) == []
    assert bench.inventory.nodes.get(NODE) == before


@pytest.mark.parametrize(
    "pem",
    [
        pytest.param(request(NODE, "0" * 64, key=ec_key()), id="a wrong password"),
        pytest.param(request(NODE, password(KEY, OTHER), key=ec_key()), id="another node's"),
        pytest.param(
            request(NODE, password(KEY, NODE), key=ec_key(), extensions={CLI_AUTH: "true"}),
            id="pp_cli_auth",
        ),
        pytest.param(b"no request", id="no request at all"),
    ],
)
def test_a_wrong_one_in_a_nodes_name_is_deleted_so_that_its_own_is_taken(
    bench: Workbench, ca: FakeCA, pem: bytes
) -> None:
    ca.submit(NODE, pem)

    judged = only(bench, ca)
    assert (judged.done, ca.requests_pending, ca.signed) == (Done.REFUSED, [], [])

    ca.submit(NODE, good())
    assert signing(bench, ca) == [(NODE, Done.SIGNED)]


def test_a_retired_nodes_request_is_deleted(bench: Workbench, ca: FakeCA) -> None:
    found = bench.inventory.nodes.get(NODE)
    assert found is not None
    bench.inventory.nodes.change(found, event(), state=State.RETIRING)
    ca.submit(NODE, good())

    assert signing(bench, ca) == [(NODE, Done.REFUSED)]


@pytest.mark.parametrize("certname", ["laptop.example.com", "i-0bbbbbbbbbbbbbbb9", "db1", "a:b"])
def test_a_strangers_stays_for_a_person(bench: Workbench, ca: FakeCA, certname: str) -> None:
    bench.inventory.nodes.create(foreign("db1"), event())
    ca.submit(certname, good(certname))

    assert signing(bench, ca) == [(certname, Done.LEFT)]
    assert ca.requests_pending == [certname]


def test_one_that_was_not_recorded_yet_is_signed_once_it_is(bench: Workbench, ca: FakeCA) -> None:
    late = "i-0aaaaaaaaaaaaaaa3"
    ca.submit(late, good(late))
    assert signing(bench, ca) == [(late, Done.LEFT)]

    bench.inventory.nodes.create(node(late, launch=LAUNCH), event())

    assert signing(bench, ca) == [(late, Done.SIGNED)]


# The CA ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("refusal", Refusal)
def test_a_ca_that_answers_neither_the_list_nor_by_name_judges_nothing(
    bench: Workbench, ca: FakeCA, refusal: Refusal
) -> None:
    ca.submit(NODE, good())
    ca.fail("pending", refusal)
    ca.fail("request", Refusal.AWAY)

    with pytest.raises(PuppetError, match="pending"):
        signing(bench, ca)
    found = bench.inventory.nodes.get(NODE)
    assert found is not None
    assert found.csr_key == ""


@pytest.mark.parametrize(
    "refusal", [Refusal.UNEXPECTED, Refusal.CONFLICT, Refusal.MISSING, Refusal.ILL]
)
def test_a_request_that_cannot_be_signed_does_not_stop_the_next(
    bench: Workbench, ca: FakeCA, refusal: Refusal
) -> None:
    ca.submit(NODE, good(NODE))
    ca.submit(OTHER, good(OTHER))
    ca.fail("sign", refusal)

    assert signing(bench, ca) == [(NODE, Done.FAILED), (OTHER, Done.SIGNED)]
    assert signing(bench, ca) == [(NODE, Done.SIGNED)]


@pytest.mark.parametrize("refusal", [Refusal.AWAY, Refusal.DENIED])
def test_a_ca_that_goes_away_is_not_asked_again_and_the_next_pass_goes_on(
    bench: Workbench, ca: FakeCA, refusal: Refusal
) -> None:
    ca.submit(NODE, good(NODE))
    ca.submit(OTHER, good(OTHER))
    ca.fail("sign", refusal, hint="look at it")

    first, second = sign_pending(bench.context, ca)
    assert (first.done, second.done) == (Done.FAILED, Done.FAILED)
    assert first.why.endswith("; look at it")
    assert ca.count("request") == 1

    assert signing(bench, ca) == [(NODE, Done.SIGNED), (OTHER, Done.SIGNED)]


def test_a_signature_whose_answer_was_lost_is_found_made(bench: Workbench, ca: FakeCA) -> None:
    ca.submit(NODE, good())
    ca.fail("sign", Refusal.AWAY, after=True)

    assert signing(bench, ca) == [(NODE, Done.SIGNED)]
    assert signing(bench, ca) == []


def test_a_signature_of_which_nothing_is_heard_any_more_is_said_to_have_failed(
    bench: Workbench, ca: FakeCA
) -> None:
    ca.submit(NODE, good())
    ca.fail("sign", Refusal.AWAY, after=True)
    ca.fail("certificate", Refusal.AWAY)

    judged = only(bench, ca)

    assert (judged.done, ca.revoked) == (Done.FAILED, [])
    assert judged.why.startswith(f"{NODE}: sign")


def test_a_request_that_somebody_else_signed_meanwhile_is_signed(
    bench: Workbench, ca: FakeCA
) -> None:
    ca.submit(NODE, good())
    ca.on("request", lambda: ca.vault.sign(NODE))

    assert signing(bench, ca) == [(NODE, Done.SIGNED)]


def test_one_that_is_gone_when_it_is_looked_at_is_nothing(bench: Workbench, ca: FakeCA) -> None:
    ca.submit(NODE, good())
    ca.on("pending", ca.vault.requests.clear)

    assert signing(bench, ca) == []


def test_a_request_that_was_exchanged_before_the_signature_ends_revoked(
    bench: Workbench, ca: FakeCA
) -> None:
    ca.submit(NODE, good())
    ca.on("request", lambda: ca.vault.requests.update({NODE: good(name="other")}))

    judged = only(bench, ca)

    assert (judged.done, ca.revoked, ca.signed) == (Done.REVOKED, [NODE], [])
    assert "another key" in judged.why
    assert whats(bench)[-1] == "certificate revoked"


def test_a_certificate_that_is_not_shown_is_no_reason_to_revoke_it(
    bench: Workbench, ca: FakeCA
) -> None:
    for shown in (None, b"-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n"):
        ca.submit(NODE, good())
        ca.on("sign", lambda shown=shown: _show(ca, shown))  # type: ignore[misc]

        judged = only(bench, ca)

        assert (judged.done, ca.revoked) == (Done.FAILED, [])
        assert "signed, but" in judged.why
        ca.vault.signed.clear()


def _show(ca: FakeCA, shown: bytes | None) -> None:
    del ca.vault.signed[NODE]
    if shown:
        ca.vault.signed[NODE] = shown


def test_a_certificate_that_we_did_not_make_is_left(bench: Workbench, ca: FakeCA) -> None:
    ca.issue(NODE)
    ca.submit(NODE, good())
    ca.fail("sign", Refusal.CONFLICT)

    judged = only(bench, ca)

    assert (judged.done, ca.revoked, ca.signed) == (Done.LEFT, [], [NODE])


def test_a_node_that_is_retired_while_it_is_signed_keeps_no_certificate(
    bench: Workbench, ca: FakeCA
) -> None:
    def retire() -> None:
        found = bench.inventory.nodes.get(NODE)
        assert found is not None
        ending = bench.inventory.nodes.change(found, event(), state=State.RETIRING)
        bench.inventory.nodes.archive(ending, event())

    ca.submit(NODE, good())
    ca.on("sign", retire)

    judged = only(bench, ca)

    assert (judged.done, ca.revoked, ca.signed) == (Done.REVOKED, [NODE], [])
    assert "retired" in judged.why


def test_a_certificate_that_is_spared_is_not_revoked(bench: Workbench, ca: FakeCA) -> None:
    ca.submit(NODE, good())
    ca.on("request", lambda: ca.vault.requests.update({NODE: good(name="other")}))
    context = replace(bench.context, spared=lambda: {NODE: "it is our own"})

    [judged] = sign_pending(context, ca)

    assert (judged.done, ca.revoked) == (Done.FAILED, [])
    assert judged.why.endswith("it is our own")


def test_a_good_request_that_took_the_place_of_a_wrong_one_is_not_deleted(
    bench: Workbench, ca: FakeCA
) -> None:
    ca.submit(NODE, request(NODE, "0" * 64, key=ec_key()))
    ca.on("request", lambda: ca.vault.requests.update({NODE: good()}))

    assert signing(bench, ca) == [(NODE, Done.LEFT)]
    assert signing(bench, ca) == [(NODE, Done.SIGNED)]


def test_a_deleted_request_is_an_event_that_says_who_did_it(bench: Workbench, ca: FakeCA) -> None:
    ca.submit(NODE, request(NODE, "0" * 64, key=ec_key()))

    signing(bench, ca)

    last = bench.inventory.events.life(NODE)[-1]
    assert (last["what"], last["who"]) == ("certificate request deleted", "alice@ops")


def whats(bench: Workbench) -> list[str]:
    return [entry["what"] for entry in bench.inventory.events.life(NODE)]


def test_a_node_that_cannot_be_read_does_not_stop_the_next(
    bench: Workbench, ca: FakeCA, redis: Redis
) -> None:
    ca.submit(NODE, good(NODE))
    ca.submit(OTHER, good(OTHER))
    redis.hset(f"node:{NODE}", "state", "reddy")

    assert signing(bench, ca) == [(NODE, Done.FAILED), (OTHER, Done.SIGNED)]


def test_a_ca_that_takes_its_time_for_errors_is_not_asked_about_each(
    bench: Workbench, ca: FakeCA
) -> None:
    ca.submit(NODE, good(NODE))
    ca.submit(OTHER, good(OTHER))
    ca.on("request", lambda: bench.clock.sleep(31))
    ca.fail("sign", Refusal.ILL)

    assert signing(bench, ca) == [(NODE, Done.FAILED), (OTHER, Done.FAILED)]
    assert ca.count("sign") == 1


# The list is no answer ------------------------------------------------------------------------

STRANGER = "zzz-stranger"


@pytest.mark.parametrize("refusal", Refusal)
def test_where_the_list_is_no_answer_our_nodes_are_asked_for_by_name(
    bench: Workbench, ca: FakeCA, refusal: Refusal
) -> None:
    ca.submit(NODE, good())
    ca.submit("laptop.example.com", good("laptop.example.com"))
    ca.fail("pending", refusal, hint="it is too long")

    assert signing(bench, ca) == [(NODE, Done.SIGNED)]
    assert "it is too long" in bench.reporter.said[0]


def test_a_strangers_request_that_spoils_the_list_stops_nothing_and_is_named_with_its_cure(
    bench: Workbench, ca: FakeCA
) -> None:
    pem = ca.submit(STRANGER, spoiling(STRANGER))
    ca.submit("laptop", good("laptop"))
    for certname in ("laptop", STRANGER):
        bench.inventory.signing.judge(
            certname, ca.vault.requests[certname], site="default", who="puppet"
        )
    ca.submit(NODE, good())

    assert signing(bench, ca) == [(NODE, Done.SIGNED)]
    [said] = bench.reporter.said
    assert f"the request of {STRANGER} spoils the list" in said
    assert f'rm "$(puppet config print csrdir --section server)"/{STRANGER}.pem' in said
    assert "laptop" not in said
    assert ca.vault.requests[STRANGER] == pem


def test_one_that_nobody_asked_us_about_is_looked_for_by_a_person(
    bench: Workbench, ca: FakeCA
) -> None:
    ca.submit(STRANGER, spoiling(STRANGER))

    assert signing(bench, ca) == []
    assert "among the newest" in bench.reporter.said[0]


def test_one_in_a_nodes_name_is_deleted_and_the_list_is_an_answer_again(
    bench: Workbench, ca: FakeCA
) -> None:
    ca.submit(NODE, spoiling(NODE, password(KEY, NODE)))

    assert signing(bench, ca) == [(NODE, Done.REFUSED)]
    assert signing(bench, ca) == []
    assert len(bench.reporter.said) == 1


def test_a_list_that_is_an_answer_is_followed_by_no_warning(bench: Workbench, ca: FakeCA) -> None:
    ca.submit(NODE, good())
    signing(bench, ca)

    assert bench.reporter.said == []


def test_without_the_store_nothing_is_signed_and_nothing_deleted(
    bench: Workbench, ca: FakeCA, redis: Redis
) -> None:
    ca.submit(NODE, good())
    redis.flushall()

    with pytest.raises(StoreLostError):
        signing(bench, ca)
    assert (ca.requests_pending, ca.signed) == ([NODE], [])


# Waiting for ready ----------------------------------------------------------------------------


def waited(bench: Workbench) -> tuple[State, ...]:
    nodes = bench.inventory.nodes.many([NODE])
    until = bench.clock.now() + timedelta(seconds=20)
    return tuple(n.state for n in follow_to_ready(bench.context, nodes, until))


def test_waiting_for_ready_signs_what_is_awaited_and_no_other(bench: Workbench, ca: FakeCA) -> None:
    ca.submit(NODE, good(NODE))
    ca.submit(OTHER, good(OTHER))

    waited(bench)

    assert (ca.signed, ca.requests_pending) == ([NODE], [OTHER])
    assert any(line.startswith(f"signed: {NODE}") for line in bench.reporter.said)


def test_waiting_for_ready_outlives_a_ca_that_fails(bench: Workbench, ca: FakeCA) -> None:
    ca.submit(NODE, good())
    ca.fail("request", Refusal.AWAY, times=2)

    assert waited(bench) == (State.RUNNING,)
    assert ca.signed == [NODE]


def test_waiting_for_ready_asks_the_ca_seldom(bench: Workbench, ca: FakeCA) -> None:
    waited(bench)

    assert 3 <= ca.count("request") <= 4


def test_waiting_for_ready_does_not_wait_for_a_slow_ca(bench: Workbench, ca: FakeCA) -> None:
    nodes = bench.inventory.nodes.many([NODE, OTHER])
    for name in (NODE, OTHER):
        ca.submit(name, good(name))
    ca.on("request", lambda: bench.clock.sleep(30))

    follow_to_ready(bench.context, nodes, bench.clock.now() + timedelta(seconds=20))

    assert ca.requests("request") == [NODE]


def test_waiting_for_ready_does_without_a_ca(bench: Workbench) -> None:
    bench.ca = None

    assert waited(bench) == (State.RUNNING,)
