"""Each import contract is broken once, and seen to fail."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator

import pytest

from tests.house.contracts import Planted, broken_by, contracts
from tests.house.imports import PACKAGES, ROOT, imported, module_of, room, sources

# Import names of distributions that go by another one, and what pydantic itself is made of.
MODULES = {
    "pyyaml": "yaml",
    "prometheus-client": "prometheus_client",
    "python-dateutil": "dateutil",
}
PYDANTICS = ("pydantic_core", "annotated_types", "typing_extensions", "typing_inspection")
# What of Python itself the rules may use: it gives the same answer every time, and touches nothing.
PURE_PYTHON = {
    *("__future__", "base64", "binascii", "collections", "collections.abc", "contextlib"),
    *("dataclasses", "datetime", "enum", "functools", "hashlib", "heapq", "hmac"),
    *("ipaddress", "itertools", "json", "math", "re", "types", "typing"),
}
RULES = ("enc.domain", "provisioner.domain")
# Library -> the only rooms that may know it.
KNOWN_BY = {
    "redis": {"enc.inventory"},
    "flask": {"enc.web"},
    "boto3": {"provisioner.adapters"},
    "requests": {"provisioner.adapters"},
    "click": {"provisioner.cli"},
}
PURE = "Rules and what tools are told are pure"
PLANTED = [
    ("enc.domain.model", "provisioner.settings", "The service never imports the provisioner"),
    ("provisioner.loop.daemon", "enc.web.app",
     "The provisioner uses inventory, outputs and domain, never the web service"),
    ("provisioner.domain.rotation", "random", PURE),
    ("provisioner.domain.rotation", "subprocess", PURE),
    ("provisioner.domain.rotation", "time", PURE),
    ("enc.domain.trust", "os", PURE),
    ("enc.outputs.dns", "socket", PURE),
    ("provisioner.importing.plan", "enc.inventory.nodes", PURE),
    ("enc.domain.trust", "cryptography",
     "Only csr.py reads what cryptography parses, and the rules read no YAML"),
    ("enc.domain.rolespec", "yaml",
     "Only csr.py reads what cryptography parses, and the rules read no YAML"),
    ("provisioner.commands.holds", "boto3",
     "Only adapters and the wiring know AWS, HTTP and the clock"),
    ("provisioner.launching.launch", "time",
     "Only adapters and the wiring know AWS, HTTP and the clock"),
    ("provisioner.loop.observe", "provisioner.adapters.ec2",
     "Only adapters and the wiring know AWS, HTTP and the clock"),
    ("provisioner.cli.listing", "redis", "Only the inventory knows Redis"),
    ("provisioner.cli.listing", "provisioner.adapters.ec2",
     "Commands reach the world by way of the wiring"),
    ("enc.preflight", "redis", "Only the inventory knows Redis"),
    ("enc.gunicorn_conf", "flask", "Only the web service knows Flask"),
    ("enc.web.api", "requests", "Only adapters call AWS and other servers"),
    ("provisioner.wiring", "boto3", "Only adapters call AWS and other servers"),
    ("provisioner.loop.daemon", "requests",
     "Only adapters and the wiring know AWS, HTTP and the clock"),
    ("provisioner.adapters.ec2", "click", "Only the commands know click"),
    ("enc.inventory.health", "prometheus_client",
     "Only what serves knows gunicorn and Prometheus"),
    ("enc.domain.model", "http", PURE),
    ("enc.domain.model", "sys", PURE),
    ("enc.domain.model", "uuid", PURE),
    ("enc.web.api", "redis", "Only the inventory knows Redis"),
    ("enc.inventory.keys", "flask", "Only the web service knows Flask"),
    ("provisioner.commands.assign", "provisioner.importing.look",
     "Nothing else needs the import wing"),
]  # fmt: skip


def distributions() -> Iterator[str]:
    """What the service and the provisioner are installed with, by the lock."""
    text = (ROOT / "requirements/rolecall.txt").read_text()
    yield from re.findall(r"^([A-Za-z0-9_.-]+)==", text, re.MULTILINE)


def test_they_hold() -> None:
    assert broken_by([]) == set()


@pytest.mark.parametrize(("importer", "imported", "contract"), PLANTED)
def test_an_import_that_may_not_be_breaks_one(importer: str, imported: str, contract: str) -> None:
    assert contract in broken_by([Planted(importer, imported)])


def test_each_is_broken_by_one_of_these() -> None:
    assert {contract for *_, contract in PLANTED} == contracts().keys()


@pytest.mark.parametrize("library", KNOWN_BY)
def test_a_library_is_known_to_its_room_alone(library: str) -> None:
    """Also to no room that is made tomorrow: the contracts name those that may."""
    files = {room(module_of(file)): file for package in PACKAGES for file in sources(package)}
    open_ = {
        name
        for name in files.keys() - set(PACKAGES)
        if not broken_by([Planted(module_of(files[name]), library)])
    }
    assert open_ == KNOWN_BY[library]


def impure(names: Iterable[str]) -> set[str]:
    """Those of Python's own modules that are not known to be pure."""
    own = {name for name in names if name.partition(".")[0] in sys.stdlib_module_names}
    return own - PURE_PYTHON


def test_the_rules_use_of_python_only_what_is_pure() -> None:
    files = [file for package in PACKAGES for file in sources(package)]
    used = {name for file in files if room(module_of(file)) in RULES for name in imported(file)}
    assert impure(used) == set()


@pytest.mark.parametrize("name", ["os", "os.path", "urllib.request", "zoneinfo"])
def test_what_is_not_known_to_be_pure_is_found(name: str) -> None:
    assert impure({name, "re", "pydantic"}) == {name}


def test_no_rule_may_use_any_package_that_is_installed_but_pydantic() -> None:
    """Also one that comes with the next `make locks`."""
    imported = {MODULES.get(name, name.replace("-", "_")) for name in distributions()}
    allowed = {"pydantic", *PYDANTICS}
    open_ = [
        name
        for name in sorted(imported - allowed)
        if not all(broken_by([Planted(rule, name)]) for rule in RULES)
    ]
    assert open_ == []


def test_what_is_allowed_breaks_none() -> None:
    fine = [
        Planted("enc.domain.csr", "cryptography"),
        Planted("provisioner.adapters.ec2", "requests"),
        Planted("enc.domain.limits", "pydantic"),
    ]
    assert broken_by(fine) == set()
