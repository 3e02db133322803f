"""The service as a Flask application, asked without a socket."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from enc.inventory import SERVICE_TIMEOUT, Inventory, connect
from enc.web.app import create_app
from enc.web.metrics import Metrics


def app_on(inventory: Inventory, *, site: str = "default", **more: Any) -> Flask:
    return create_app(
        inventory, **{"site": site, "counts": Metrics(), "timer": perf_counter} | more
    )


def client_of(url: str, **more: Any) -> FlaskClient:
    """With the time-outs that the service has in production."""
    return app_on(Inventory.on(connect(url, timeout=SERVICE_TIMEOUT)), **more).test_client()


def problem(response: TestResponse, status: int) -> dict[str, Any]:
    """The response is a whole problem document of this status, and nothing to classify by."""
    found: dict[str, Any] = response.get_json(force=True)
    assert response.content_type == "application/problem+json"
    assert response.status_code == found["status"] == status
    assert {"type", "title", "status", "detail", "instance"} == set(found)
    assert all(isinstance(text, str) and text for key, text in found.items() if key != "status")
    assert response.headers["Cache-Control"] == "no-store"
    assert ("Retry-After" in response.headers) == (status == 503)
    assert "Traceback" not in response.text
    assert "---" not in response.text
    return found


def slug(found: dict[str, Any]) -> str:
    return str(found["type"]).rpartition(":")[2]
