"""Each import contract is broken once, and seen to fail."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.house.contracts import Planted, broken_by, contracts
from tests.house.imports import ROOT

# Import names of distributions that go by another one, and what pydantic itself is made of.
MODULES = {
    "pyyaml": "yaml",
    "prometheus-client": "prometheus_client",
    "python-dateutil": "dateutil",
}
PYDANTICS = ("pydantic_core", "annotated_types", "typing_extensions", "typing_inspection")
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


def test_no_rule_may_use_any_package_that_is_installed_but_pydantic() -> None:
    """Also one that comes with the next `make locks`."""
    imported = {MODULES.get(name, name.replace("-", "_")) for name in distributions()}
    allowed = {"pydantic", *PYDANTICS}
    open_ = [
        name
        for name in sorted(imported - allowed)
        if not broken_by([Planted("enc.domain.model", name)])
    ]
    assert open_ == []


def test_what_is_allowed_breaks_none() -> None:
    fine = [
        Planted("enc.domain.csr", "cryptography"),
        Planted("provisioner.adapters.ec2", "requests"),
        Planted("enc.domain.limits", "pydantic"),
    ]
    assert broken_by(fine) == set()
