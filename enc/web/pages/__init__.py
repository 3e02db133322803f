"""The inventory for people: pages that show and change nothing."""

from __future__ import annotations

from flask import Blueprint

from enc.inventory import Inventory
from enc.web.metrics import Metrics
from enc.web.pages import errors, events, fleet, history, launches, node, nodes, roles
from enc.web.pages.rendering import Desk, environment


def blueprint(inventory: Inventory, site: str, counts: Metrics) -> Blueprint:
    routes = Blueprint("pages", __name__, static_folder="static", static_url_path="/static")
    desk = Desk(inventory=inventory, site=site, templates=environment())
    errors.install(routes, desk, counts)
    for page in (fleet, nodes, node, roles, launches, events, history):
        page.install(routes, desk)
    return routes
