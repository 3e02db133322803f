"""What we write as YAML is read alike by readers of 1.1 and 1.2."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from enc.outputs.yamltext import NUMBER, dump, knowing
from enc.web.pages.roles import written
from provisioner.rolesfile.loading import load
from provisioner.rolesfile.writing import text

TEXTS = ["1e3", "2.5E-3", "1e+22", "0o17", "08", "-.5", "1234567890123e45"]


@pytest.mark.parametrize("value", TEXTS)
def test_a_text_that_another_reader_takes_for_a_number_has_quotes(value: str) -> None:
    assert re.fullmatch(f"['\"]{re.escape(value)}['\"]\n(\\.\\.\\.\n)?", dump(value))
    assert yaml.safe_load(dump({"a": value, value: 1})) == {"a": value, value: 1}


@pytest.mark.parametrize("value", ["e3", "1.2.3", "i-0aaa", "0x", "a 1e3", "10.0.0.7"])
def test_any_other_text_has_none(value: str) -> None:
    assert dump([value]) == f"- {value}\n"


@pytest.mark.parametrize("value", [1000.0, 1e22, -2.5e-10, 12, True, None, {"a": [1.5, "x"]}])
def test_values_are_read_as_they_were(value: Any) -> None:
    assert yaml.safe_load(dump(value)) == value


def test_pyyaml_itself_is_left_as_it_is() -> None:
    knowing(yaml.SafeLoader)

    assert yaml.safe_load("1e3") == "1e3"
    assert knowing(yaml.SafeLoader)("").resolve(yaml.ScalarNode, "1e3", (True, False)) == NUMBER


def test_a_roles_file_that_we_write_is_one_that_apply_takes() -> None:
    values = dict(zip("abcdefg", TEXTS, strict=True))
    keys = {"classes": {"web": values}, "parameters": values}
    read = load(text({"web": keys}), source="roles.yaml", read_file=str)

    assert read.roles["web"].parameters == values
    assert read.roles["web"].classes == {"web": values}


def test_the_page_of_a_role_shows_what_roles_yaml_would_have() -> None:
    assert written({"parameters": {"a": "1e3"}}) == ["parameters:", "  a: '1e3'"]
