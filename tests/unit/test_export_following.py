"""When an export is made: soon after an event, not too often, again after a failure, said once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from enc.inventory import StoreUnavailableError
from provisioner.exporting.export import ExportResult
from provisioner.exporting.following import Following, Pace
from provisioner.ports.exports import ExportError
from tests.fakes.clock import FakeClock

PACE = Pace(look=1.0, gather=2.0, rest=10.0, longest=60.0, again=300.0)
NOTHING = ExportResult(hosts=1, written=False, reloaded=False)
CHANGED = ExportResult(hosts=1, written=True, reloaded=True)


@dataclass
class Silent:
    """Implements Notifier."""

    words: list[str] = field(default_factory=list)

    def ready(self) -> None:
        self.words.append("ready")

    def status(self, text: str) -> None: ...

    def alive(self) -> None: ...

    def stopping(self) -> None:
        self.words.append("stopping")


@dataclass
class World:
    """Implements Stop: time passes while it waits, and events happen at their seconds."""

    until: float
    events: Iterable[float] = ()
    answers: Callable[[float], ExportResult] = lambda _: CHANGED
    away: Callable[[float], bool] = lambda _: False
    clock: FakeClock = field(default_factory=FakeClock)
    exports: list[float] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    notifier: Silent = field(default_factory=Silent)

    def asked(self) -> bool:
        return self.clock.monotonic() > self.until

    def wait(self, seconds: float) -> bool:
        self.clock.step(seconds)
        return self.asked()

    def newest(self) -> str:
        now = self.clock.monotonic()
        if self.away(now):
            raise StoreUnavailableError("it is away")
        return str(sum(at <= now for at in self.events))

    def export(self) -> ExportResult:
        self.exports.append(self.clock.monotonic())
        return self.answers(self.clock.monotonic())

    def lived(self) -> World:
        Following(
            export=self.export,
            newest=self.newest,
            told=lambda came: "written" if came.written else "nothing to do",
            stood=lambda: "the file stays",
            say=self.said.append,
            clock=self.clock,
            notifier=self.notifier,
            stop=self,
            pace=PACE,
        ).run()
        return self


def failing(now: float) -> ExportResult:
    raise ExportError("no reload")


def test_the_first_is_made_at_once_and_the_next_when_everything_is_looked_at_again() -> None:
    world = World(until=310).lived()
    assert world.exports == [0, 300]
    assert world.notifier.words == ["ready", "stopping"]


def test_an_event_is_followed_soon_and_what_comes_with_it_in_one() -> None:
    assert World(until=60, events=(30, 31, 31.5)).lived().exports == [0, 32]


def test_events_that_go_on_do_not_make_it_export_all_the_time() -> None:
    assert World(until=40, events=range(40)).lived().exports == [0, 10, 20, 30, 40]


def test_one_that_fails_is_tried_again_ever_more_seldom_and_said_once() -> None:
    world = World(until=200, answers=failing).lived()
    assert world.exports == [0, 10, 30, 70, 130, 190]
    assert world.said == ["no reload"]


def test_one_that_works_again_says_so() -> None:
    world = World(until=20, answers=lambda now: failing(now) if now < 5 else CHANGED).lived()
    assert world.said == ["no reload", "all is well again: written"]


def test_a_store_that_is_away_is_asked_and_not_exported_from_and_said_once() -> None:
    world = World(
        until=60, events=(30,), away=lambda now: 20 <= now < 40, answers=lambda _: NOTHING
    ).lived()
    assert world.exports == [0, 40]
    assert world.said == ["it is away; the file stays", "all is well again: nothing to do"]


def test_a_fault_of_ours_is_outlived_and_told() -> None:
    def odd(now: float) -> ExportResult:
        if now < 5:
            raise KeyError("odd")
        return CHANGED

    world = World(until=20, answers=odd).lived()
    assert world.said[0] == "KeyError: 'odd'"
    assert world.exports == [0, 10]


def test_a_warning_is_said_once_and_again_when_it_had_gone() -> None:
    def warned(now: float) -> ExportResult:
        warnings = ("i-0a: odd",) if now < 300 or now >= 600 else ()
        return ExportResult(hosts=1, written=False, reloaded=False, warnings=warnings)

    world = World(until=640, events=(20,), answers=warned).lived()
    assert world.said == ["warning: i-0a: odd"] * 2
