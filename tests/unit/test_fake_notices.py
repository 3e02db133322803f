"""The queue in memory keeps time as SQS does, and fails as a test has planned it."""

from __future__ import annotations

import pytest

from provisioner.ports.errors import Trouble
from tests.fakes.clock import FakeClock
from tests.fakes.events import MACHINE
from tests.fakes.notices import HIDDEN, FakeNotices


class DeathError(BaseException):
    """The caller dies."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def queue(clock: FakeClock) -> FakeNotices:
    queue = FakeNotices(clock)
    queue.interrupt(MACHINE)
    return queue


def test_what_was_not_done_comes_again_when_its_time_is_over(
    queue: FakeNotices, clock: FakeClock
) -> None:
    first = queue.take()
    clock.step(HIDDEN - 1)
    assert queue.take() == ()
    clock.step(1)

    (again,) = queue.take()
    assert (again.at, again.handle != first[0].handle) == (first[0].at, True)


def test_an_older_handle_deletes_it_as_well(queue: FakeNotices, clock: FakeClock) -> None:
    first = queue.take()
    clock.step(HIDDEN)
    queue.take()
    queue.done(first)

    assert queue.left == []


@pytest.mark.parametrize(("after", "left"), [(False, [MACHINE]), (True, [])])
def test_a_caller_can_die_before_and_after_the_work(
    queue: FakeNotices, after: bool, left: list[str]
) -> None:
    taken = queue.take()
    queue.fail("done", DeathError(), after=after)
    with pytest.raises(DeathError):
        queue.done(taken)

    assert queue.left == left


def test_calls_are_written_down(queue: FakeNotices) -> None:
    queue.fail("done", Trouble.THROTTLED)
    taken = queue.take(5)
    queue.done(taken)

    assert queue.calls == [("take", 5), ("done", taken)]
    assert queue.left == [MACHINE]


def test_what_is_no_notice_is_dropped_with_its_reason(queue: FakeNotices) -> None:
    queue.post("broken", times=2)
    queue.take()

    assert queue.dropped == ["it is not an event in JSON"] * 2
    assert len(queue.messages) == 1
