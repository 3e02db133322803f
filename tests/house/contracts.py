"""The import contracts of setup.cfg, tried on the graph of our imports with one more planted."""

from __future__ import annotations

import configparser
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from typing import Any

import grimp
from importlinter.configuration import configure
from importlinter.contracts.forbidden import ForbiddenContract

from tests.house.imports import PACKAGES, ROOT

_MANY = ("source_modules", "forbidden_modules", "ignore_imports")


@dataclass(frozen=True)
class Planted:
    """``importer`` comes to import ``imported``."""

    importer: str
    imported: str


def contracts() -> dict[str, ForbiddenContract]:
    """By name. Raises ValueError for one of another type: teach this."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    found = [settings[name] for name in settings.sections() if name.startswith("importlinter:")]
    return {one["name"]: _contract(dict(one)) for one in found}


def broken_by(planted: Sequence[Planted]) -> set[str]:
    """The names of the contracts that do not hold with these imports in the tree."""
    configure()
    graph = deepcopy(_graph())
    for one in planted:
        if one.imported not in graph.modules:
            graph.add_module(one.imported, is_squashed=True)
        graph.add_import(importer=one.importer, imported=one.imported)
    checked = {name: one.check(graph=graph, verbose=False) for name, one in contracts().items()}
    return {name for name, said in checked.items() if not said.kept}


@cache
def _graph() -> Any:
    return grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)


def _contract(given: dict[str, str]) -> ForbiddenContract:
    if given["type"] != "forbidden":
        raise ValueError(f"contract {given['name']} is of type {given['type']}")
    options: dict[str, Any] = {
        key: value.split("\n")[1:] or [value] if key in _MANY else value
        for key, value in given.items()
    }
    session = {"root_packages": list(PACKAGES), "include_external_packages": "True"}
    return ForbiddenContract(name=given["name"], session_options=session, contract_options=options)
