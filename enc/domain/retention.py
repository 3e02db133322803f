"""How long what is over is remembered: one span for machines and launches, in store and texts."""

from __future__ import annotations

from datetime import timedelta

KEPT = timedelta(days=400)
