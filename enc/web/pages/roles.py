"""One role: its definition, its nodes, its launches."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request

from enc.domain.model import Role
from enc.inventory import CorruptError, Inventory, Query
from enc.inventory.explanation import told_holds
from enc.inventory.paging import LOOKED_AT
from enc.outputs.yamltext import dump
from enc.web.documents import UNKNOWN_ROLE
from enc.web.pages import words
from enc.web.pages.age_plot import ages_plot
from enc.web.pages.fleet import rows_of
from enc.web.pages.launches import LaunchRow
from enc.web.pages.nodes import rows
from enc.web.pages.rendering import Damage, Desk, looked
from enc.web.pages.role_row import market_bar
from enc.web.parameters import asked
from enc.web.problems import ProblemError, corrupt

_NODES, _LAUNCHES = 20, 10
_WIDE, _HIGH = 640, 150


def install(routes: Blueprint, desk: Desk) -> None:
    @routes.get("/roles/<path:name>")
    def role(name: str) -> Response:
        asked(request.args, ())
        now, inventory = desk.begin(), desk.inventory
        try:
            found = inventory.roles.get(name)
            told = _told(inventory, found, now) if found else {}
        except CorruptError as error:
            raise corrupt(error) from error
        desk.check()
        if not found:
            raise ProblemError(
                UNKNOWN_ROLE,
                f"no role is called {words.clean(name[:255])}; 'provisioner roles ls' lists them, "
                "'provisioner roles apply FILE' makes them",
            )
        return desk.page("role.html", now=now, role=found, **told)


def _told(inventory: Inventory, role: Role, now: datetime) -> dict[str, Any]:
    [row] = rows_of(inventory, {role.name: role}, {}, now)
    holds = told_holds(inventory, [role.name])
    damage = Damage()
    launches = inventory.launches.page(_LAUNCHES, role=role.name, spoilt=damage)
    page = inventory.queries.marked(Query(role=role.name), limit=_NODES)
    return {
        "row": row,
        "pause": holds.get(""),
        "nodes": rows(page.nodes),
        "more": page.cursor is not None,
        "launches": [LaunchRow.of(one) for one in launches.launches],
        "damage": damage.told,
        "launches_looked": looked(launches.launches, _LAUNCHES, launches.cursor, LOOKED_AT),
        "plot": ages_plot(row.ages, row.max_age, width=_WIDE, height=_HIGH, large=True),
        "markets": market_bar(row.markets, width=_WIDE // 2),
        "definition": written(role.definition),
    }


def written(definition: Mapping[str, Any]) -> list[str]:
    """As it would stand in roles.yaml with every default filled in, by line."""
    # Not splitlines: it takes also what is no line break in YAML for one.
    return dump(dict(definition)).rstrip("\n").split("\n")
