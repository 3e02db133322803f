"""The audit log, newest first, filtered."""

from __future__ import annotations

from flask import Blueprint, Response

from enc.web.operations import EVENTS
from enc.web.pages.node import moment
from enc.web.pages.rendering import Desk, given, link
from enc.web.parameters import asked as values_of

_FILTERS = ("node", "role", "who", "what")
# The page is read backwards; "after" is for programs that follow the log.
_TABLE = tuple(one for one in EVENTS.parameters if one.name != "after")


def install(routes: Blueprint, desk: Desk) -> None:
    @routes.get("/events")
    def events() -> Response:
        asked = given()
        found = values_of(asked, _TABLE)
        before, wanted = found["before"], {name: found[name] for name in _FILTERS}
        now = desk.begin()
        page = desk.inventory.events.page(found["limit"], before, **wanted)
        desk.check()
        flat = {name: asked[name] for name in asked if name != "before"}
        return desk.page(
            "events.html", now=now, wanted=wanted, is_filtered=any(wanted.values()),
            events=[(number, moment(entry)) for number, entry in page.events],
            before=before, first=link(".events", flat),
            following=link(".events", flat, before=page.cursor) if page.cursor else None,
        )  # fmt: skip
