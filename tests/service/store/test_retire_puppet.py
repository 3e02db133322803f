"""What Puppet knows of a node goes with it: certificate and request, PuppetDB, archive."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from enc.domain.model import ArchivedNode, Node, State
from enc.inventory import Inventory
from provisioner.ending.puppet import NO_CA, NO_PUPPETDB, clean_ended
from provisioner.launching.launch import launch
from provisioner.ports.errors import PuppetError, Refusal
from tests.builders import event, foreign
from tests.csrs import spoiling
from tests.fakes.ca import FakeCA
from tests.fakes.clock import FakeClock
from tests.service.retirements import Stage

PASSING = [Refusal.AWAY, Refusal.ILL]
FOR_GOOD = [Refusal.DENIED, Refusal.MISSING, Refusal.CONFLICT, Refusal.UNEXPECTED]


@pytest.fixture
def stage(inventory: Inventory, clock: FakeClock) -> Stage:
    return Stage.of(inventory, clock)


# In order, and completely.


def test_a_node_is_forgotten_everywhere_and_its_life_tells_each_step(stage: Stage) -> None:
    [machine] = stage.launched()
    result = stage.end([machine])
    name = machine.certname
    assert result.archived == (name,)
    assert (stage.ca.revoked, stage.ca.signed) == ([name], [])
    assert list(stage.puppetdb.deactivated) == [name]
    assert stage.life(name)[-6:] == [
        *("retiring", "terminated", "gone"),
        *("certificate revoked", "deactivated in PuppetDB", "archived"),
    ]


def test_each_comes_after_what_it_needs(stage: Stage) -> None:
    [machine] = stage.launched()
    seen: list[object] = []
    stage.ca.on("clean", lambda: seen.append(list(stage.bench.cloud.alive)))
    stage.puppetdb.on("deactivate", lambda: seen.append(list(stage.ca.signed)))
    stage.end([machine])
    assert seen == [[], []]


def test_a_request_that_waits_goes_too(stage: Stage) -> None:
    """Signed later it would be a dead machine's certificate."""
    [machine] = stage.launched()
    stage.ca.submit(machine.certname)
    stage.end([machine])
    assert stage.ca.requests_pending == []


def test_a_strangers_request_that_spoils_the_list_keeps_no_node_from_its_end(stage: Stage) -> None:
    [machine] = stage.launched()
    stage.ca.submit("zzz-stranger", spoiling("zzz-stranger"))
    stage.ca.submit(machine.certname)
    assert stage.end([machine]).archived
    assert (stage.ca.revoked, stage.ca.requests_pending) == ([machine.certname], ["zzz-stranger"])


def test_a_node_that_never_had_a_certificate_ends_like_others(stage: Stage) -> None:
    nodes = list(launch(stage.bench.context, stage.bench.order(1)).nodes)
    assert stage.end(nodes).archived
    assert stage.ca.revoked == []


def test_fifty_nodes_are_cleaned_in_one_call(stage: Stage) -> None:
    nodes = stage.launched(50)
    assert len(stage.end(nodes).archived) == 50
    assert stage.ca.count("clean") == 1
    assert stage.ca.vault.revocations == 1


def test_a_foreign_node_loses_its_certificate_and_ec2_is_not_asked(stage: Stage) -> None:
    made = stage.foreign()
    assert stage.end([made]).archived == (made.certname,)
    assert stage.ca.revoked == [made.certname]
    assert list(stage.puppetdb.deactivated) == [made.certname]
    assert stage.bench.cloud.calls == []


def test_foreign_nodes_and_machines_share_the_call(stage: Stage) -> None:
    nodes = [stage.foreign(), *stage.launched(2)]
    stage.end(nodes)
    assert stage.ca.count("clean") == 1


def test_others_are_not_kept_waiting_by_a_machine_that_will_not_end(stage: Stage) -> None:
    slow, quick = stage.launched(2)
    stage.bench.cloud.kill(quick.certname)
    stage.bench.clock.step(1)
    stage.bench.cloud.manners.shutdown_s = 10_000
    stage.bench.cloud.forget(quick.certname)
    began = stage.bench.clock.now()
    cleaned: list[timedelta] = []
    stage.ca.on("clean", lambda: cleaned.append(stage.bench.clock.now() - began))
    result = stage.end([slow, quick])
    timeouts = stage.bench.timeouts
    assert cleaned[0] < timeouts.suspect + timeouts.gather + timedelta(seconds=5)
    assert result.archived == (quick.certname,)
    assert list(result.remaining) == [slow.certname]


def test_the_certificate_of_a_machine_that_is_not_gone_is_kept(stage: Stage) -> None:
    stage.bench.cloud.manners.shutdown_s = 10_000
    [machine] = stage.launched()
    stage.end([machine])
    assert stage.ca.calls == []
    assert stage.ca.signed == [machine.certname]


# Without a CA, without PuppetDB.


def in_two_batches(stage: Stage) -> list[Node]:
    """The first has ended already, the others take longer than it is kept waiting for them."""
    nodes = stage.launched(3)
    stage.bench.cloud.kill(nodes[0].certname)
    stage.bench.cloud.manners.shutdown_s = 3 * stage.bench.timeouts.gather.total_seconds()
    stage.bench.clock.step(stage.bench.cloud.manners.shutdown_s)
    return nodes


def test_without_a_ca_nodes_end_all_the_same_and_it_is_said_once(stage: Stage) -> None:
    nodes = in_two_batches(stage)
    stage.bench.ca = None
    assert len(stage.end(nodes).archived) == 3
    assert stage.bench.reporter.said.count(NO_CA) == 1
    assert "certificate not revoked" in stage.life(nodes[0].certname)
    assert "certificate revoked" not in stage.life(nodes[0].certname)
    assert len(stage.puppetdb.deactivated) == 3


def test_without_puppetdb_nodes_end_all_the_same_and_it_is_said_once(stage: Stage) -> None:
    nodes = in_two_batches(stage)
    stage.bench.puppetdb = None
    assert len(stage.end(nodes).archived) == 3
    assert stage.bench.reporter.said.count(NO_PUPPETDB) == 1
    assert "not deactivated in PuppetDB" in stage.life(nodes[0].certname)
    assert stage.ca.signed == []


def test_with_both_nothing_of_that_is_said(stage: Stage) -> None:
    stage.end(stage.launched())
    assert not {NO_CA, NO_PUPPETDB} & set(stage.bench.reporter.said)


# The CA says no, or nothing.


@pytest.mark.parametrize("refusal", [*PASSING, *FOR_GOOD])
def test_what_the_ca_did_not_do_remains_and_is_gone_on_with(stage: Stage, refusal: Refusal) -> None:
    nodes = stage.launched(2)
    stage.ca.fail("clean", refusal, hint="look at its log", times=10_000)
    result = stage.end(nodes)
    assert result.archived == ()
    for one in nodes:
        said = result.remaining[one.certname]
        assert "its certificate is not revoked yet" in said
        assert str(refusal) in said
        assert said.endswith("; look at its log")
        left = stage.now(one.certname)
        assert (left.state, left.retire_step) == (State.RETIRING, "clean")
    assert stage.puppetdb.calls == []

    stage.ca.heal()
    left_over = stage.bench.inventory.nodes.many([one.certname for one in nodes])
    assert len(stage.end(left_over).archived) == 2
    assert sorted(stage.ca.revoked) == sorted(one.certname for one in nodes)
    assert stage.bench.cloud.count("terminate") == 1


@pytest.mark.parametrize("refusal", PASSING)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after doing"])
def test_what_passes_is_waited_out(stage: Stage, refusal: Refusal, *, after: bool) -> None:
    [machine] = stage.launched()
    stage.ca.fail("clean", refusal, times=2, after=after)
    assert stage.end([machine]).archived
    assert stage.ca.revoked == [machine.certname]


@pytest.mark.parametrize("refusal", PASSING)
def test_a_ca_that_stays_away_is_not_waited_for_by_each_of_many(
    stage: Stage, refusal: Refusal
) -> None:
    nodes = stage.launched(50)
    stage.ca.fail("clean", refusal, times=10_000)
    began = stage.bench.clock.now()
    assert len(stage.end(nodes).remaining) == 50
    assert stage.bench.clock.now() - began < 3 * stage.bench.timeouts.patience


@pytest.mark.parametrize("refusal", [Refusal.AWAY, Refusal.DENIED])
def test_a_no_that_holds_for_all_is_not_asked_for_again_one_by_one(
    stage: Stage, refusal: Refusal
) -> None:
    stage.ca.fail("clean", refusal, times=10_000)
    stage.end(stage.launched(20))
    asked = set(stage.ca.requests("clean"))
    assert len(asked) == 1


@pytest.mark.parametrize("refusal", [Refusal.DENIED, Refusal.MISSING, Refusal.CONFLICT])
def test_a_no_to_each_of_many_has_one_message(stage: Stage, refusal: Refusal) -> None:
    stage.ca.fail("clean", refusal, hint="all of them")
    for number in range(4):
        stage.ca.fail("clean", refusal, hint=f"part {number}")
    [said] = set(stage.end(stage.launched(3)).remaining.values())
    assert said.endswith("; all of them")


class Spoilt(FakeCA):
    """Cannot clean one name, nor any list with it."""

    bad = ""
    refusal = Refusal.CONFLICT

    def clean(self, certnames: Sequence[str]) -> None:
        if self.bad in certnames:
            self.fail("clean", self.refusal)
        super().clean(certnames)


@pytest.mark.parametrize("refusal", [refusal for refusal in FOR_GOOD if refusal != "denied"])
@pytest.mark.parametrize("again", [False, True], ids=["the first time", "each time"])
def test_one_bad_certificate_does_not_keep_the_others(
    stage: Stage, refusal: Refusal, *, again: bool
) -> None:
    _one_is_spoilt(stage, refusal, times=2 if again else 1)


def test_one_that_makes_the_ca_ill_does_not_keep_the_others(stage: Stage) -> None:
    _one_is_spoilt(stage, Refusal.ILL, times=2)


def test_one_bad_certificate_among_many_costs_few_calls(stage: Stage) -> None:
    stage.ca = stage.bench.ca = Spoilt()
    nodes = stage.launched(64)
    stage.ca.bad = nodes[40].certname

    assert len(stage.end(nodes).archived) == 63
    assert stage.ca.count("clean") <= 2 * 7


def test_a_ca_that_takes_long_for_each_no_is_not_asked_for_each_node(stage: Stage) -> None:
    nodes = stage.launched(50)

    def slowly() -> None:
        stage.bench.clock.sleep(50)
        stage.ca.on("clean", slowly)

    stage.ca.on("clean", slowly)
    stage.ca.fail("clean", Refusal.UNEXPECTED, times=1000, after=True)

    result = stage.end(nodes)

    assert len(result.remaining) == 50
    assert stage.ca.count("clean") <= 3


def test_a_foreign_name_that_was_made_anew_meanwhile_keeps_its_certificate(stage: Stage) -> None:
    """Somebody ends it, and makes and signs it again, while our retirement waits for EC2."""
    [machine] = stage.launched()
    again = stage.foreign()
    store = stage.bench.inventory.nodes

    def remade() -> None:
        there = store.get(again.certname)
        assert there is not None
        store.archive(there, event())
        made = foreign(again.certname, launched_at=stage.bench.clock.now())
        store.create(made, event())
        stage.ca.issue(again.certname)

    stage.bench.cloud.on("describe", remade)
    result = stage.end([machine, again])

    assert stage.ca.revoked == [machine.certname]
    assert stage.now(again.certname).state is State.READY
    assert list(result.remaining) == [again.certname]


def test_what_ended_without_a_ca_is_revoked_later_and_once(stage: Stage) -> None:
    [machine] = stage.launched()
    stage.bench.ca = None
    stage.end([machine])
    ended = stage.bench.inventory.nodes.archived(machine.certname)
    assert ended is not None
    assert not clean_ended(stage.bench.context, ended)

    stage.bench.ca = stage.ca

    assert clean_ended(stage.bench.context, ended)
    assert not clean_ended(stage.bench.context, ended)
    assert stage.ca.revoked == [machine.certname]
    assert stage.life(machine.certname)[-1] == "certificate revoked"


def ended_without_a_ca(stage: Stage) -> ArchivedNode:
    [machine] = stage.launched()
    stage.bench.ca = None
    stage.end([machine])
    stage.bench.ca = stage.ca
    ended = stage.bench.inventory.nodes.archived(machine.certname)
    assert ended is not None
    return ended


def test_what_ended_without_a_ca_and_lives_after_all_keeps_its_certificate(stage: Stage) -> None:
    ended = ended_without_a_ca(stage)
    alive = replace(ended.node, instance_id=stage.launched()[0].certname)

    assert not clean_ended(stage.bench.context, replace(ended, node=alive))
    assert stage.ca.revoked == []


def test_what_ended_without_a_ca_and_is_spared_keeps_its_certificate(stage: Stage) -> None:
    ended = ended_without_a_ca(stage)
    stage.bench.spared = {ended.node.certname: "it is our own"}

    assert not clean_ended(stage.bench.context, ended)
    assert stage.ca.revoked == []


@pytest.mark.parametrize("after", [False, True])
def test_a_revocation_that_is_made_up_for_and_fails_is_repeated(
    stage: Stage, *, after: bool
) -> None:
    ended = ended_without_a_ca(stage)
    stage.ca.fail("clean", Refusal.AWAY, after=after)

    with pytest.raises(PuppetError):
        clean_ended(stage.bench.context, ended)
    assert clean_ended(stage.bench.context, ended)
    assert stage.ca.revoked == [ended.node.certname]


def test_what_ended_with_its_certificate_is_left(stage: Stage) -> None:
    [machine] = stage.launched()
    stage.end([machine])
    ended = stage.bench.inventory.nodes.archived(machine.certname)
    assert ended is not None

    assert not clean_ended(stage.bench.context, ended)
    assert stage.ca.count("clean") == 1


def test_puppetdb_hears_a_time_that_is_not_before_the_last_report(stage: Stage) -> None:
    [machine] = stage.launched()
    ahead = stage.bench.clock.now() + timedelta(hours=2)
    stage.bench.inventory.nodes.change(machine, event(), report_at=ahead)

    stage.end([stage.now(machine.certname)])

    assert stage.puppetdb.deactivated[machine.certname] == ahead


def _one_is_spoilt(stage: Stage, refusal: Refusal, times: int) -> None:
    stage.ca = stage.bench.ca = Spoilt()
    nodes = stage.launched(5)
    stage.ca.bad, stage.ca.refusal = nodes[0].certname, refusal
    done: list[str] = []
    for _ in range(times):
        left = stage.bench.inventory.nodes.many([one.certname for one in nodes])
        done += stage.end(left).archived
    assert sorted(done) == sorted(one.certname for one in nodes[1:])
    assert stage.now(nodes[0].certname).retire_step == "clean"


# PuppetDB says no, or nothing.


@pytest.mark.parametrize("refusal", [*PASSING, *FOR_GOOD])
def test_what_puppetdb_did_not_hear_is_cleaned_and_not_archived(
    stage: Stage, refusal: Refusal
) -> None:
    nodes = stage.launched(2)
    stage.puppetdb.fail("deactivate", refusal, hint="look at its log", times=10_000)
    result = stage.end(nodes)
    assert result.archived == ()
    for one in nodes:
        assert "PuppetDB is not told yet" in result.remaining[one.certname]
        assert stage.now(one.certname).retire_step == "deactivate"
    assert stage.ca.signed == []

    stage.puppetdb.heal()
    left_over = stage.bench.inventory.nodes.many([one.certname for one in nodes])
    assert len(stage.end(left_over).archived) == 2
    assert stage.ca.count("clean") == 1


@pytest.mark.parametrize("refusal", PASSING)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after doing"])
def test_a_puppetdb_that_comes_back_is_waited_for(
    stage: Stage, refusal: Refusal, *, after: bool
) -> None:
    stage.puppetdb.fail("deactivate", refusal, times=2, after=after)
    assert stage.end(stage.launched()).archived


@pytest.mark.parametrize("refusal", PASSING)
def test_a_puppetdb_that_stays_away_is_not_waited_for_by_each_of_many(
    stage: Stage, refusal: Refusal
) -> None:
    nodes = stage.launched(50)
    stage.puppetdb.fail("deactivate", refusal, times=10_000)
    began = stage.bench.clock.now()
    assert len(stage.end(nodes).remaining) == 50
    assert stage.bench.clock.now() - began < 3 * stage.bench.timeouts.patience


@pytest.mark.parametrize("refusal", [Refusal.ILL, Refusal.CONFLICT])
def test_one_node_that_puppetdb_will_not_take_does_not_keep_the_others(
    stage: Stage, refusal: Refusal
) -> None:
    stage.bench.timeouts = stage.bench.timeouts.__class__(patience=timedelta(0))
    stage.puppetdb.fail("deactivate", refusal)
    nodes = stage.launched(3)
    result = stage.end(nodes)
    assert len(result.archived) == 2
    assert len(result.remaining) == 1
