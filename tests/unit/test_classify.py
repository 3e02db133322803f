"""The text of a classification: what Puppet's parsers read is what the role says, or nothing."""

from __future__ import annotations

import json
import math
import shutil
import struct
import subprocess
from typing import Any

import pytest
import yaml

from enc.domain.classify import (
    MAX_DEPTH,
    UnclassifiableError,
    facts,
    quoted,
    render,
    role_text,
)
from enc.domain.model import Kind, Market, Node, Role, State
from tests.builders import foreign, node, role

# Prints what Ruby's Psych reads of each text, in a form that keeps types, control characters and
# numbers apart: strings as ["s", their code points], others as ["n", Ruby's own writing].
READ_BY_RUBY = """
require 'yaml'
require 'json'
def shown(value)
  case value
  when String then ['s', value.codepoints]
  when Array then ['a', value.map { |item| shown(item) }]
  when Hash then ['h', value.map { |key, item| [shown(key), shown(item)] }]
  when Float then ['f', [value].pack('G').unpack1('H*')]
  else ['n', value.class.name, value.inspect]
  end
end
STDOUT.write(JSON.generate(JSON.parse(STDIN.read).map { |text| shown(YAML.load(text)['x']) }))
"""

TEXTS = [
    *("", " ", "  two  ", "yes", "no", "on", "off", "true", "false", "null", "~", "y", "n"),
    *("1", "01", "0x1f", "0o17", "1e3", "1_000", "1.0", ".5", "-.inf", ".nan", "+1", "190:20:30"),
    *("2024-01-01", "2024-01-01 12:00:00", "12:30:45", "!!ruby/object:Object {}", "!x", "&a", "*a"),
    *("- a", "a: b", "a:", ":a", "? a", "# a", "a # b", "{", "}", "[", "]", ",", "%x", "@a", "`a`"),
    *("'", '"', "\\", "\\n", '\\"', "/", "a\nb", "a\r\nb", "\t", "\x00", "\x07", "\x7f"),
    *("\x85", "\xa0", "\xad", "\u2028", "\u2029", "\ufeff", "\ufffd", "\ufffe", "\uffff", "\u200e"),
    *("é", "日本", "😀", "\U0010ffff", "\U0001fffe", "\ue000", "---", "...", "--- a", "# end i-0a"),
    *("\x80", "\x9f", "a" * 990, "x\n# end i-0a\n", "\ud7fb", "<%= 1 %>", "${x}", "#{x}"),
    *("\x1b[31m", "\x0b\x0c", "=", "<<"),
]
NUMBERS = [
    *(0, 1, -1, 8, 10**18, 10**30, -(10**40), 0.0, -0.0, 0.1, 1.0, -1.5, 1e22, 1e-7, 1.5e300),
    *(5e-324, 1.7976931348623157e308, 123456789.123456789, 1e16, 1e15, 100.0, 2.5e-10),
]
OTHERS: list[Any] = [
    *(True, False, None, {}, [], [[]], [{}], {"a": {}}, {"a": [1, "1", None, True, 1.0]}),
    {text: text for text in TEXTS},
    {"<<": {"merged": "no"}},
    "a" * 100_000,
    {"a" * n: n for n in (997, 998, 999, 1022, 1023, 1024, 1025, 5000)},
    {"\x85" * 1000: {"\u2028" * 500: []}},
    {"a": {"<<": [{"b": 1}], "=": 1}},
    {str(n): n for n in NUMBERS},
]


def nested(depth: int, *, map_: bool) -> Any:
    value: Any = "core"
    for _ in range(depth):
        value = {"a": value} if map_ else [value]
    return value


VALUES = [*TEXTS, *NUMBERS, *OTHERS, *(nested(MAX_DEPTH, map_=kind) for kind in (True, False))]


def of(**definition: Any) -> Role:
    return role(definition=definition)


def read(text: str) -> Any:
    return yaml.safe_load(text)


def same(found: Any, wanted: Any) -> bool:
    """Equal, and of equal type all the way down: 1 is not True and not 1.0."""
    if type(found) is not type(wanted):
        return False
    if isinstance(wanted, dict):
        pairs = zip(found.items(), wanted.items(), strict=True)
        return len(found) == len(wanted) and all(same(list(a), list(b)) for a, b in pairs)
    if isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(same, found, wanted))
    if isinstance(wanted, float):
        return found == wanted and math.copysign(1, found) == math.copysign(1, wanted)
    return bool(found == wanted)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:40])
def test_python_reads_a_value_as_it_is(value: Any) -> None:
    assert same(read(f"x: {quoted(value)}")["x"], value)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:40])
def test_a_value_is_one_line_of_printable_ascii(value: Any) -> None:
    """Then no locale of a puppetserver can read another text from it."""
    text = quoted(value)

    assert text.isascii()
    assert text.isprintable()


@pytest.mark.skipif(shutil.which("ruby") is None, reason="ruby is not installed")
def test_ruby_reads_every_value_as_it_is() -> None:
    texts = json.dumps([f"---\nx: {quoted(value)}\n" for value in VALUES])
    done = subprocess.run(
        ["ruby", "-e", READ_BY_RUBY], input=texts, capture_output=True, text=True, check=True
    )
    for value, found in zip(VALUES, json.loads(done.stdout), strict=True):
        assert found == shown(value), ascii(value)[:80]


def shown(value: Any) -> list[Any]:
    """As READ_BY_RUBY does it."""
    match value:
        case str():
            return ["s", [ord(c) for c in value]]
        case list():
            return ["a", [shown(item) for item in value]]
        case dict():
            return ["h", [[shown(key), shown(item)] for key, item in value.items()]]
        case float():
            return ["f", struct.pack(">d", value).hex()]
    names = {True: ("TrueClass", "true"), False: ("FalseClass", "false"), None: ("NilClass", "nil")}
    kept = value is None or isinstance(value, bool)
    return ["n", *(names[value] if kept else ("Integer", str(value)))]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: ascii(value)[:40])
def test_a_value_is_one_printable_line(value: Any) -> None:
    text = quoted(value)
    assert len(text.splitlines()) == 1
    assert all(c.isprintable() or c in "\xa0\xad\u200e\ue000\U0010ffff\U0001fffe" for c in text)


@pytest.mark.parametrize(
    "value",
    [
        *(math.nan, math.inf, -math.inf, "\ud800", "a\udfffb", {"\ud800": 1}, ["\ud83d"]),
        *(nested(MAX_DEPTH + 1, map_=True), nested(MAX_DEPTH + 1, map_=False)),
        *({1, 2}, b"x", pytest.param(object(), id="an object")),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_value_that_some_parser_would_read_otherwise_is_refused(value: Any) -> None:
    with pytest.raises(UnclassifiableError):
        quoted(value)


def test_a_value_deeper_than_our_own_stack_is_refused() -> None:
    with pytest.raises(UnclassifiableError, match="deep"):
        quoted(nested(100_000, map_=False))


@pytest.mark.parametrize("value", [math.nan, "\ud800", {1}, nested(40, map_=True)])
def test_what_is_refused_is_named_by_role_and_not_repeated(value: Any) -> None:
    with pytest.raises(UnclassifiableError, match=r"^role web: ") as refused:
        role_text(of(classes={"a": {"secret-name": value}}))
    assert "secret" not in str(refused.value)


class TestARole:
    @pytest.mark.parametrize(
        "definition",
        [
            {},
            {"classes": None},
            {"classes": {}},
            {"classes": []},
            {"classes": "a"},
            {"classes": 0},
            {"classes": {"a": None}},
            {"classes": {"a": []}},
            {"classes": {"a": {}, "::a": {"b": 1}}},
            {"classes": {"a": {}}, "parameters": []},
            {"classes": {"a": {}}, "parameters": ""},
            {"classes": {"a": {}}, "environment": 1},
            {"classes": {"a": {}}, "environment": False},
            {"classes": {"a": {}}, "parameters": {"role": "x"}},
            {"classes": {"a": {}}, "parameters": {"rolecall": {}}},
        ],
    )
    def test_that_says_nothing_usable_is_refused(self, definition: dict[str, Any]) -> None:
        with pytest.raises(UnclassifiableError, match="web"):
            role_text(role(definition=definition))

    @pytest.mark.parametrize(
        "more", [{}, {"parameters": None}, {"environment": None}, {"environment": ""}]
    )
    def test_needs_no_more_than_a_class(self, more: dict[str, Any]) -> None:
        assert role_text(of(classes={"a": {}}, **more)).classes == '  "a": {}\n'

    def test_may_have_been_stored_with_colons_that_puppet_refuses(self) -> None:
        """Puppet 7.23 says "Invalid tag" to those, and the node has no catalogue."""
        found = role_text(of(classes={"::role::web": {"a": 1}, "b::c": {}})).classes

        assert found == '  "role::web": {"a": 1}\n  "b::c": {}\n'


class TestAnAnswer:
    def test_says_all_and_ends_with_the_certname(self) -> None:
        text = role_text(of(classes={"role::web": {"a": 1}}, parameters={"tier": "x"}))
        assert render(node("i-0a"), text) == (
            "---\n"
            "classes:\n"
            '  "role::web": {"a": 1}\n'
            "parameters:\n"
            '  "tier": "x"\n'
            '  "role": "web"\n'
            '  "rolecall": {"role": "web", "kind": "extra", "state": "running", "launch": "", '
            '"market": "spot", "instance_id": "i-0a", "region": "us-east-1", '
            '"zone": "us-east-1a"}\n'
            "# end i-0a\n"
        )

    @pytest.mark.parametrize(
        ("of_node", "of_role", "told"),
        [("", "", None), ("", "r", "r"), ("n", "r", "n"), ("n", "", "n")],
    )
    def test_has_the_nodes_environment_or_the_roles_or_none(
        self, of_node: str, of_role: str, told: str | None
    ) -> None:
        text = role_text(of(classes={"a": {}}, environment=of_role))
        assert read(render(node(environment=of_node), text)).get("environment") == told

    @pytest.mark.parametrize("hostile", TEXTS, ids=lambda text: ascii(text)[:40])
    def test_carries_any_text_of_a_node_as_it_is(self, hostile: str) -> None:
        odd = node("i-0a", role=hostile, zone=hostile, launch=hostile, environment=hostile)
        found = read(render(odd, role_text(of(classes={"a": {}}))))
        assert found["parameters"]["rolecall"] == facts(odd)
        assert found["parameters"]["role"] == hostile
        assert found.get("environment", "") == hostile
        assert set(found) <= {"classes", "parameters", "environment"}
        assert found["classes"] == {"a": {}}

    @pytest.mark.parametrize("hostile", TEXTS, ids=lambda text: ascii(text)[:40])
    def test_carries_any_class_and_parameter_as_it_is(self, hostile: str) -> None:
        classes = {"first": {}, hostile: {hostile: hostile}, "last": {}}
        text = render(node(), role_text(of(classes=classes, parameters={hostile: [hostile]})))
        found = read(text)
        assert same(found["classes"], classes)
        assert found["parameters"][hostile] == [hostile]
        assert text.splitlines()[1] == "classes:"
        assert text.splitlines()[-1] == "# end i-0aaaaaaaaaaaaaaa1"

    @pytest.mark.parametrize("one", [node(), foreign(), node(market=Market.ON_DEMAND)])
    def test_tells_every_fact_as_text(self, one: Node) -> None:
        assert all(isinstance(value, str) for value in facts(one).values())

    @pytest.mark.parametrize("where", ["classes", "parameters"])
    def test_has_no_line_that_is_too_long_to_be_read(self, where: str) -> None:
        definition = {"classes": {"a": {}}, "parameters": {}}
        role_text(role(definition=definition | {where: {"a" * 998: {}}}))
        with pytest.raises(UnclassifiableError, match="longer than"):
            role_text(role(definition=definition | {where: {"a" * 999: {}}}))

    def test_does_not_tell_what_is_not_puppets(self) -> None:
        one = node(csr_key="fingerprint", private_ip="10.0.0.1", kind=Kind.BURST, state=State.LOST)
        text = render(one, role_text(of(classes={"a": {}})))
        assert "fingerprint" not in text
        assert "10.0.0.1" not in text
