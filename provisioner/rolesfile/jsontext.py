"""JSON as the YAML that our parser reads. Pure."""

from __future__ import annotations

import json
import re

_PARTS = re.compile(
    r"""
    "(?:[^"\\]|\\.)*"
  | (?P<whole>-?[0-9]+)(?P<part>\.[0-9]+)?[eE](?P<sign>[-+]?)(?P<power>[0-9]+)
    """,
    re.VERBOSE,
)
# Backslashes go in pairs: one that is itself escaped begins nothing.
_PAIR = re.compile(r"\\\\|(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})")


def as_yaml(text: str) -> str:
    """JSON is YAML but for two things: numbers with an exponent, and characters in two halves.

    Lines stay where they are; what is no JSON is given back as it is.
    """
    if text.lstrip()[:1] != "{" or not _is_json(text):
        return text
    return _PARTS.sub(_part, text)


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _part(found: re.Match[str]) -> str:
    if found["whole"] is None:
        return _PAIR.sub(lambda pair: json.loads(f'"{pair[0]}"') if pair[1] else pair[0], found[0])
    return f"{found['whole']}{found['part'] or '.0'}e{found['sign'] or '+'}{found['power']}"
