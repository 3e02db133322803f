"""What Flask costs without us: one route that returns a constant, for gunicorn to serve."""

from __future__ import annotations

from typing import Any

from flask import Flask

CONSTANT = "---\n" + "x" * 1000


def make_app() -> Flask:
    app = Flask("bare", static_folder=None)

    @app.get("/constant")
    def constant() -> str:
        return CONSTANT

    return app


def __getattr__(name: str) -> Any:
    if name == "app":
        return make_app()
    raise AttributeError(name)
