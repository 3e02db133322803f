"""Somebody at a browser, who notices what should not be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page, Request, Response

from enc.inventory import Inventory
from tests.servers import RedisServer, Service

PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
DESKTOP = {"viewport": {"width": 1440, "height": 900}}
# What reaches beyond the window, unless it does so within something that scrolls by itself.
_OVER = """() => document.documentElement.scrollWidth <= window.innerWidth ? []
  : [...document.querySelectorAll("body *")]
    .filter((one) => one.getBoundingClientRect().right > window.innerWidth + 1)
    .filter((one) => !one.parentElement.closest(".scroll, pre"))
    .map((one) => `${one.outerHTML.slice(0, 150)}: ${one.getBoundingClientRect().right}`)
    .slice(-5)"""
# Chromium writes each answer that is no success to the console: that one is asked for.
_STATUS = re.compile(r"Failed to load resource: the server responded with a status of \d+")


@dataclass(frozen=True)
class Stage:
    """What is shown: an inventory, and the service over it."""

    inventory: Inventory
    redis: RedisServer
    service: Service


class Reader:
    def __init__(self, page: Page, stage: Stage, axe: str, shots: Path) -> None:
        self.page, self.stage = page, stage
        self._axe, self._shots = axe, shots
        self.complaints: list[str] = []
        self.hosts: set[str] = set()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._asked)
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog: {dialog.message}"))
        page.set_default_timeout(10_000)

    def open(self, path: str, status: int = 200) -> Response:
        answer = self.page.goto(path, wait_until="load")
        assert answer is not None
        assert answer.status == status, answer.text()
        return answer

    def is_content(self) -> None:
        """Nothing was said on the console, and nobody else was asked."""
        assert not self.complaints, "\n".join(self.complaints)
        assert self.hosts <= {urlsplit(self.stage.service.url).netloc}

    def has_access(self) -> None:
        """axe-core finds nothing serious or critical."""
        # Not as an element: the page's own policy would refuse it, which is as it should be.
        self.page.evaluate(self._axe)
        found: dict[str, Any] = self.page.evaluate("() => axe.run({resultTypes: ['violations']})")
        grave = [
            f"{one['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for one in found["violations"]
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"][:3]
        ]
        assert not grave, "\n".join(grave)

    def fits(self) -> None:
        """The page is no wider than the window: only tables scroll sideways, by themselves."""
        over: list[str] = self.page.evaluate(_OVER)
        assert not over, "\n".join(over)

    def shoot(self, name: str, *, whole: bool = True) -> None:
        self.page.screenshot(path=self._shots / f"{name}.png", full_page=whole)

    def texts(self, selector: str) -> list[str]:
        return [text.strip() for text in self.page.locator(selector).all_inner_texts()]

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not _STATUS.match(message.text):
            self.complaints.append(f"{message.type}: {message.text}")

    def _asked(self, request: Request) -> None:
        if not request.url.startswith("data:"):
            self.hosts.add(urlsplit(request.url).netloc)
