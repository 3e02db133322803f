"""The service's worker with less patience, for gunicorn to load by name."""

from __future__ import annotations

from enc.web.server import Worker


class HastyWorker(Worker):
    exchange_timeout = 0.5
    arrival_timeout = 0.5
