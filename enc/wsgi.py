"""The composition root of the service: the only place where its clients are built.

``enc.wsgi:app`` is what gunicorn asks for, in each worker after the fork. It is made when it is
asked for, not when this module is imported.
"""

from __future__ import annotations

import os
from time import perf_counter
from typing import Any

from enc import logs
from enc.inventory import SERVICE_TIMEOUT, Inventory, connect
from enc.web.app import create_app
from enc.web.metrics import Metrics
from enc.web.settings import Settings


def make_app() -> Any:
    """The service as the environment describes it. Raises SettingsError."""
    settings = Settings.from_environment(os.environ)
    logs.configure(settings.log_level, secrets=settings.secrets)
    redis = connect(
        settings.redis_url, timeout=SERVICE_TIMEOUT, name="rolecall-enc", clock=perf_counter
    )
    return create_app(
        Inventory.on(redis),
        site=settings.site,
        counts=Metrics(settings.metrics_dir),
        timer=perf_counter,
        zones=settings.zones,
        dns_bind=settings.dns_bind,
    )


def __getattr__(name: str) -> Any:
    if name == "app":
        return make_app()
    raise AttributeError(name)
