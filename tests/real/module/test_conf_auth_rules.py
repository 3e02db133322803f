"""Rules in the site's auth.conf: what the provisioner may, and what others no longer may."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.real.confdriver import ConfDriver, SiteFile, assert_comes_and_goes
from tests.real.confrules import Question, may
from tests.real.puppetserver import AUTH_RULES, DEBIAN

CA = "/puppet-ca/v1"
ANY = "any"
DEBIANS = (DEBIAN / "conf.d/auth.conf").read_text()
PP_CLI_AUTH = re.compile(r"allow: (\{\s*extensions: \{[^}]*\}\s*\})")
Files = Callable[[str | bytes], SiteFile]


def rule(path: str, methods: str, allow: str, *, order: int = 500, kind: str = "path") -> str:
    method = "" if methods == ANY else f", method: [{methods}]"
    match = f'match-request: {{ path: "{path}", type: {kind}{method} }}'
    return f'        {{ {match}, {allow}, sort-order: {order}, name: "{path} {order}" }}\n'


def with_rules(*rules: str) -> str:
    """Debian's, with rules of the site's before the others."""
    return DEBIANS.replace("rules: [\n", f"rules: [\n{','.join(rules)},\n", 1)


@pytest.fixture(scope="module")
def puppet() -> Iterator[ConfDriver]:
    with ConfDriver.start() as puppet:
        yield puppet


@pytest.fixture
def file_of(puppet: ConfDriver, tmp_path: Path) -> Files:
    return lambda text: SiteFile(puppet, tmp_path / "auth.conf", text, "rolecall_auth_rules")


SITES = {
    "Debian's": DEBIANS,
    "ends of lines of Windows": DEBIANS.replace("\n", "\r\n"),
    "another encoding": b"# caf\xe9\n" + DEBIANS.encode(),
    "a comment at the list": DEBIANS.replace("rules: [", "rules: [ # ours", 1),
    "quoted": DEBIANS.replace("rules: [", '"rules" : [', 1),
    "an empty list": "authorization: {\n    version: 1\n    rules: [\n    ]\n}\n",
}


@pytest.mark.parametrize("text", SITES.values(), ids=SITES)
def test_rules_come_and_go_and_what_else_is_there_stays(file_of: Files, text: str | bytes) -> None:
    file = file_of(text)

    changed = assert_comes_and_goes(file, {"also": ["puppet.example"]})

    lines = changed.splitlines(keepends=True)
    ours = [line for line in lines if "rolecall" in line]
    assert len(ours) == 7
    assert "".join(line for line in lines if line not in ours) == file.original.decode(
        errors="surrogateescape"
    )


def test_a_rule_that_somebody_added_stays_when_ours_go(file_of: Files) -> None:
    file = file_of(DEBIANS)
    file.put({})
    file.write(f"{file.text}# theirs\n")

    file.put_back({})

    assert file.text == f"{DEBIANS}# theirs\n"


def test_ours_go_though_it_is_forgotten_that_they_were_put_there(file_of: Files) -> None:
    file = file_of(DEBIANS)
    file.put({})
    file.store.unlink()

    file.put_back({})

    assert file.text == DEBIANS


def test_another_name_of_the_provisioner_takes_the_place_of_the_first(file_of: Files) -> None:
    file = file_of(DEBIANS)
    file.put({})

    file.put({"provisioner": "other"})

    assert '"other"' in file.text
    assert '"provisioner"' not in file.text
    file.put_back({})
    assert file.text == DEBIANS


NOT_FIT = {
    "no HOCON": DEBIANS.replace("rules: [", "rules: [\n{{\n", 1),
    "no rules": "authorization: { version: 1 }\n",
    "a list on one line": "authorization: {\n version: 1\n rules: [ {} ]\n}\n",
    "another list first": "other: {\n rules: [\n ]\n}\n" + DEBIANS,
    "two lists": DEBIANS.replace("    rules: [", "    rules: [\n    ]\n    rules: [", 1),
}


@pytest.mark.parametrize("text", NOT_FIT.values(), ids=NOT_FIT)
def test_where_no_place_is_found_nothing_is_changed_and_the_file_is_named(
    file_of: Files, text: str
) -> None:
    file = file_of(text)

    applied = file.put({})

    assert applied.failed
    assert str(file.path) in applied.said
    assert (file.data, file.remembered) == (file.original, {})


def test_rules_of_ours_that_lost_their_comments_are_not_put_there_twice(file_of: Files) -> None:
    """With two rules of a name no puppetserver starts. Some tools write all of the file anew."""
    file = file_of(DEBIANS)
    file.put({})
    bare = "".join(line for line in file.text.splitlines(True) if "# rolecall" not in line)
    file.write(bare)

    applied = file.put({})

    assert applied.failed
    assert (file.text, str(file.path) in applied.said) == (bare, True)


READ, REFUSE, ASK = (f"{each} certificate_request/a" for each in ("GET", "DELETE", "PUT"))
SEE, SIGN, DELETE = (f"{each} certificate_status/a" for each in ("GET", "PUT", "DELETE"))
LIST, TIDY = "GET certificate_statuses/any", "PUT clean"
# Where `puppetserver ca sign` asks since 8.4.
SIGNS = (SIGN, "POST sign", "POST sign/all")
CERTIFICATES = (SEE, *SIGNS, LIST, TIDY)
ALL = (READ, REFUSE, *CERTIFICATES)
CLI = {"pp_cli_auth": "true"}


@dataclass(frozen=True)
class Who:
    """Somebody with a certificate of that name (None: without one): what they may, or may not."""

    name: str | None
    acts: tuple[str, ...]
    may: bool
    extensions: dict[str, str] = field(default_factory=dict)

    def questions(self, file: Path) -> list[Question]:
        return [Question(file, self.name, act, self.extensions) for act in self.acts]


NOBODY_ELSE = (Who("agent", ALL, False), Who(None, ALL, False), Who("provisioner", ALL, True))
CASES: dict[str, tuple[str, tuple[Who, ...]]] = {
    "Debian's": (
        DEBIANS,
        (
            Who("provisioner", (DELETE,), False),
            Who("puppet.example", ALL, True),
            Who("puppet", (*CERTIFICATES, DELETE), True, CLI),
            Who("puppet", (READ, REFUSE), False, CLI),
            Who(None, (ASK,), True),
        ),
    ),
    "others in the packages' own rules": (
        PP_CLI_AUTH.sub(r"allow: [foreman, \1]", DEBIANS),
        (Who("foreman", (*CERTIFICATES, DELETE), True), Who("foreman", (READ, REFUSE), False)),
    ),
    "a rule for all of the CA": (
        with_rules(rule(f"{CA}/", ANY, "allow: foreman", order=450)),
        (Who("foreman", (*ALL, DELETE), True),),
    ),
    "a pattern for several": (
        with_rules(
            rule(
                f"^{CA}/(clean|certificate_status)",
                "get, put",
                "allow: [foreman]",
                kind="regex",
                order=450,
            )
        ),
        (Who("foreman", CERTIFICATES, True), Who("foreman", (READ, REFUSE), False)),
    ),
    "a pattern for one place": (
        with_rules(
            rule(f"^{CA}/clean$", "put", "allow: [foreman]", kind="regex", order=450),
            rule(f"^{CA}/sign/all$", "post", "allow: [signer]", kind="regex", order=450),
        ),
        (
            *(Who("foreman", (TIDY,), True), Who("foreman", (SEE, *SIGNS, LIST), False)),
            *(Who("signer", ("POST sign/all",), True), Who("signer", (SIGN, LIST, TIDY), False)),
        ),
    ),
    "a rule that comes early": (
        with_rules(rule(f"{CA}/certificate_status", "get, put", "allow: foreman", order=200)),
        (Who("foreman", (SEE, *SIGNS, LIST), True), Who("foreman", (TIDY,), False)),
    ),
    "an early hole": (
        with_rules(
            rule(f"{CA}/certificate_request", "get", "allow-unauthenticated: true", order=100)
        ),
        (),
    ),
    "everybody with a certificate": (
        with_rules(rule(f"{CA}/certificate_request", "get", 'allow: "*"', order=450)),
        (),
    ),
    "somebody who sees the list alone": (
        with_rules(rule(f"{CA}/certificate_statuses", "get", "allow: [monitor]", order=450)),
        (Who("monitor", (LIST,), True), Who("monitor", (SEE, *SIGNS, READ), False)),
    ),
    "each node for itself": (
        with_rules(
            rule(
                f"^{CA}/certificate_status/([^/]+)$",
                "delete",
                'allow: "$1"',
                kind="regex",
                order=450,
            )
        ),
        (Who("a", (DELETE,), True), Who("b", (DELETE, *ALL), False)),
    ),
}


def test_the_rules_that_people_paste_are_those_that_the_module_puts(
    file_of: Files, tmp_path: Path
) -> None:
    """Of a file without rules: nobody else's are taken along."""
    file = file_of(SITES["an empty list"])
    file.put({})
    pasted = SITES["an empty list"].replace("[\n", "[\n" + AUTH_RULES.read_text(), 1)

    assert rules_of(pasted) == rules_of(file.text)


def rules_of(text: str) -> list[dict[str, object]]:
    """As the puppetserver's own format is read."""
    ruby = "require 'hocon'; require 'json'; puts JSON.generate(Hocon.parse($stdin.read))"
    done = subprocess.run(
        ["ruby", "-e", ruby], input=text, capture_output=True, text=True, check=True
    )
    found: list[dict[str, object]] = json.loads(done.stdout)["authorization"]["rules"]
    return found


@dataclass(frozen=True)
class Heard:
    """`wrong` are the answers that are not right, of each case; `bare` those without our rules."""

    wrong: dict[str, list[str]]
    bare: list[bool | str]


def bare_questions(folder: Path) -> list[Question]:
    """Of Debian's file, and of one with two rules of a name."""
    plain, twice = folder / "plain.conf", folder / "twice.conf"
    plain.write_text(DEBIANS)
    twice.write_text(with_rules(*[rule("/a", ANY, "allow: a")] * 2))
    return [
        Question(plain, None, READ),
        Question(plain, None, SEE),
        Question(twice, None, READ),
    ]


def site_with_ours(puppet: ConfDriver, path: Path, text: str) -> Path:
    applied = SiteFile(puppet, path, text, "rolecall_auth_rules").put({"also": ["puppet.example"]})
    assert applied.failed == [], applied.said
    return path


@pytest.fixture(scope="module")
def heard(puppet: ConfDriver, tmp_path_factory: pytest.TempPathFactory) -> Heard:
    """Of all cases: one JVM is asked everything."""
    folder = tmp_path_factory.mktemp("rules")
    bare = bare_questions(folder)
    asked = [
        (case, who, question)
        for number, (case, (text, people)) in enumerate(CASES.items())
        for file in [site_with_ours(puppet, folder / f"{number}.conf", text)]
        for who in (*people, *NOBODY_ELSE)
        for question in who.questions(file)
    ]
    said = may([*bare, *[question for _, _, question in asked]], folder)
    wrong: dict[str, list[str]] = {case: [] for case in CASES}
    for (case, who, question), answer in zip(asked, said[len(bare) :], strict=True):
        if answer is not who.may:
            wrong[case].append(f"{who.name} {question.act}: {answer}")
    return Heard(wrong, said[: len(bare)])


@pytest.mark.parametrize("case", CASES)
def test_by_the_puppetservers_own_word_the_provisioner_may_and_nobody_wins_or_loses_more(
    heard: Heard, case: str
) -> None:
    assert heard.wrong[case] == []


def test_without_our_rules_everybody_may_read_a_request_and_a_name_is_not_taken_twice(
    heard: Heard,
) -> None:
    """What the answers of the others are worth."""
    everybody, nobody, refused = heard.bare

    assert (everybody, nobody) == (True, False)
    assert "Duplicate rules" in str(refused)
