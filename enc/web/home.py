"""What this is, and where programs look; people have pages."""

from __future__ import annotations

from importlib.metadata import version

from flask import Blueprint, Response

from enc.web.responses import answer

_PLACES = {
    "/": "pages for people",
    "/v1/enc/CERTNAME": "the classification of a node, as Puppet gets it",
    "POST /v1/autosign/CERTNAME": "whether Puppet may sign this certificate request (PEM)",
    "POST /v1/reports": "the summary of one of Puppet's runs (JSON)",
    "/v1/nodes": "nodes; ?role= &state= &market= &q= (a prefix) &limit= &cursor=",
    "/v1/nodes/NAME": "one node, by certname, DNS name or VPC:ADDRESS",
    "/v1/roles": "roles as last applied, and how many nodes each has",
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
