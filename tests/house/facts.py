"""Facts that once stood in several places, each with how its definition looks. One home each."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.house.imports import PACKAGES, ROOT, sources

FACTS: Mapping[str, str] = {
    "how long what is over is kept": r"timedelta\(days=400\)",
    "how long a machine may take to get ready": r"ready_timeout: .*= Duration\(",
    "which part of a life is drained": r"_DRAIN_PART = ",
    "the jitter of a rotation": r"^def allowed_age\(",
    "how early a machine with a life is replaced": r"expires_at - fleet\.ready_timeout",
    "the timeouts": r"^class (Timeouts|Spans)\b",
    "how long a launch key outlives its launch": r"^KEY_GRACE = ",
    "how long on-demand is asked after spot": r"^FALLBACK_SPAN = ",
    "which window is open": r"^def is_open\(",
    "how a role's fleet is read from the store": r"^def fleet_of\(definition",
    "the shape of a region's name": r"^REGION = r",
}


def homes() -> dict[str, list[str]]:
    """By fact: the files in which it is defined."""
    texts = {
        str(file.relative_to(ROOT)): file.read_text()
        for package in PACKAGES
        for file in sources(package)
    }
    return {
        fact: [name for name, text in texts.items() if re.search(look, text, re.MULTILINE)]
        for fact, look in FACTS.items()
    }
