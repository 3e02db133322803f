"""Whether the process lives, and whether it could answer."""

from __future__ import annotations

from flask import Blueprint, Response

from enc.inventory import Inventory
from enc.inventory.health import check_ready, check_writable
from enc.web.responses import answer


def blueprint(inventory: Inventory, site: str) -> Blueprint:
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def alive() -> Response:
        """The process; Redis is not asked: restarting us would not bring it back."""
        return answer({"status": "alive"})

    @routes.get("/readyz")
    def ready() -> Response:
        """Look-ups need less: they are answered while Redis takes no writes."""
        meta = check_ready(inventory.redis, site)
        check_writable(inventory.redis)
        return answer({"status": "ready", "site": meta.site, "schema": meta.schema})

    return routes
