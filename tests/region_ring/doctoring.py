"""What the doctor said, for the tests that ask it."""

from __future__ import annotations

from typing import Any

from tests.region_ring.cli import Done, Operator
from tests.servers import free_port

NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
NO_REDIS = f"redis://127.0.0.1:{free_port()}/0"
NOTHING = {**NO_KEYS, "REDIS_URL": NO_REDIS}


def findings(done: Done) -> dict[str, dict[str, Any]]:
    assert "Traceback" not in done.err, done.err
    return {one["what"]: one for one in done.json}


def wrong(done: Done) -> dict[str, dict[str, Any]]:
    """What is neither well nor left out, without the ENC service, which few tests start."""
    found = findings(done)
    return {
        what: one
        for what, one in found.items()
        if one["verdict"] in ("broken", "warning") and what != "ENC service"
    }


def look(operator: Operator, **env: str) -> Done:
    return operator.run("doctor", "--format", "json", **env)
