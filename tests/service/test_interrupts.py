"""Ctrl-C and its kin, with real signals in this very process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from enc.domain.model import LaunchState
from enc.inventory import Inventory
from provisioner.cli.interrupts import HELD, STOPS, Interrupts
from provisioner.launching.abandon import abandon
from provisioner.launching.launch import LaunchCutShortError, launch
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import FakeCloud
from tests.workbench import Workbench


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Interrupts never gives handlers back: a command ends with them. The test does."""
    before = {number: signal.getsignal(number) for number in STOPS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def interrupts(said: list[str]) -> Interrupts:
    found = Interrupts(said.append)
    found.install()
    return found


def press(number: int = signal.SIGINT) -> None:
    """The handler has run when this returns, or raises what it raises."""
    signal.raise_signal(number)


@contextmanager
def stopped(kind: type[BaseException] = KeyboardInterrupt) -> Iterator[None]:
    with pytest.raises(kind):
        yield


@pytest.mark.parametrize("number", STOPS)
def test_outside_of_a_shield_a_signal_is_obeyed_at_once(
    interrupts: Interrupts, said: list[str], number: int
) -> None:
    with pytest.raises(KeyboardInterrupt):
        press(number)
    assert said == []


@pytest.mark.parametrize("number", STOPS)
def test_inside_of_a_shield_it_waits_for_the_end_and_says_so(
    interrupts: Interrupts, said: list[str], number: int
) -> None:
    done = []
    with stopped(), interrupts.shielded():
        press(number)
        done.append("the call")
    assert done == ["the call"]
    assert said == [HELD]


def test_it_waits_for_the_outermost_shield(interrupts: Interrupts) -> None:
    done = []
    with stopped(), interrupts.shielded():
        with interrupts.shielded():
            press()
        done.append("the rest")
    assert done == ["the rest"]


def test_the_second_signal_is_obeyed_inside_of_a_shield(interrupts: Interrupts) -> None:
    done = []
    with stopped(), interrupts.shielded():
        press()
        press(signal.SIGTERM)
        done.append("never")
    assert done == []


def test_after_a_forced_stop_no_shield_holds(interrupts: Interrupts, said: list[str]) -> None:
    with stopped(), interrupts.shielded():
        press()
        press()
    with stopped(), interrupts.shielded():
        press()
        raise AssertionError("it was held back")
    assert said == [HELD]


def test_a_stop_that_was_taken_leaves_later_shields_as_they_were(interrupts: Interrupts) -> None:
    """As the cleaning up after the first Ctrl-C."""
    with pytest.raises(KeyboardInterrupt):
        press()
    with interrupts.shielded():
        pass
    done = []
    with stopped(), interrupts.shielded():
        press()
        done.append("cleaned up")
    assert done == ["cleaned up"]


def test_a_shield_without_a_signal_raises_nothing(interrupts: Interrupts) -> None:
    with interrupts.shielded(), interrupts.shielded():
        pass


def test_a_failure_inside_is_told_and_the_signal_forgotten(interrupts: Interrupts) -> None:
    with stopped(ZeroDivisionError), interrupts.shielded():
        press()
        raise ZeroDivisionError
    with interrupts.shielded():
        pass


def test_a_failure_that_is_dealt_with_inside_forgets_no_signal(interrupts: Interrupts) -> None:
    done = []
    with stopped(), interrupts.shielded():
        with stopped(ZeroDivisionError), interrupts.shielded():
            press()
            raise ZeroDivisionError
        done.append("went on")
    assert done == ["went on"]


@pytest.mark.parametrize("error", [OSError("the terminal is gone"), RuntimeError("reentrant call")])
def test_a_message_that_cannot_be_said_changes_nothing(error: Exception) -> None:
    def mute(_text: str) -> None:
        raise error

    interrupts = Interrupts(mute)
    interrupts.install()
    with stopped(), interrupts.shielded():
        press()


@pytest.mark.parametrize("number", STOPS)
def test_a_signal_that_was_ignored_stays_ignored(said: list[str], number: int) -> None:
    signal.signal(number, signal.SIG_IGN)
    Interrupts(said.append).install()

    press(number)


# Together with a launch.


@pytest.fixture
def bench(inventory: Inventory, clock: FakeClock) -> Workbench:
    return Workbench(inventory, clock, FakeCloud(clock))


def test_a_forced_stop_names_what_ec2_may_still_make(bench: Workbench) -> None:
    """The machines came, and the answer did not: they are found by the launch's tag."""
    bench.cloud.fail("create_fleet", KeyboardInterrupt(), after=True)

    outcome = launch(bench.context, bench.order(2))

    assert outcome.launch.state is LaunchState.INTERRUPTED
    [left] = outcome.left
    assert left.startswith("perhaps up to 2 more machine(s): EC2's answer was not waited for")
    assert len(abandon(bench.context, outcome.launch).nodes) == 2


def test_a_stop_between_two_calls_leaves_nothing_in_doubt(bench: Workbench) -> None:
    bench.cloud.capacity("spot:*:*", 0)
    bench.clock.at_sleep(KeyboardInterrupt())

    outcome = launch(bench.context, bench.order(2))

    assert outcome.left == ()


def test_a_stop_while_the_intent_is_written_is_known_by_its_launch(bench: Workbench) -> None:
    """Whether it was written is for the store to tell."""
    bench.reporter.say = stop  # type: ignore[method-assign]

    with pytest.raises(LaunchCutShortError) as cut:
        launch(bench.context, bench.order())

    assert bench.inventory.launches.get(cut.value.launch) is not None
    assert bench.cloud.count("create_template") == 0


def stop(_text: str) -> None:
    raise KeyboardInterrupt
