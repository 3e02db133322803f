"""What is typed wrong: exit 2, one message that names the place, and nothing is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from enc.domain.model import State
from tests.builders import event, node
from tests.region.handle import Region
from tests.region_ring.cli import Done, Operator
from tests.region_ring.operators import Operators, in_parallel

ALIVE, GONE = "i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa9"

CERTNAMES = {
    "slash": "a/b",
    "root": "/etc/passwd",
    "dots": "a..b",
    "only dots": "..",
    "newline": "a\nb",
    "last newline": f"{ALIVE}\n",
    "space": "a b",
    "long": "a" * 300,
    "upper case": "DB1.example.com",
    "shell": "a;reboot",
    "substitution": "$(reboot)",
    "glob": "*",
    "quote": "a'b",
    "escape": "a\x1b[31mb",
    "no ASCII": "bücher",
    "no UTF-8": b"a\xff".decode(errors="surrogateescape"),
    "empty": "",
    "address": "vpc-1:10.0.0.1;reboot",
    "colon": "a:b\nc",
}

# Words, and what the one message must have in it.
TYPED: dict[str, tuple[list[str], str]] = {
    "no such command": (["lunch", "web"], "no such command 'lunch'; did you mean launch?"),
    "no such subcommand": (["roles", "aply"], "did you mean apply?"),
    "no such option": (["ls", "--rolle", "web"], "--rolle"),
    "no role": (["launch"], "missing argument 'ROLE'; see 'provisioner launch --help'"),
    "too much": (["launch", "web", "batch"], "unexpected extra argument"),
    "unknown role": (["launch", "wbe"], "there is no role 'wbe'; did you mean web?"),
    "far role": (["launch", "zzz"], "'provisioner roles ls' lists them"),
    "role of ls": (["ls", "--role", "wbe"], "did you mean web?"),
    "role of show": (["roles", "show", "wbe"], "did you mean web?"),
    "role of assign": (["assign", ALIVE, "wbe"], "did you mean web?"),
    "role of new": (["assign", "db1", "wbe"], "did you mean web?"),
    "no launch section": (["launch", "plain"], "role plain has no launch section"),
    "market": (["launch", "web", "--market", "sport"], "'--market': 'sport' is not one of 'spot'"),
    "wait": (["launch", "web", "--wait-until", "done"], "'--wait-until': 'done' is not one of"),
    "format": (["ls", "--format", "xml"], "'--format': 'xml' is not one of 'table', 'json'"),
    "state": (["ls", "--state", "red"], "'--state': 'red' is not one of 'pending'"),
    "none": (["launch", "web", "-n", "0"], "-n 0: role web allows 1 to 5 (launch.max)"),
    "below": (["launch", "web", "-n", "-3"], "-n -3: role web allows 1 to 5"),
    "over": (["launch", "web", "-n", "6"], "-n 6: role web allows 1 to 5"),
    "huge": (["launch", "web", "-n", "9" * 30], "role web allows 1 to 5"),
    "no number": (["launch", "web", "-n", "two"], "'-n' / '--count': 'two' is not a valid integer"),
    "half": (["launch", "web", "-n", "1.5"], "'1.5' is not a valid integer"),
    "events": (["history", "-n", "0"], "'-n' / '--count': 0 is not in the range"),
    **{
        f"duration {text!r}": (["launch", "web", "--deadline", text], "'--deadline': ")
        for text in ("5", "5x", "-5m", "1h30m", "0s", "", "5m\n", "\u0665m", "25h")
    },
    "life": (["launch", "web", "--ttl", "999999999d"], "'--ttl': 999999999d is longer than 3650d"),
    "short life": (["launch", "web", "--ttl", "1s"], "--ttl 1s: it must be longer than"),
    "life of a launch": (["history", "l-0000000000000000"], "there is no launch"),
    "an instance": (["assign", "i-0bbbbbbbbbbbbbbb1", "web"], "--foreign"),
    "a section": (["assign", ALIVE, "web", "--environment", "main"], "a section of puppet.conf"),
    "drain": (["retire", ALIVE, "--drain", "soon"], "'--drain': 'soon' is not a duration"),
    "long drain": (["retire", ALIVE, "--drain", "9999d", "--yes"], "longer than 24h"),
    "unsaid": (["retire", ALIVE], "--yes"),
    "unknown node": (["retire", "i-0bbbbbbbbbbbbbbb1", "--yes"], "there is no node"),
    "one unknown": (["retire", ALIVE, "nobody", "--yes"], "there is no node 'nobody'"),
    "unknown launch": (["retire", "l-0000000000000000", "--yes"], "there is no launch"),
    "unknown address": (["assign", "vpc-1:10.0.0.1", "web"], "there is no node 'vpc-1:10.0.0.1'"),
    "nothing to end": (["retire", "--yes"], "missing argument 'NODE...'"),
    **{
        f"environment {text!r}": (["assign", ALIVE, "web", "--environment", text], "--environment ")
        for text in ("Production", "../x", "a\n", "ä")
    },
    "no file": (["roles", "apply", "nowhere.yaml"], "nowhere.yaml cannot be read: No such file"),
    "a folder": (["roles", "apply", "."], ". cannot be read: Is a directory"),
    "no end": (["roles", "apply", "/dev/zero"], "/dev/zero"),
    **{
        f"show {name}": (["show", text], "cannot be a certname") for name, text in CERTNAMES.items()
    },
    # They share the check: one of each sort will do.
    **{
        f"{words[0]} {name}": ([*words, CERTNAMES[name], *more], "cannot be a certname")
        for words, more in (
            *((["history"], []), (["assign"], ["web"])),
            (["retire", "--yes", ALIVE], []),
        )
        for name in ("slash", "last newline", "upper case", "empty")
    },
}

WEB = b"roles:\n  web:\n    classes: [web]\n"
FILES: dict[str, tuple[bytes, str]] = {
    "tab": (b"roles:\n\tweb:\n", ":2"),
    "duplicate": (WEB + b"  web:\n    classes: [other]\n", ":4"),
    "unknown key": (WEB + b"    clases: [x]\n", "roles.web.clases: unknown key; did you mean"),
    "wrong type": (b"roles:\n  web:\n    fleet: {size: many}\n", "roles.web.fleet.size"),
    "number": (b"roles:\n  web:\n    fleet: {size: -1}\n", "roles.web.fleet.size"),
    "duration": (b"roles:\n  web:\n    fleet: {drain: 5x}\n", "roles.web.fleet.drain"),
    "list": (b"- web\n", "expected"),
    "empty": (b"", "nothing was changed"),
    "no UTF-8": (b"roles:\n  web:\n    description: \xff\n", "UTF-8"),
    "binary": (b"\x7fELF\x00\x01\x02", "roles.yaml"),
    "broken": (b"roles: {web: [\n", "roles.yaml:"),
    "python": (b"roles: !!python/object/apply:os.system [reboot]\n", "roles"),
    "laughs": (
        b"a: &a [x,x,x,x,x,x,x,x,x]\n"
        + b"".join(
            b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 9)) for c in range(98, 106)
        ),
        "roles.yaml:",
    ),
    "no such ca": (
        WEB + b"    launch: {puppet_server: {host: puppet, ca: nowhere.pem}}\n", "nowhere.pem"
    ),
}  # fmt: skip


@dataclass
class Tried:
    operator: Operator
    before: dict[str, Any]
    after: dict[str, Any]
    done: dict[str, Done]


@pytest.fixture(scope="module")
def tried(region_server: Region, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    with Operators.open(region_server, tmp_path_factory.mktemp("cli")) as operators:
        operator = operators.new()
        nodes = operator.inventory.nodes
        nodes.create(node(ALIVE), event())
        nodes.archive(nodes.create(node(GONE, state=State.RETIRING), event()), event())
        commands = {name: words for name, (words, _) in TYPED.items()}
        path_of = {}
        for number, (name, (text, _)) in enumerate(FILES.items()):
            path = operator.file(text, f"{number}-roles.yaml")
            commands[f"apply {name}"] = ["roles", "apply", path]
            path_of[name] = path
        commands["diff"] = ["roles", "diff", path_of["tab"]]
        before = operator.stored()
        ended = in_parallel(lambda words: operator.run(*words), commands.values())
        yield Tried(operator, before, operator.stored(), dict(zip(commands, ended, strict=True)))


def test_nothing_is_written(tried: Tried) -> None:
    assert tried.after == tried.before


def test_nothing_is_launched_and_ec2_is_not_even_asked(tried: Tried) -> None:
    assert tried.operator.calls() == []
    assert tried.operator.machines() == []


@pytest.mark.parametrize("name", TYPED)
def test_one_message_names_the_place_and_the_exit_code_is_2(tried: Tried, name: str) -> None:
    ended, expected = tried.done[name], TYPED[name][1]

    assert (ended.code, ended.out) == (2, ""), ended
    [message] = ended.err.splitlines()
    assert message.startswith("provisioner: ")
    assert expected in message
    assert message.isprintable()


def test_a_difference_to_a_bad_file_is_none(tried: Tried) -> None:
    assert tried.done["diff"] == tried.done["apply tab"]


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_refused_with_its_line_or_path(tried: Tried, name: str) -> None:
    ended, expected = tried.done[f"apply {name}"], FILES[name][1]

    assert (ended.code, ended.out) == (2, ""), ended
    assert ended.err.startswith("provisioner: ")
    assert expected in ended.err
    assert "nothing was changed" in ended.err
    assert len(ended.err) < 6000
    assert ended.err.replace("\n", "").isprintable()


def test_every_mistake_of_a_file_is_listed_under_one_headline(tried: Tried) -> None:
    text = "roles:\n  web:\n    clases: [x]\n    fleet: {size: many}\n"

    ended = tried.operator.run("roles", "apply", tried.operator.file(text, "two.yaml"))

    headline, *mistakes = ended.err.splitlines()
    assert "two.yaml has 2 mistakes, nothing was changed:" in headline
    assert ["two.yaml:3:" in mistakes[0], "two.yaml:4:" in mistakes[1]] == [True, True]
