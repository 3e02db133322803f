"""Answers as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from flask import Response

# What a node is changes at any moment, and nobody in between may remember it for us.
FRESH: Mapping[str, str] = {"Cache-Control": "no-store"}


def answer(found: Mapping[str, Any]) -> Response:
    text = json.dumps(found, ensure_ascii=False) + "\n"
    return Response(text, headers=FRESH, content_type="application/json")
