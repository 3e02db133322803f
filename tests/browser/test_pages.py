"""The pages in a real browser: each with nothing, a little and a lot; for eyes and for keys."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import expect

from enc.inventory import Event, Inventory, connect
from enc.inventory.clock import redis_now
from tests.browser import stages
from tests.browser.reader import DESKTOP, PHONE, Reader, Stage
from tests.servers import RedisServer, Service

LISTS = {
    "fleet": "/",
    "nodes": "/nodes",
    "launches": "/launches",
    "events": "/events",
    "history": "/history",
}
OPENED = {
    "node": f"/nodes/{stages.first()}",
    "role": "/roles/web",
    "launch": f"/launches/{stages.LAUNCH}",
    "filtered": "/nodes?role=pdf2swf&state=ready&market=spot&kind=fleet",
    "found": "/nodes?q=i-000000000000000",
    "newest": "/nodes?order=newest",
    "nothing": "/nodes?q=zzz",
}
COUNTS = (0, 5, 20_000)
_, FEW, MANY = COUNTS
SHOWN = {
    **{f"{name}-{count}": (path, count) for count in COUNTS for name, path in LISTS.items()},
    **{f"{name}-{count}": (path, count) for count in COUNTS[1:] for name, path in OPENED.items()},
}
LOOKS: dict[str, dict[str, Any]] = {
    "desktop-light": {**DESKTOP, "color_scheme": "light"},
    "desktop-dark": {**DESKTOP, "color_scheme": "dark"},
    "phone-light": {**PHONE, "color_scheme": "light"},
    "phone-dark": {**PHONE, "color_scheme": "dark"},
}
# Events come with the next refresh, which is 5 s away, on a machine that may be busy.
expect.set_options(timeout=20_000)
Stages = Callable[[int], Stage]
Readers = Callable[..., Reader]


# What differs by look differs with few nodes; with none and with many it is seen in two of them.
@pytest.mark.parametrize(
    ("name", "look"),
    [
        (name, look)
        for look in LOOKS
        for name, (_, count) in SHOWN.items()
        if count == FEW or look in ("desktop-light", "phone-dark")
    ],
)
def test_a_page_is_fit_to_be_seen(stage: Stages, reader: Readers, name: str, look: str) -> None:
    path, count = SHOWN[name]
    who = reader(stage(count), **LOOKS[look])
    who.open(path)
    who.shoot(f"{name}-{look}", whole=count < MANY)
    who.is_content()
    who.has_access()
    who.fits()


class TestTwentyThousandNodes:
    def test_are_found_filtered_turned_and_opened(self, stage: Stages, reader: Readers) -> None:
        who = reader(stage(MANY), **DESKTOP)
        who.open("/")
        page = who.page
        page.get_by_role("link", name="Nodes", exact=True).first.click()
        expect(page.get_by_text("20,002 nodes")).to_be_visible()
        page.get_by_label("State").select_option("failed")
        page.get_by_role("button", name="Filter").click()
        expect(page).to_have_url(re.compile("state=failed"))
        assert set(who.texts("td .state")) == {"failed"}
        page.get_by_role("link", name=re.compile("sort the newest first")).click()
        expect(page).to_have_url(re.compile("order=newest"))
        assert set(who.texts("td .state")) == {"failed"}
        first = who.texts("tbody th .name")[0]
        page.get_by_role("link", name=first).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(first)
        who.is_content()

    def test_are_paged_through(self, stage: Stages, reader: Readers) -> None:
        who = reader(stage(MANY), **DESKTOP)
        who.open("/nodes?limit=1000")
        seen: list[str] = who.texts("tbody th .name")
        for _ in range(3):
            following = who.page.get_by_role("link", name="Next page")
            address = f"{who.stage.service.url}{following.get_attribute('href')}"
            following.click()
            who.page.wait_for_url(address)
            seen += who.texts("tbody th .name")
        assert len(seen) == len(set(seen)) == 4000

    def test_are_searched_for_by_the_field_that_is_on_every_page(
        self, stage: Stages, reader: Readers
    ) -> None:
        who = reader(stage(MANY), **DESKTOP)
        who.open("/events")
        who.page.get_by_label("Find a node").fill(stages.certname(777))
        who.page.keyboard.press("Enter")
        expect(who.page.get_by_role("link", name=stages.certname(777))).to_be_visible()
        assert len(who.texts("tbody th .name")) == 1


class TestANewEvent:
    def test_appears_by_itself(self, stage: Stages, reader: Readers) -> None:
        here = stage(5)
        who = reader(here, **DESKTOP)
        who.open("/events")
        _happen(here, "something new")
        expect(who.page.get_by_role("rowheader", name="something new")).to_be_visible()
        who.shoot("event-new-5-desktop-light", whole=False)
        who.is_content()

    def test_does_not_while_the_page_is_paused(self, stage: Stages, reader: Readers) -> None:
        here = stage(5)
        who = reader(here, **DESKTOP)
        who.open("/events")
        who.page.get_by_role("button", name="Pause").click()
        expect(who.page.get_by_text("Paused")).to_be_visible()
        _happen(here, "while paused")
        who.page.wait_for_timeout(6_000)
        assert who.page.get_by_role("rowheader", name="while paused").count() == 0
        who.page.get_by_role("button", name="Pause").click()
        expect(who.page.get_by_role("rowheader", name="while paused")).to_be_visible()

    def test_appears_without_script_when_the_page_is_asked_for_again(
        self, stage: Stages, reader: Readers
    ) -> None:
        here = stage(5)
        who = reader(here, **DESKTOP, java_script_enabled=False)
        who.open("/events")
        assert not who.page.get_by_role("button", name="Pause").is_visible()
        _happen(here, "without script")
        who.page.reload()
        assert who.page.get_by_role("rowheader", name="without script").is_visible()


def _happen(stage: Stage, what: str) -> None:
    now = redis_now(stage.inventory.redis)
    [node] = stage.inventory.nodes.many([stages.certname(3)])
    stage.inventory.nodes.change(node, Event(what=what, who="ann@ops", at=now), held=what)


class TestTheKeyboard:
    def test_reaches_everything_and_shows_where_it_is(self, stage: Stages, reader: Readers) -> None:
        who = reader(stage(5), **DESKTOP)
        who.open("/nodes")
        reached = []
        for _ in range(40):
            who.page.keyboard.press("Tab")
            told = who.page.evaluate(
                """() => { const on = document.activeElement, style = getComputedStyle(on);
                return [on.id || on.textContent.trim().slice(0, 40) || on.tagName,
                        style.outlineStyle, style.outlineWidth]; }"""
            )
            reached.append(told[0])
            if who.page.evaluate("document.activeElement !== document.body"):
                assert told[1] == "solid", told
                assert told[2] == "2px", told
        assert reached[0] == "Skip to the content"
        assert {"Fleet", "find", "q", "role", "state", "Filter"} <= set(reached)
        assert stages.first() in reached

    def test_skips_to_the_content(self, stage: Stages, reader: Readers) -> None:
        who = reader(stage(5), **DESKTOP)
        who.open("/nodes")
        who.page.keyboard.press("Tab")
        who.page.keyboard.press("Enter")
        assert who.page.evaluate("document.activeElement.id") == "main"


class TestWithoutAStore:
    @pytest.mark.parametrize("look", LOOKS)
    def test_a_page_says_so(
        self, reader: Readers, tmp_path_factory: pytest.TempPathFactory, stage: Stages, look: str
    ) -> None:
        folder = tmp_path_factory.mktemp("away")
        redis = RedisServer(folder / "redis")
        service = Service(folder / "service", redis.url).start()
        try:
            who = reader(replace(stage(0), redis=redis, service=service), **LOOKS[look])
            for path in LISTS.values():
                who.open(path, 503)
                expect(who.page.get_by_role("heading", level=1)).to_have_text(
                    "The store cannot be asked"
                )
                who.fits()
            who.has_access()
            who.shoot(f"away-{look}")
            who.is_content()
        finally:
            service.end()

    def test_a_page_that_refreshes_stands_still_and_says_so(
        self, reader: Readers, tmp_path_factory: pytest.TempPathFactory, stage: Stages
    ) -> None:
        folder = tmp_path_factory.mktemp("going")
        redis = RedisServer(folder / "redis").start()
        service = Service(folder / "service", redis.url).start()
        try:
            inventory = Inventory.on(connect(redis.url, timeout=5))
            stages.set_up(inventory, 5)
            here = Stage(inventory=inventory, redis=redis, service=service)
            who = reader(here, **DESKTOP)
            who.open("/events")
            rows = len(who.texts("tbody tr"))
            redis.kill()
            expect(who.page.get_by_text("Stands still: the service said 503")).to_be_visible()
            assert len(who.texts("tbody tr")) == rows
        finally:
            service.end()
            redis.end()


def test_a_bad_parameter_is_a_page_that_says_which(stage: Stages, reader: Readers) -> None:
    who = reader(stage(5), **DESKTOP)
    who.open("/nodes?limit=0", 400)
    expect(who.page.get_by_text("limit must be a whole number from 1 to 1000")).to_be_visible()
    who.has_access()
    who.shoot("bad-parameter-desktop-light")
    who.is_content()
