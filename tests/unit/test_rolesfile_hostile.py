"""YAML that means harm, or that two readers take for two different things."""

from __future__ import annotations

import json
import time

import pytest

from provisioner.rolesfile.loading import RolesFileError, load
from provisioner.rolesfile.yamltree import MAX_BYTES, MAX_DEPTH


def refused(text: str | bytes) -> list[str]:
    with pytest.raises(RolesFileError) as caught:
        load(text, source="roles.yaml", read_file=str)
    return str(caught.value).splitlines()


def value(yaml: str) -> object:
    """What a top-scope variable holds that is written so."""
    file = load(f"roles: {{web: {{parameters: {{a: {yaml}}}}}}}", source="f", read_file=str)
    return file.roles["web"].parameters["a"]


def refused_value(yaml: str) -> str:
    (line,) = refused(f"roles: {{web: {{parameters: {{a: {yaml}}}}}}}")
    return line.removeprefix("roles.yaml:1: roles.web.parameters.a: ")


NINE = ", ".join(["*{}"] * 9)
LAUGHS = "a: &a [x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{NINE.replace('{}', chr(97 + i))}]\n" for i in range(8)
)
TOO_MUCH = "more than 100000 values or 4194304 characters; aliases (*name) count as what they"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, TOO_MUCH),
        (f"a: &a {'x' * 500_000}\nb: [{', '.join(['*a'] * 9)}]\n", TOO_MUCH),
        (f"a: [{'1,' * 100_001}]", TOO_MUCH),
        ("[" * 500_000, f"nested more than {MAX_DEPTH} deep"),
        ("- " * 500_000, f"nested more than {MAX_DEPTH} deep"),
        (
            "".join(f"k{i}: &k{i} {'[' * 9}*k{i - 1}{']' * 9}\n" for i in range(1, 99)).replace(
                "*k0", "1"
            ),
            f"nested more than {MAX_DEPTH} deep",
        ),
        ("? " * 100_000, "a key that is not a text; put it in quotes"),
        ("#" * (MAX_BYTES + 1), f"the file has {MAX_BYTES + 1} bytes; the limit is {MAX_BYTES}"),
        (b"\xff" * (MAX_BYTES + 1), f"the limit is {MAX_BYTES}"),
        (
            f"defaults: {{parameters: {{x: {'y' * 30_000}}}}}\nroles:\n"
            + "".join(f"  r{i}: {{}}\n" for i in range(1000)),
            "roles.yaml: roles: all roles together have more than 16777216 characters",
        ),
        (
            f"roles: {{web: {{parameters: {{a: '{'x' * 262_144}'}}}}}}",
            "roles.web: 262225 characters with its defaults; at most 262144; put large data",
        ),
    ],
    ids=range(11),
)
def test_a_file_that_blows_up_is_refused_soon(text: str | bytes, message: str) -> None:
    started = time.process_time()

    lines = refused(text)

    assert message in lines[0]
    assert time.process_time() - started < 5


def test_aliases_that_do_not_blow_up_are_taken() -> None:
    text = "roles: {a: {parameters: {x: &x [1, &y {z: 2}], w: *x, v: *y}}}"
    found = load(text, source="f", read_file=str).roles["a"].parameters

    assert found == {"x": [1, {"z": 2}], "w": [1, {"z": 2}], "v": {"z": 2}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("roles:\n\tweb: {}\n", "roles.yaml:2: a tab in the indentation; indent with spaces"),
        ("roles:\n  web:\n  \tx: 1\n", "roles.yaml:3: a tab in the indentation; indent with"),
        ("roles: {web: {}}\nroles: {}\n", "roles.yaml:2: roles: written twice, on line 1 and here"),
        (
            "roles:\n  web:\n    fleet:\n      surge: 1\n      surge: 2\n",
            "roles.yaml:5: roles.web.fleet.surge: written twice, on line 4 and here; keep one of",
        ),
        ("a: &a [*a]", "roles.yaml:1: a[0]: *a contains itself"),
        ("a: &a {b: {<<: *a}}", "*a contains itself"),
        ("roles: *web", "roles.yaml:1: roles: *web is used, but no &web stands before it"),
        ("roles: {a: {<<: 3}}", "roles.yaml:1: roles.a: << takes a map, or a list of maps; as in"),
        ("roles: {a: }\n---\nx: 1", "roles.yaml:2: a second document starts here; one file holds"),
        ("roles: [\n", "roles.yaml:2: not YAML: "),
        ("a: b: c", "roles.yaml:1: not YAML: mapping values are not allowed in this context; a te"),
        ("a: @b", "not YAML: found character that cannot start any token, while scanning for the"),
        ("roles: {[a]: {}}", "roles.yaml:1: roles: a key that is not a text; put it in quotes"),
        (b"a: 1\nb: caf\xe9", "roles.yaml:2: not UTF-8: byte 0xe9; save the file as UTF-8"),
        ("roles: {}".encode("utf-16"), "roles.yaml:1: not UTF-8: byte 0xff; save the file as UTF"),
        ("a: 1\nb: \x07", "roles.yaml:2: an invisible character, U+0007; remove it"),
        ("a: b\u2028c: d", "roles.yaml:1: an invisible character, U+2028; remove it"),
        ("a: \ud800", "roles.yaml:1: an invisible character, U+D800; remove it"),
        ("a: 1\rb: 2", "roles.yaml:1: an invisible character, U+000D; remove it"),
        ("roles: !!python/object/apply:os.system [ls]", "the tag !!python/object/apply:os.system"),
        ("roles: !!set {web}", "roles.yaml:1: roles: the tag !!set is not taken; remove it"),
        ("roles: !web {}", "roles.yaml:1: roles: the tag !web is not taken; remove it"),
        (f"roles: {{a: {{parameters: {{a: {{{'k' * 256}: 1}}}}}}}}", "a key of more than 255"),
        ('roles: {a: {parameters: {a: {"\\0": 1}}}}', "an invisible character in the key"),
    ],
)
def test_a_file_is_refused_for(text: str | bytes, message: str) -> None:
    lines = refused(text)

    assert message in lines[0]


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("on", "a boolean"),
        ("No", "a boolean"),
        ("true", "a boolean"),
        ("123", "a number"),
        ("1.5", "a number"),
        ("0x1F", "a number"),
        ("1e3", "a number"),
        ("0o17", "a number"),
        ("2026-01-01", "a date"),
        ("null", "nothing"),
        ("~", "nothing"),
    ],
)
def test_a_role_name_that_is_not_text_to_yaml_needs_quotes(key: str, kind: str) -> None:
    (line,) = refused(f"roles:\n  {key}: {{}}\n")

    assert line.startswith("roles.yaml:2: roles.")
    assert line.endswith(f': the key {key} is {kind} to YAML; put it in quotes: "{key}"')


def test_a_role_name_in_quotes_needs_nothing_more() -> None:
    assert list(load("roles: {'on': }", source="f", read_file=str).roles) == ["on"]


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("2026-01-01", '2026-01-01 is a date to YAML; put it in quotes: "2026-01-01"'),
        ("2026-01-01T10:00:00Z", "2026-01-01T10:00:00Z is a date to YAML"),
        ("0644", '"0644" is a number in base 8 to YAML; put it in quotes'),
        ("12:30", '"12:30" is a number in base 60 to YAML; put it in quotes'),
        ("1:30.5", '"1:30.5" is a number in base 60 to YAML; put it in quotes'),
        ("9223372036854775808", '"9223372036854775808" does not fit into 64 bits; put it in'),
        ("-9223372036854775809", "does not fit into 64 bits"),
        ("9" * 100_000, "does not fit into 64 bits"),
        ("0x_", '"0x_" is a number without digits to YAML; put it in quotes'),
        ("1e3", '"1e3" is a text to YAML 1.1 and a number to YAML 1.2; write 1000.0, or put it'),
        ("2.5e3", "write 2500.0, or put it in quotes"),
        ("-1E-2", "write -0.01, or put it in quotes"),
        ("1e+22", "write 1.0e+22, or put it in quotes"),
        ("-.5", "write -0.5, or put it in quotes"),
        ("08", "write 8, or put it in quotes"),
        ("0o17", "write 15, or put it in quotes"),
        ("12e4567", '"12e4567" is a text to YAML 1.1 and a number to YAML 1.2; put it in quotes'),
        ("0o7777777777777777777777777", "a number to YAML 1.2; put it in quotes"),
        ("0" * 9000 + "8", "a number to YAML 1.2; put it in quotes"),
        ("!!float 1e3", "the tag !!float is not taken"),
        (".inf", '".inf" is not a finite number; write a number, or quote it'),
        ("-.INF", "is not a finite number"),
        (".NaN", "is not a finite number"),
        ("1.0e+999", "is not a finite number"),
        ("!!binary aGk=", "the tag !!binary is not taken; write the value without it"),
        ("!!int x", "the tag !!int is not taken"),
        ("!!timestamp '2026-01-01'", "2026-01-01 is a date to YAML"),
        ("!mine x", "the tag !mine is not taken"),
        ('"a\\0b"', "an invisible character in the text, U+0000; remove it"),
        ('"\\e[31m"', "an invisible character in the text, U+001B; remove it"),
        ('"a\\rb"', "an invisible character in the text, U+000D; remove it"),
        ('"\\L"', "an invisible character in the text, U+2028; remove it"),
        (f"{'[' * 20}1{']' * 20}", "nested more than 20 deep; nest the value less"),
    ],
)
def test_a_value_is_refused(yaml: str, message: str) -> None:
    assert message in refused_value(yaml)


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        ("'2026-01-01'", "2026-01-01"),
        ("'0644'", "0644"),
        ("0", 0),
        ("-0", 0),
        ("+7", 7),
        ("1_000", 1000),
        ("0x1F", 31),
        ("0b101", 5),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("1.5", 1.5),
        ("1.0e+3", 1000.0),
        ("'1e3'", "1e3"),
        ("!!str 0o17", "0o17"),
        ("1e", "1e"),
        ("0o8", "0o8"),
        ("1.2.3", "1.2.3"),
        ("e3", "e3"),
        ("-1_0.5", -10.5),
        ("yes", True),
        ("Off", False),
        ("~", None),
        ("", None),
        ("=", "="),
        ("!!str 5", "5"),
        ("! 5", "5"),
        ("!!int '5'", 5),
        ("'<<'", "<<"),
        ('"a\\tb\\nc"', "a\tb\nc"),
        ("'\U0001f600 \u00e4'", "\U0001f600 \u00e4"),
        ("[" * 19 + "]" * 19, json.loads("[" * 19 + "]" * 19)),
        ("{a key: [1, {x: }]}", {"a key": [1, {"x": None}]}),
    ],
)
def test_a_value_is_taken(yaml: str, expected: object) -> None:
    found = value(yaml)

    assert found == expected
    assert type(found) is type(expected)


def json_value(written: str) -> object:
    """What a variable holds that stands so in a roles file of JSON."""
    text = f'{{"roles": {{"web": {{\n\t"parameters": {{"a": {written}}}}}}}}}'
    return load(text, source="f", read_file=str).roles["web"].parameters["a"]


@pytest.mark.parametrize(
    "written",
    [
        *("1e3", "2.5e3", "1E+22", "-1e-2", "0", "-0", "1.5", "12", "[1e3, 0.1e1]", "true"),
        *('"1e3"', '"a \\" 1e3"', '"\\\\"', '{"1e3": 1e3}', '"0o17"'),
        *('"\\ud83d\\ude00"', '"\\\\ud83d\\\\ude00"', '"\\u00e9\\/"', '"\\uD83D\\uDE00 2e2"'),
    ],
)
def test_what_json_says_is_what_it_says(written: str) -> None:
    found, expected = json_value(written), json.loads(written)

    assert found == expected
    assert type(found) is type(expected)


def test_the_line_in_json_is_that_of_the_file() -> None:
    text = '{"roles": {"web": {\n"parameters": {"a": 1e3,\n"b": 1e999}}}}'

    assert refused(text)[0].startswith('roles.yaml:3: roles.web.parameters.b: "1.0e+999" is not a')


def test_a_flow_map_is_no_json_and_its_numbers_are_asked_about() -> None:
    text = '{"roles": {"web": {"parameters": {a: 1e3}}}}'

    assert "a number to YAML 1.2; write 1000.0, or put it in quotes" in refused(text)[0]
