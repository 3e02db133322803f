"""The service as a Flask application, put together from what it is given."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask

from enc.inventory import Inventory
from enc.outputs.zones import NO_ZONES, Zones
from enc.web import (
    api,
    classification,
    discovery,
    dns,
    health,
    home,
    metrics,
    pages,
    problems,
    reports,
    trust,
)
from enc.web.answers import Answers

# A certificate request, and a report: a few kilobytes each.
_LARGEST_BODY = 64 * 1024


def create_app(
    inventory: Inventory,
    *,
    site: str,
    counts: metrics.Metrics,
    timer: Callable[[], float],
    zones: Zones = NO_ZONES,
    dns_bind: str = "",
) -> Flask:
    """``site`` is whose machines the store must hold; ``timer`` gives seconds since whenever.

    Whoever comes by way of ``dns_bind`` may ask for what DNS tells, and nothing else.
    """
    app = Flask("rolecall", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    # '//' is no typing mistake to be redirected: no certname begins with a slash.
    app.url_map.merge_slashes = False
    metrics.install(app, counts, timer)
    problems.install(app, counts)
    if dns_bind:
        dns.restrict(app, dns_bind)
    app.register_blueprint(pages.blueprint(inventory, site, counts))
    app.register_blueprint(home.blueprint())
    app.register_blueprint(health.blueprint(inventory, site))
    app.register_blueprint(metrics.blueprint(counts, inventory, site))
    app.register_blueprint(api.blueprint(inventory, site))
    app.register_blueprint(discovery.blueprint(inventory, site, counts))
    app.register_blueprint(trust.blueprint(inventory.signing, site, counts))
    app.register_blueprint(reports.blueprint(inventory.reports, site, counts))
    app.register_blueprint(dns.blueprint(inventory, site, zones, timer))
    app.register_blueprint(classification.blueprint(Answers(inventory.lookups, site), counts))
    return app
