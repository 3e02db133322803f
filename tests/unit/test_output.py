"""What commands print, as pure functions: tables, other people's texts, last words."""

from __future__ import annotations

import csv
import importlib
import io
from contextlib import redirect_stderr
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import pytest

from enc.domain.model import Kind, LaunchState, Market, Node, State
from enc.domain.rolespec import RoleSpec
from enc.inventory import StoreLostError
from provisioner.cli import errors
from provisioner.cli.csv_cells import cell, quoted
from provisioner.cli.durations import DurationType
from provisioner.cli.launches import standing
from provisioner.cli.main import cli
from provisioner.cli.outcome import LaunchReport
from provisioner.cli.records import NODE_FIELDS, age, launch_record, node_record
from provisioner.cli.reporters import QUIET_SECONDS, PlainReporter, TerminalReporter
from provisioner.cli.table import columns, lay_out
from provisioner.cli.texts import clean, readable, some
from provisioner.cli.usage import usage
from provisioner.launching.launch import Outcome
from provisioner.launching.order import Order
from provisioner.ports.errors import CloudError, Trouble
from tests.builders import launch, node
from tests.fakes.clock import FakeClock
from tests.workbench import role

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
ROWS = [{"certname": "i-1", "zone": "us-east-1a", "role": "web"}, {"certname": "i-22"}]


# Tables.


def test_a_table_has_a_title_a_column_and_a_line_a_row() -> None:
    assert lay_out(ROWS, columns("certname", "role", "zone")).lines == (
        "NODE  ROLE  ZONE",
        "i-1   web   us-east-1a",
        "i-22  -     -",
    )


def test_spare_columns_go_from_the_right_until_it_fits() -> None:
    shown = columns("certname", "[role]", "[zone]")

    assert lay_out(ROWS, shown, width=10).lines[0] == "NODE  ROLE"
    assert lay_out(ROWS, shown, width=10).hidden == ("ZONE",)
    assert lay_out(ROWS, shown, width=9).lines == ("NODE", "i-1", "i-22")
    assert lay_out(ROWS, shown, width=9).hidden == ("ROLE", "ZONE")


def test_what_is_not_spare_stays_however_narrow_it_is() -> None:
    table = lay_out(ROWS, columns("certname", "zone"), width=1)

    assert table.lines[1] == "i-1   us-east-1a"
    assert table.hidden == ()


def test_only_what_is_hidden_is_said_to_be() -> None:
    assert lay_out(ROWS, columns("certname", "[zone]"), width=80).hidden == ()


def test_paint_does_not_move_columns() -> None:
    table = lay_out(
        ROWS, columns("certname", "role"), paint=lambda key, _, text: f"<{text}>" if key else text
    )

    assert table.lines[1] == "<i-1 >  <web >"


# Texts.


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (None, ""),
        (3, "3"),
        ("bücher 東", "bücher 東"),
        ("a\nb\tc\r", "a\\nb\\tc\\r"),
        ("\x1b[31m\x9b\x7f\x00", "\\x1b[31m\\x9b\\x7f\\x00"),
        ("\u202e\u2028\ufeff", "\\u202e\\u2028\\ufeff"),
        ("\udcff", "\\udcff"),
    ],
)
def test_a_text_is_one_line_that_no_terminal_obeys(given: object, shown: str) -> None:
    assert clean(given) == shown


@pytest.mark.parametrize("formula", ["=1", "+1", "-1", "@x"])
def test_a_formula_becomes_text_in_csv(formula: str) -> None:
    assert cell(formula) == f"'{formula}"
    assert cell(f"a{formula}") == f"a{formula}"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("a;=1", "a;'=1"),
        ("a; =1;@x", "a; '=1;'@x"),
        ('a;"=1', "a;\"'=1"),
        ("=1;+2", "'=1;'+2"),
        (";\uff1d1", ";'\uff1d1"),
        ("a;b=1", "a;b=1"),
        ("a; b; c-1", "a; b; c-1"),
    ],
)
def test_a_formula_behind_what_some_take_for_the_end_of_a_cell_becomes_text(
    given: str, shown: str
) -> None:
    assert cell(given) == shown


@pytest.mark.parametrize("text", ["a;b", "a,b", 'a"b', "a\tb", "a\nb", ";", "a; b, c"])
def test_a_cell_that_somebody_would_split_is_quoted(text: str) -> None:
    assert quoted(text) == '"' + text.replace('"', '""') + '"'
    for delimiter in ",;\t":
        lines = csv.reader(io.StringIO(quoted(text)), delimiter=delimiter)
        assert list(lines) == [[text]]


@pytest.mark.parametrize("text", ["", "a", "a b", "i-0123", "2026-01-01T12:00:00.000Z", "a:b"])
def test_a_cell_that_nobody_would_split_is_not_quoted(text: str) -> None:
    assert quoted(text) == text


def test_people_need_no_milliseconds() -> None:
    assert readable("2026-01-01T12:00:00.123Z") == "2026-01-01T12:00:00Z"
    assert readable("at 2026-01-01T12:00:00.123Z") == "at 2026-01-01T12:00:00.123Z"


def test_many_names_are_counted() -> None:
    assert some(["a", "b"], 2) == "a, b"
    assert some(["a", "b", "c", "d"], 2) == "a, b and 2 more"


def test_an_age_is_one_word() -> None:
    assert age(NOW - timedelta(days=1, hours=3, minutes=9), NOW) == "1d3h"
    assert age(NOW + timedelta(minutes=1), NOW) == "0s"


# Records.


def test_a_record_has_every_field_but_secrets_and_null_for_what_is_not_known() -> None:
    record = node_record(node(csr_key="secret", state_since=NOW))

    assert tuple(record) == NODE_FIELDS
    assert "csr_key" not in record
    assert record["state_since"] == "2026-01-01T12:00:00.000Z"
    assert record["expires_at"] is None
    assert record["private_ip"] is None
    assert (record["state"], record["market"]) == ("running", "spot")


def test_a_launch_keeps_its_key_to_itself() -> None:
    assert "0" * 64 not in str(launch_record(launch()))


@pytest.mark.parametrize(
    ("state", "silent", "expected"),
    [
        (LaunchState.OPEN, 30, "under way: its command was last heard 30 s ago"),
        (LaunchState.OPEN, 31, "cut short: its command was last heard 31 s ago"),
        (LaunchState.OPEN, -5, "under way: its command was last heard 0 s ago"),
        (LaunchState.COMPLETE, 31, ""),
    ],
)
def test_a_launch_stands_by_its_heartbeat(state: LaunchState, silent: int, expected: str) -> None:
    one = launch(state=state, heartbeat=NOW - timedelta(seconds=silent))

    assert standing(one, NOW, timedelta(seconds=30)).startswith(expected)


# Errors.


def refusal(**more: Any) -> CloudError:
    return CloudError(Trouble.DENIED, "UnauthorizedOperation", "No.", action="CreateFleet", **more)


@pytest.mark.parametrize(
    "name", [errors.ROLES_FILE, *sorted(errors.MISTYPED_KINDS | errors.FAILED_KINDS)]
)
def test_every_error_that_is_expected_by_name_is_there(name: str) -> None:
    module, _, kind = name.rpartition(".")

    assert issubclass(getattr(importlib.import_module(module), kind), Exception)


def test_an_expected_error_has_a_code_and_a_fault_of_ours_has_none() -> None:
    from enc.domain.certname import ImpossibleCertnameError

    assert errors.explained(StoreLostError()).code == 1  # type: ignore[union-attr]
    assert errors.explained(ImpossibleCertnameError("A")).code == 2  # type: ignore[union-attr]
    assert errors.explained(KeyError("x")) is None
    assert errors.explained(ValueError("x")) is None


def test_ec2s_refusal_is_told_with_what_to_do() -> None:
    told = errors.explained(refusal(hint="allow it"))

    assert str(told) == "CreateFleet: UnauthorizedOperation: No; allow it"


def test_what_may_pass_is_told_so_where_there_is_nothing_else_to_do() -> None:
    throttled = CloudError(Trouble.THROTTLED, "RequestLimitExceeded", "Too many")

    assert errors.advised(throttled).endswith("try again in a minute")
    assert "try again" not in errors.advised(refusal())


def test_a_name_that_is_near_is_offered_and_one_that_is_not_is_not() -> None:
    near = errors.unknown("role", "wbe", ["web", "db"], otherwise="see ls")
    far = errors.unknown("role", "zzz", ["web", "db"], otherwise="see ls")

    assert str(near) == "there is no role 'wbe'; did you mean web?"
    assert str(far) == "there is no role 'zzz'; see ls"
    assert (near.code, far.code) == (2, 2)


def test_usage_is_one_line_with_the_way_to_help() -> None:
    context = click.Context(cli, info_name="provisioner")

    assert usage(click.UsageError("Missing argument 'X'.", context)) == (
        "missing argument 'X'; see 'provisioner --help'"
    )
    assert usage(click.UsageError("No such option: -x")) == "no such option: -x"


@pytest.mark.parametrize("text", ["0", "0s"])
def test_no_drain_at_all_can_be_said_and_no_deadline_cannot(text: str) -> None:
    assert DurationType("24h", zero=True).convert(text, None, None) == timedelta(0)
    with pytest.raises(click.BadParameter, match="is not a duration"):
        DurationType("24h").convert(text, None, None)


# Progress.


def test_in_a_log_a_status_is_shown_only_after_a_silence(
    clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    reporter = PlainReporter(clock.monotonic)
    reporter.status("at once")
    clock.step(QUIET_SECONDS)
    reporter.status("after a while")
    reporter.status("and again")
    clock.step(QUIET_SECONDS - 1)
    reporter.say("what stays")
    clock.step(1)
    reporter.status("too early")

    assert capsys.readouterr().err == "after a while\nwhat stays\n"


def test_on_a_terminal_a_status_is_one_line_that_the_next_text_takes_away() -> None:
    screen = io.StringIO()
    reporter = TerminalReporter(screen)
    reporter.status("listing \x1b[31mus-east-1")
    reporter.say("i-1 is archived")
    reporter.close()
    shown = screen.getvalue()

    assert "listing \\x1b[31mus-east-1" in shown
    # Each text begins on a line that was erased; a long status is cut by the terminal, not wrapped.
    assert shown.count("\r\x1b[K") == 3
    assert shown.index("\x1b[?7l") < shown.index("listing") < shown.index("\x1b[?7h")
    assert "i-1 is archived\n" in shown
    assert shown.endswith("\r\x1b[K")


def test_on_a_terminal_a_status_can_be_taken_away_before_others_write() -> None:
    screen = io.StringIO()
    reporter = TerminalReporter(screen)
    reporter.status("asking Puppet's parser")
    reporter.status("")
    assert screen.getvalue().endswith("\x1b[?7h\r\x1b[K")

    reporter.say("what stays")
    assert screen.getvalue().endswith("what stays\n")


def test_in_a_log_no_line_is_written_where_a_status_is_taken_away(
    clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    reporter = PlainReporter(clock.monotonic)
    clock.step(QUIET_SECONDS)
    reporter.status("")

    assert capsys.readouterr().err == ""


def test_without_a_status_nothing_is_erased_at_the_end() -> None:
    screen = io.StringIO()
    TerminalReporter(screen).close()
    assert screen.getvalue() == ""


class Gone(io.StringIO):
    """A terminal that was closed, or the pipe of `provisioner launch web 2>&1 | head -1`."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError


def test_a_listener_that_is_gone_stops_nothing() -> None:
    with redirect_stderr(Gone()):
        PlainReporter(lambda: 0.0).say("nobody hears this")
        TerminalReporter(Gone()).status("nor that")
        errors.tell("nor this")


# The last words of a launch.


def told(*states: State, count: int = 2, **more: Any) -> LaunchReport:
    nodes = tuple(node(f"i-{n:017x}", state=state) for n, state in enumerate(states))
    closed = launch(state=more.pop("state", LaunchState.PARTIAL), why=more.pop("why", "it is dry"))
    outcome = Outcome(launch=closed, nodes=nodes, error=more.pop("error", None))
    outcome = replace(outcome, left=more.pop("left", ()))
    return LaunchReport(
        order=order(count, **more.pop("order", {})),
        outcome=outcome,
        nodes=nodes,
        **{"wait_until": "running", **more},
    )


def order(count: int, **more: Any) -> Order:
    spec = RoleSpec.of(role())
    defaults = {"kind": Kind.EXTRA, "market": Market.SPOT, "deadline": timedelta(minutes=5)}
    return Order(role=role(), spec=spec, count=count, **{**defaults, **more})


R, P, LOST = State.RUNNING, State.PENDING, State.LOST


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (told(R, R), 0),
        (told(R, State.READY), 0),
        (told(P, P, wait_until="accepted"), 0),
        (told(R), 3),
        (told(R, P), 3),
        (told(P, P), 3),
        (told(R, R, wait_until="ready"), 3),
        (told(R, R, left=("a template",)), 3),
        (told(R, R, trouble="no answer"), 3),
        (told(R, LOST), 3),
        (told(LOST, LOST), 1),
        (told(), 1),
        (told(left=("a template",)), 1),
        (told(R, R, stopped=True), 130),
        (told(state=LaunchState.INTERRUPTED), 130),
    ],
    ids=lambda given: (
        given.verdict.splitlines()[0] if isinstance(given, LaunchReport) else str(given)
    ),
)
def test_the_exit_code_tells_all_some_none_and_interrupted_apart(
    given: LaunchReport, code: int
) -> None:
    assert given.code == code


def test_none_at_all_is_one_line_with_ec2s_advice() -> None:
    assert told(error=refusal(hint="allow it")).verdict == (
        "0 of 2 came for web (launch l-00000000000000aa): "
        "CreateFleet: UnauthorizedOperation: No; allow it"
    )


def test_the_rest_is_asked_for_with_the_same_words() -> None:
    more = {"market": Market.ON_DEMAND, "deadline": timedelta(seconds=90)}
    fleet = {"kind": Kind.FLEET, "ttl": timedelta(hours=1)}

    assert "'provisioner launch web -n 1' asks for the rest" in told(R).verdict
    assert (
        "'provisioner launch web -n 1 --market on-demand --deadline 90s --ttl 1h --fleet'"
        in told(R, order={**more, **fleet}).verdict
    )


def test_a_machine_that_died_is_told_with_the_reason() -> None:
    name, why = "i-00000000000000001", "EC2 lists it terminated: Client.InternalError"

    assert f"not running: {name} is lost ({why})" in told(R, LOST, deaths={name: why}).verdict
    assert f"not running: {name} is lost\n" in told(R, LOST).verdict


def test_a_machine_that_is_late_is_not_asked_for_again() -> None:
    verdict = told(R, P).verdict

    assert "not running: i-00000000000000001 is pending" in verdict
    assert "asks for the rest" not in verdict
    assert "'provisioner ls --role web' shows how they get on" in verdict


def test_an_interrupt_says_that_nothing_is_left_only_when_nothing_is() -> None:
    interrupted = {"state": LaunchState.INTERRUPTED, "why": "interrupted by alice"}

    assert told(**interrupted).verdict.endswith("(launch l-00000000000000aa); nothing is left")
    assert "nothing is left" not in told(R, **interrupted).verdict
    assert "nothing is left" not in told(left=("a template",), **interrupted).verdict
    assert "ends all of it" in told(left=("a template",), **interrupted).verdict


def test_whatever_is_there_can_be_undone_by_one_command() -> None:
    undo = "'provisioner retire l-00000000000000aa' ends all of it"

    assert undo in told(R).verdict
    assert undo in told(R, R, stopped=True).verdict
    assert undo not in told().verdict


def test_records_of_launches_and_nodes_cover_the_model() -> None:
    """A field that the model gains is shown, or left out on purpose."""
    assert {*Node.__dataclass_fields__} - {*NODE_FIELDS} == {"csr_key"}
