"""What a new definition changes, for people."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_SHOWN_CHARACTERS = 60
_PLAIN = re.compile(r"(?!(true|false|null|[0-9.]+)$)[\w./@+](?:[\w./@+ -]|:(?! ))*", re.ASCII)
_ABSENT = object()
_NOTHING: tuple[Any, ...] = (None, "", [], {})


def diff(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> list[str]:
    """One line a change: ``~ launch.market: spot -> on-demand``, ``+ classes.role::web``.

    Maps are compared key by key, lists as a whole. None stands for a role that is not there.
    """
    return list(_inside("", old or {}, new or {}))


def _inside(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for key in {**old, **new}:
        yield from _change(f"{path}{key}", old.get(key, _ABSENT), new.get(key, _ABSENT))


def _change(path: str, old: Any, new: Any) -> Iterator[str]:
    if _same(old, new):
        return
    whole_section = old is None or (old is _ABSENT and "." not in path)
    if isinstance(new, dict) and (isinstance(old, dict) or whole_section):
        yield from _inside(f"{path}.", old if isinstance(old, dict) else {}, new)
    elif new is _ABSENT or (isinstance(old, dict) and new is None):
        yield from ([f"- {path}"] if "." in path or old not in _NOTHING else [])
    elif old is _ABSENT:
        yield from _added(path, new)
    else:
        before, after = _shown(old), _shown(new)
        yield f"~ {path}: {f'{before} -> {after}' if before != after else 'changed'}"


def _same(old: Any, new: Any) -> bool:
    """Unlike ==, this tells 1 from true and from 1.0, as Puppet does."""
    if _ABSENT in (old, new):
        return False
    return json.dumps(old, sort_keys=True) == json.dumps(new, sort_keys=True)


def _added(path: str, new: Any) -> Iterator[str]:
    """Of a section that is new, what says nothing is left out; a class says something."""
    if new not in _NOTHING:
        yield f"+ {path}: {_shown(new)}"
    elif path.startswith(("classes.", "parameters.")):
        yield f"+ {path}" if new == {} else f"+ {path}: {_shown(new)}"


def _shown(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value):
        text = value
    else:
        text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
