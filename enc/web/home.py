"""What this is, and where programs look; people have pages."""

from __future__ import annotations

from importlib.metadata import version

from flask import Blueprint, Response

from enc.web.operations import OPERATIONS, Operation
from enc.web.responses import answer


def _line(one: Operation) -> str:
    return " ".join([one.summary, *(f"?{each.name}=" for each in one.parameters)])


_PLACES = {
    "/": "pages for people",
    "/v1/enc/CERTNAME": "the classification of a node, as Puppet gets it",
    "POST /v1/autosign/CERTNAME": "whether Puppet may sign this certificate request (PEM)",
    "POST /v1/reports": "the summary of one of Puppet's runs (JSON)",
    **{one.path: _line(one) for one in OPERATIONS},
    "/v1/openapi.json": "the paths above, in OpenAPI 3.1",
    "/healthz": "whether the service lives",
    "/readyz": "whether it can answer",
    "/metrics": "counts and durations, for Prometheus",
}


def blueprint() -> Blueprint:
    routes = Blueprint("home", __name__)

    @routes.get("/v1")
    @routes.get("/v1/")
    def home() -> Response:
        return answer({"service": "rolecall ENC", "version": version("rolecall"), "see": _PLACES})

    return routes
