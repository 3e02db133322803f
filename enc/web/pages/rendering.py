"""What every page is made with: the inventory, the templates, and answers that browsers keep in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from flask import Response, request, url_for
from jinja2 import Environment, PackageLoader, StrictUndefined
from werkzeug.datastructures import MultiDict

from enc.domain.retention import KEPT
from enc.inventory import CorruptError, Inventory
from enc.inventory.clock import redis_now
from enc.inventory.health import check_ready
from enc.web.pages import words
from enc.web.problems import corrupt
from enc.web.responses import FRESH

# Nothing from another host, no script and no style but our own files, and nobody's frame: what
# somebody else wrote and a mistake of ours let through still could not run.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    **FRESH,
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def environment() -> Environment:
    """The templates, in which every value is escaped and stripped of what steers a reader's eye."""
    made = Environment(
        loader=PackageLoader("enc.web.pages"),
        autoescape=True,
        finalize=words.shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"moment": words.moment, "age": words.age, "written": words.written}
    made.globals |= {
        "url_for": url_for,
        "to": to,
        "FOLDED": words.FOLDED,
        "KEPT": KEPT,
        "counted": words.counted,
    }
    return made


@dataclass(frozen=True)
class Desk:
    """``templates`` is made once and shared by all pages of an application."""

    inventory: Inventory
    site: str
    templates: Environment

    def begin(self) -> datetime:
        """The time, by the clock that all who write share, of a store that can be believed.

        Raises StoreError's kinds.
        """
        self.check()
        return redis_now(self.inventory.redis)

    def check(self) -> None:
        """To be repeated after the reading: a store that is lost meanwhile answers less."""
        check_ready(self.inventory.redis, self.site)

    def page(self, template: str, *, status: int = 200, **values: Any) -> Response:
        text = self.templates.get_template(template).render(
            site=self.site, path=request.path, **values
        )
        return Response(text, status, HEADERS, content_type="text/html; charset=utf-8")


class Damage:
    """What a list had to pass over, to be told above it; each key once."""

    def __init__(self) -> None:
        self._found: dict[str, str] = {}

    def __call__(self, error: CorruptError) -> None:
        # Without the error's own words, which quote what somebody put there.
        self._found[error.key] = corrupt(error).detail

    @property
    def told(self) -> list[str]:
        return [self._found[key] for key in sorted(self._found)]


def to(what: str, name: str) -> str:
    """The address of one node, role or launch: url_for would take a third of a long list's time."""
    return f"{request.script_root}/{what}/{quote(name, safe='/:@')}"


def given() -> MultiDict[str, str]:
    """The query without what is empty: a form sends also the fields that nobody filled in."""
    return MultiDict(
        [(name, text) for name, text in request.args.items(multi=True) if text.strip()]
    )


def looked(found: Sequence[object], limit: int, cursor: str | None, most: int) -> int:
    """How many were looked at for a page that is short and not the last; 0 for any other."""
    return most if cursor and len(found) < limit else 0


def link(endpoint: str, asked: Mapping[str, Any], **changes: Any) -> str:
    """The address of a page with this query; None takes a parameter away."""
    merged = {**asked, **changes}
    return url_for(endpoint, **{name: text for name, text in merged.items() if text is not None})
