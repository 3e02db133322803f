"""No check stops another: neither by failing nor by falling silent."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event

from provisioner.adapters.clock import SystemClock
from provisioner.doctor.finding import Finding, Verdict, ok
from provisioner.doctor.running import Check, examine

WELL = ok("b", "well")


def well() -> list[Finding]:
    return [WELL]


def failing() -> Iterator[Finding]:
    yield ok("a", "first")
    raise RuntimeError("boom")


def test_findings_come_in_the_order_of_the_checks() -> None:
    late = Event()

    def last() -> Iterator[Finding]:
        late.wait(5)
        yield ok("a", "late")

    def first() -> Iterator[Finding]:
        yield WELL
        late.set()

    found = examine([Check(what="a", act=last), Check(what="b", act=first)], SystemClock())

    assert [[each.said for each in some] for some in found] == [["late"], ["well"]]


def test_a_check_that_fails_says_so_and_the_others_are_told() -> None:
    checks = [Check(what="a", act=failing), Check(what="b", act=well)]

    [broken, fine] = examine(checks, SystemClock())

    assert [each.verdict for each in broken] == [Verdict.OK, Verdict.BROKEN]
    assert "RuntimeError: boom" in broken[1].said
    assert fine == [WELL]


def test_a_silent_check_costs_its_time_and_is_named_and_what_it_had_found_is_kept() -> None:
    never = Event()

    def silent() -> Iterator[Finding]:
        yield ok("a", "first")
        # For ever: whoever waited for it would hang the test.
        never.wait()
        yield ok("a", "too late")

    checks = [Check(what="a", act=silent, seconds=0.2), Check(what="b", act=well)]
    [cut, fine] = examine(checks, SystemClock())
    never.set()

    assert [each.said for each in cut] == ["first", "no answer within 0.2 s"]
    assert (cut[1].what, cut[1].verdict) == ("a", Verdict.BROKEN)
    assert fine == [WELL]


def test_without_checks_there_is_nothing() -> None:
    assert examine([], SystemClock()) == []


def test_who_speaks_after_its_time_is_not_heard() -> None:
    spoken = Event()

    def late() -> Iterator[Finding]:
        Event().wait(0.3)
        yield ok("a", "late")
        spoken.set()

    def patient() -> Iterator[Finding]:
        spoken.wait(5)
        yield WELL

    checks = [Check(what="a", act=late, seconds=0.1), Check(what="b", act=patient)]
    [cut, fine] = examine(checks, SystemClock())

    assert [each.said for each in cut] == ["no answer within 0.1 s"]
    assert fine == [WELL]


def test_who_never_ends_is_cut_however_much_it_says() -> None:
    def chatty() -> Iterator[Finding]:
        while True:
            Event().wait(0.01)
            yield ok("a", "and another thing")

    [found] = examine([Check(what="a", act=chatty, seconds=0.2)], SystemClock())

    assert found[-1].said == "no answer within 0.2 s"
