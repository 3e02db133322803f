"""Answers as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flask import Response

# What a node is changes at any moment, and nobody in between may remember it for us.
FRESH: Mapping[str, str] = {"Cache-Control": "no-store"}


def answer(found: Mapping[str, Any] | Sequence[Any]) -> Response:
    # In ASCII: what others wrote must not steer the terminal of somebody who looks with curl.
    text = json.dumps(found) + "\n"
    return Response(text, headers=FRESH, content_type="application/json")
