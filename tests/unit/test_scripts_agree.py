"""What the programs of a puppetmaster share is the same in each, to the letter.

See docs/decisions/0027.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import pytest

FILES = Path(__file__).parents[2] / "puppet/rolecall/files"
# What each has of its own under a name that the other has, too.
OF_ITS_OWN = {
    "DEFAULTS": "their settings are not the same",
    "KEYS": "the keys of the others",
    "PROGRAM": "its name",
    "REFUSALS": "what is said of a request, and of a report",
    "main": "what it does",
    "within": "ship-reports stops at a signal, and goes on with its other reports",
}
# As above, of `rolecall-inventory`, which reads the whole inventory for a person's tool.
LIMITS_OF_ITS_OWN = {
    "MAX_ANSWER": "an inventory is larger than a word on a report",
    "MAX_SECONDS": "it is how long one run may take; elsewhere it bounds ages of answers, too",
}
PROGRAMS = ("autosign", "enc", "rolecall-inventory", "ship-reports")


def parts(source: str) -> Mapping[str, str]:
    """Top-level functions, classes and constants as they are written, with their comments."""
    lines = source.splitlines()
    found = {}
    for node in ast.parse(source).body:
        first = node.lineno
        while lines[first - 2].startswith("#"):
            first -= 1
        text = "\n".join(lines[first - 1 : node.end_lineno])
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = text
            case ast.Assign(targets=[ast.Name(id=name)]):
                found[name] = text
    return found


def differing(one: str, other: str) -> set[str]:
    mine, theirs = parts(one), parts(other)
    return {name for name in mine.keys() & theirs if mine[name] != theirs[name]}


AUTOSIGN = (FILES / "autosign").read_text()
SHIPPER = (FILES / "ship-reports").read_text()


def test_what_autosign_and_ship_reports_share_is_the_same_to_the_letter() -> None:
    shared = parts(AUTOSIGN).keys() & parts(SHIPPER)

    assert {"read_settings", "read_file", "connect", "dial", "secure", "say"} <= shared
    assert differing(AUTOSIGN, SHIPPER) <= OF_ITS_OWN.keys()


def test_a_change_in_one_of_them_alone_is_found() -> None:
    changed = SHIPPER.replace("TLSv1_2", "TLSv1_1")

    assert changed != SHIPPER
    assert differing(AUTOSIGN, changed) - OF_ITS_OWN.keys() == {"secure"}


def constants(name: str) -> Mapping[str, str]:
    """Their values as they are written; a comment may say it in the file's own words."""
    tree = ast.parse((FILES / name).read_text())
    assigned = [(node.targets[0], node.value) for node in tree.body if isinstance(node, ast.Assign)]
    return {
        target.id: ast.unparse(value) for target, value in assigned if isinstance(target, ast.Name)
    }


@pytest.mark.parametrize(("one", "other"), list(combinations(PROGRAMS, 2)))
def test_a_limit_or_a_name_that_two_programs_have_is_the_same(one: str, other: str) -> None:
    """Also of `enc` and `rolecall-inventory`, which share no functions with the others."""
    mine, theirs = constants(one), constants(other)
    differ = {name for name in mine.keys() & theirs if mine[name] != theirs[name]}

    assert {"MAX_MESSAGE"} <= mine.keys() & theirs
    assert differ <= OF_ITS_OWN.keys() | LIMITS_OF_ITS_OWN.keys()


def test_nothing_is_named_as_different_that_is_not() -> None:
    assert differing(AUTOSIGN, SHIPPER) == OF_ITS_OWN.keys()
