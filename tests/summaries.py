"""Summaries of Puppet's reports, as the report processor writes them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from enc.domain.reports import Report, parse
from enc.inventory.codec import iso
from tests.fakes.clock import START

_RUNS = UUID("5521b09c-af37-4139-a957-6e0baf7c47d5")


def summary(certname: str = "i-0aaaaaaaaaaaaaaa1", **changes: Any) -> dict[str, Any]:
    """A run that changed something; ``time`` may be a datetime, and tells one run from another."""
    found: dict[str, Any] = {
        "version": 1,
        "certname": certname,
        "time": START,
        "status": "changed",
        "noop": False,
        "noop_pending": False,
        "cached": False,
        "environment": "production",
        "configuration_version": "1795359108",
        "transaction_uuid": str(uuid5(_RUNS, str(changes.get("time", START)))),
        "puppet_version": "7.23.0",
        "seconds": {"total": 1.234, "config_retrieval": 0.5},
        "resources": {
            "total": 31,
            "changed": 2,
            "failed": 0,
            "failed_to_restart": 0,
            "out_of_sync": 2,
            "skipped": 0,
            "restarted": 0,
            "corrective_change": 1,
        },
        "errors": [],
        **changes,
    }
    time = found["time"]
    return found | ({"time": iso(time)} if isinstance(time, datetime) else {})


def body(certname: str = "i-0aaaaaaaaaaaaaaa1", **changes: Any) -> bytes:
    return json.dumps(summary(certname, **changes)).encode()


def report(certname: str = "i-0aaaaaaaaaaaaaaa1", **changes: Any) -> Report:
    return parse(summary(certname, **changes))
