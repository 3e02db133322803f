"""Counts and durations for Prometheus, right with any number of workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any

from flask import Blueprint, Flask, Response
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector

from enc.domain.trust import Reason
from enc.inventory import Inventory, StoreError
from enc.inventory.health import check_ready

# Seconds. A look-up takes well under a millisecond of our own; half a second is Redis' limit.
_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_NO_ROUTE = "unmatched"
_READY = """\
# HELP rolecall_store_ready 1 while the store can be asked, and holds our inventory
# TYPE rolecall_store_ready gauge
rolecall_store_ready {:.1f}
"""


# By name: help, labels.
_COUNTERS = {
    "http_requests": ("Requests by route and status", ["route", "status"]),
    "enc_lookups": ("Questions of Puppet by their outcome", ["outcome"]),
    "csr_verdicts": ("Certificate requests by what was decided", ["reason"]),
    "reports": ("Reports of Puppet's runs by their outcome", ["outcome"]),
    "store_errors": (
        "Requests that the store could not serve, by the problem's kind",
        ["kind"],
    ),
    "discovery_left_out": (
        "Nodes that were left out of an answer, each time: damaged, or not fit for the tool",
        ["tool"],
    ),
}


class Metrics:
    """``folder`` is where the workers leave their counts for each other; "" for one process.

    prometheus-client reads PROMETHEUS_MULTIPROC_DIR when it is imported, and keeps its values
    in files there, so the two must be the same folder.
    """

    def __init__(self, folder: str = "") -> None:
        self._folder = folder
        self._registry = CollectorRegistry()
        counter = partial(Counter, registry=self._registry)
        said = {name: counter(f"rolecall_{name}", *told) for name, told in _COUNTERS.items()}
        self._verdicts, self._reports = said["csr_verdicts"], said["reports"]
        self._store_errors, self._left_out = said["store_errors"], said["discovery_left_out"]
        seconds = Histogram(
            "rolecall_http_request_seconds",
            "Time from the request's dispatch to its response",
            ["route"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        # An increase is only seen of what was there before.
        for reason in Reason:
            self._verdicts.labels(reason.value)

        # labels() costs as much as the counting. The sets are small: routes, statuses, outcomes.
        self._count_of = cache(said["http_requests"].labels)
        self._time_of = cache(seconds.labels)
        self._outcome = cache(said["enc_lookups"].labels)

    def answered(self, route: str, status: str, seconds: float) -> None:
        self._count_of(route, status).inc()
        self._time_of(route).observe(seconds)

    def looked_up(self, outcome: str) -> None:
        self._outcome(outcome).inc()

    def judged(self, reason: str) -> None:
        self._verdicts.labels(reason).inc()

    def reported(self, outcome: str) -> None:
        self._reports.labels(outcome).inc()

    def store_failed(self, kind: str) -> None:
        self._store_errors.labels(kind).inc()

    def left_out(self, tool: str, nodes: int) -> None:
        """Also of none: an increase is only seen of what was there before."""
        self._left_out.labels(tool).inc(nodes)

    def text(self) -> bytes:
        """Prometheus' text format: the sums over all workers, dead ones included."""
        if not self._folder:
            return generate_latest(self._registry)
        whole = CollectorRegistry()
        # prometheus-client ships types, but none for this class.
        MultiProcessCollector(whole, path=self._folder)  # type: ignore[no-untyped-call]
        return generate_latest(whole)


def install(app: Flask, counts: Metrics, timer: Callable[[], float]) -> None:
    """Count and time every request of this application. ``timer`` gives seconds.

    Around Flask rather than in its hooks, which cost as much again as the counting does.
    """
    inner = app.wsgi_app

    def counted(environ: dict[str, Any], start_response: Any) -> Any:
        began = timer()

        def started(status: str, headers: Any, exc_info: Any = None) -> Any:
            counts.answered(_route(environ), status[:3], timer() - began)
            return start_response(status, headers, exc_info)

        return inner(environ, started)

    app.wsgi_app = counted  # type: ignore[method-assign]  # Flask's documented way to wrap it


def _route(environ: Mapping[str, Any]) -> str:
    """The rule that the request matched. Never its path: there are as many as there are nodes."""
    request = environ.get("werkzeug.request")
    rule = getattr(request, "url_rule", None)
    return rule.rule if rule else _NO_ROUTE


def blueprint(metrics: Metrics, inventory: Inventory, site: str) -> Blueprint:
    routes = Blueprint("metrics", __name__)

    @routes.get("/metrics")
    def show() -> Response:
        ready = _READY.format(_is_ready(inventory, site))
        return Response(metrics.text() + ready.encode(), content_type=CONTENT_TYPE_LATEST)

    return routes


def _is_ready(inventory: Inventory, site: str) -> bool:
    try:
        check_ready(inventory.redis, site)
    except StoreError:
        return False
    return True
