"""Hostile texts are shown and never obeyed; closed and full outputs end a command in good order."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
import yaml

from enc.domain.model import Attempt, Market, Role, State
from enc.inventory import Event
from tests.builders import event, foreign, launch, node
from tests.fakes.clock import START
from tests.region.handle import Region
from tests.region_ring.cli import Done, Operator
from tests.region_ring.operators import Operators, in_parallel

# Takes over a terminal, a line, console markup, a spreadsheet, reading order.
EVIL = "\x1b[31m\x1b]0;owned\x07\nnot a line\r[red]x[/red] :bomb: \x9b2J\u202eexe.gpj\x00"
FORMULA = '=cmd|"/C calc"!A0'
OURS = "i-0aaaaaaaaaaaaaaa1"
NAMED, GONE = "evil.example.com", "gone.example.com"
SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
LONG = "<b>" + "x" * 10_000
LAUNCH = "l-00000000000000e1"
COMMANDS = (
    *("ls", "history", "history --living", "history --summary", "roles ls"),
    *(f"show {NAMED}", f"show {GONE}", f"history {NAMED}", f"show {LAUNCH}"),
    *(f"explain {NAMED}", f"explain {GONE}", f"explain {OURS}"),
)
FORMATS = ("json", "csv", "yaml", "table")
WORDS = {
    f"{command} {form}": f"{command} --format {form}" for command in COMMANDS for form in FORMATS
}
# What has no choice of formats.
WORDS |= {words: words for words in ("roles show evil", "roles diff roles.yaml")}


@pytest.fixture(scope="module")
def operators(
    region_server: Region, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operators]:
    with Operators.open(region_server, tmp_path_factory.mktemp("cli")) as found:
        yield found


@pytest.fixture(scope="module")
def operator(operators: Operators) -> Operator:
    operator = operators.new()
    nodes = operator.inventory.nodes
    texts = {"private_dns": EVIL, "zone": FORMULA, "held": EVIL, "environment": FORMULA}
    nodes.create(foreign(NAMED, **texts), event("assigned", why=EVIL))
    gone = nodes.create(foreign(GONE, state=State.RETIRING, **texts), event())
    nodes.archive(gone, event("archived", why=FORMULA))
    refused = (("*", EVIL, EVIL), ("spot:c5.large:us-east-1a", FORMULA, LONG))
    attempts = (Attempt(number=1, at=START, market=Market.SPOT, wanted=1, answers=refused),)
    launches = operator.inventory.launches
    launches.open(launch(LAUNCH, role=EVIL, owner=FORMULA, market=Market.SPOT), event())
    launches.record_attempt(LAUNCH, attempts[0], event())
    ours = {"held": LONG, "image": FORMULA, "role": "evil", "launch": LAUNCH, "zone": LONG}
    nodes.create(node(OURS, **ours), event(why=LONG))
    given = {
        "classes": {"role::web": {"motd": EVIL}},
        "parameters": {"x": FORMULA, "y": LONG, "z": "\x9b2J"},
    }
    evil = Role(name="evil", definition=given)
    told = Event(what="roles applied", who=EVIL, at=START)
    operator.inventory.roles.apply([evil], told)
    plain = {**given, "parameters": {"z": "plain"}}
    plain["classes"] = {"role::web": {"motd": "plain"}}
    operator.file(f"roles: {json.dumps({'evil': plain})}")
    return operator


@pytest.fixture(scope="module")
def done(operator: Operator) -> dict[str, Done]:
    ended = in_parallel(lambda words: operator.run(*words.split()), WORDS.values())
    return dict(zip(WORDS, ended, strict=True))


@pytest.mark.parametrize("name", WORDS)
def test_nothing_reaches_the_terminal_that_it_would_obey(done: dict[str, Done], name: str) -> None:
    ended = done[name]

    shown = (ended.out + ended.err).replace("\n", "")
    assert [char for char in shown if not char.isprintable()] == []


@pytest.mark.parametrize("name", [name for name in WORDS if name.endswith("table")])
def test_no_text_makes_lines_of_its_own(done: dict[str, Done], name: str) -> None:
    assert [line for line in done[name].out.splitlines() if line.startswith("not a line")] == []


def test_brackets_and_colons_are_no_markup(operator: Operator) -> None:
    """The warning goes through the status line's reporter, the question through click."""
    with operator.terminal("retire", NAMED) as terminal:
        shown = terminal.expect("[y/N]")
        terminal.type("n\n")
        terminal.end()

    assert "[red]x[/red] :bomb:" in shown
    assert "\x1b[31m" not in terminal.shown
    assert "owned\x07" not in terminal.shown


def test_programs_get_the_very_text(done: dict[str, Done]) -> None:
    from_json = json.loads(done[f"show {NAMED} json"].out)
    from_yaml = yaml.safe_load(done[f"show {NAMED} yaml"].out)

    assert from_json["private_dns"] == EVIL
    assert from_yaml == from_json


@pytest.mark.parametrize("name", [name for name in WORDS if name.endswith("csv")])
def test_a_spreadsheet_runs_no_formula(done: dict[str, Done], name: str) -> None:
    cells = [cell for row in csv.reader(io.StringIO(done[name].out)) for cell in row]

    assert [cell for cell in cells if cell.startswith(SIGNS)] == []


def test_ten_thousand_characters_are_shown_whole_and_pad_no_other_line(
    done: dict[str, Done],
) -> None:
    for name in ("ls table", "history --living table"):
        lines = done[name].out.splitlines()
        [long] = [line for line in lines if line.startswith(OURS)]
        assert LONG in long
        assert [line for line in lines if line is not long and len(line) > 2000] == []
    for form in FORMATS:
        assert "x" * 10_000 in done[f"explain {OURS} {form}"].out


def test_explain_gives_programs_the_very_text(done: dict[str, Done]) -> None:
    found = json.loads(done[f"explain {OURS} json"].out)

    values = {one["name"]: one["value"] for one in found["given"]}
    assert (values["motd"], values["x"], values["y"]) == (EVIL, FORMULA, LONG)
    assert yaml.safe_load(done[f"explain {OURS} yaml"].out)["given"] == found["given"]


def test_a_difference_is_shown_and_not_obeyed(done: dict[str, Done]) -> None:
    assert '~ parameters.z: "\\x9b2J" -> plain' in done["roles diff roles.yaml"].out


def test_ec2s_words_are_cleaned_too(operators: Operators) -> None:
    operator = operators.new()
    operator.fault("CreateFleet", "UnauthorizedOperation", message="no \u202e [red]way", times=-1)

    done = operator.run("launch", "solid")

    assert done.code == 1
    assert "no \\u202e [red]way" in done.err


def test_an_encoding_that_lacks_a_character_gets_its_code(operator: Operator) -> None:
    operator.inventory.nodes.create(foreign("east", private_dns="\u6771.example"), event())

    done = operator.shell("PYTHONIOENCODING=iso-8859-1 $P show east")

    assert done.code == 0
    assert "\\u6771.example" in done.out


# Outputs that are closed, full or gone.


@pytest.fixture(scope="module")
def crowded(operators: Operators) -> Operator:
    """More nodes than a pipe holds lines."""
    operator = operators.new()
    operator.inventory.nodes.create_many(
        (node(f"i-{n:017x}", launched_at=START + timedelta(seconds=n)), event())
        for n in range(2000)
    )
    return operator


def test_a_reader_that_has_enough_ends_it_quietly(crowded: Operator) -> None:
    """As every program that a closed pipe has ended: 128 + SIGPIPE."""
    done = crowded.shell("$P ls | head -n 1; echo ${PIPESTATUS[0]}")

    assert done.out.splitlines()[1:] == ["141"]
    assert done.out.startswith("NODE")
    assert done.err == ""


def test_a_full_disk_is_told(crowded: Operator) -> None:
    done = crowded.shell("$P ls > /dev/full")

    assert done.code == 1
    assert done.err == ("provisioner: the result could not be written: No space left on device\n")


def test_a_closed_output_is_no_reason_to_fail(crowded: Operator) -> None:
    for line in ("$P ls >&-", "$P ls 2>&- | tail -n 1", "$P ls --format csv >&- 2>&-"):
        done = crowded.shell(line)
        assert (done.code, done.err) == (0, "")


def test_a_launch_is_finished_though_nobody_listens(operators: Operators) -> None:
    operator = operators.new()

    operator.shell("$P launch solid -n 2 2>&1 | true")

    assert len(operator.machines()) == 2
    assert operator.nodes() == operator.machines()
    assert operator.templates() == []


def test_a_script_in_the_background_is_not_stopped_by_ctrl_c(operators: Operators) -> None:
    """A shell starts background jobs with SIGINT ignored, nohup with SIGHUP; so they stay."""
    operator = operators.new()
    operator.fault("CreateFleet", latency_s=1.5)

    done = operator.shell(
        "(trap '' INT HUP; exec $P launch solid) & sleep 1; kill -INT $!; kill -HUP $!; wait $!"
    )

    assert done.code == 0
    assert len(operator.nodes()) == 1
