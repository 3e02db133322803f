"""The audit log, newest first, filtered."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from enc.inventory import BadCursorError
from enc.web.documents import BAD_PARAMETER
from enc.web.pages.desk import Desk, given, link
from enc.web.pages.node import moment
from enc.web.parameters import Parameters, limit
from enc.web.problems import ProblemError

_FILTERS = ("node", "role", "who", "what")
_KNOWN = (*_FILTERS, "limit", "before")
_LONGEST_ID = 40


def install(routes: Blueprint, desk: Desk) -> None:
    @routes.get("/events")
    def events() -> Response:
        asked = given()
        read = Parameters(asked, _KNOWN)
        most, before = limit(read), read.text("before", most=_LONGEST_ID)
        wanted: dict[str, Any] = {name: read.text(name) for name in _FILTERS}
        now, inventory = desk.begin(), desk.inventory
        try:
            page = inventory.events.page(most, before, **wanted)
        except BadCursorError as error:
            # Not in the error's words, which repeat what was sent.
            raise ProblemError(BAD_PARAMETER, "before is not the id of an event") from error
        desk.check()
        flat = {name: asked[name] for name in asked if name != "before"}
        return desk.page(
            "events.html", now=now, wanted=wanted, is_filtered=any(wanted.values()),
            events=[(number, moment(entry)) for number, entry in page.events],
            before=before, first=link(".events", flat),
            following=link(".events", flat, before=page.cursor) if page.cursor else None,
        )  # fmt: skip
