"""Whether the process lives, and whether it could answer."""

from __future__ import annotations

from flask import Blueprint, Response

from enc.inventory import Inventory
from enc.inventory.ready import check_ready
from enc.web.responses import answer


def blueprint(inventory: Inventory, site: str) -> Blueprint:
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def alive() -> Response:
        """The process; Redis is not asked: restarting us would not bring it back."""
        return answer({"status": "alive"})

    @routes.get("/readyz")
    def ready() -> Response:
        meta = check_ready(inventory.redis, site)
        return answer({"status": "ready", "site": meta.site, "schema": meta.schema})

    return routes
