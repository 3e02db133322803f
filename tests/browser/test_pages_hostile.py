"""What others wrote is put into every field that a page shows, and runs nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from enc.domain.model import Attempt, Hold, LaunchState, Market, State
from enc.inventory import Inventory, connect
from enc.inventory.clock import redis_now
from tests.browser.reader import DESKTOP, PHONE, Reader, Stage
from tests.builders import event, launch, node, role
from tests.conftest import begin
from tests.servers import RedisServer, Service
from tests.summaries import report

NAME = "i-0aaaaaaaaaaaaaaa1"
LAUNCH = "l-00000000000000aa"
RUNS = "<script>alert(1)</script><img src=//evil.example/x onerror=alert(2)><svg onload=alert(3)>"
BREAKS = "\"'`--></title></style></textarea></script>{{7*7}}{% x %}${7*7}"
STEERS = "\x1b[31m\x1b]8;;http://evil.example\x07\x00\r\n\u202e\u200b"
HOSTILE = RUNS + BREAKS + STEERS
LONG = HOSTILE + "A" * (10_000 - len(HOSTILE))
PATHS = (
    *("/", "/nodes", f"/nodes/{NAME}", "/nodes/i-0dead", "/roles/web", "/launches"),
    *(f"/launches/{LAUNCH}", "/events", "/history"),
)


@pytest.fixture(scope="module", params=[HOSTILE, LONG], ids=["hostile", "long"])
def stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("hostile")
    redis = RedisServer(folder / "redis").start()
    service = Service(folder / "service", redis.url)
    try:
        inventory = Inventory.on(connect(redis.url, timeout=5))
        fill(inventory, request.param)
        yield Stage(inventory=inventory, redis=redis, service=service.start())
    finally:
        service.end()
        redis.end()


def fill(inventory: Inventory, text: str) -> None:
    now = redis_now(inventory.redis)
    begin(inventory, at=now)
    told = event(text[:200], at=now, why=text, more={"name": text, text[:80]: text})
    definition = {
        "description": text,
        "classes": {"role::web": {text: text}},
        "parameters": {text: {text: [text]}},
        "environment": text,
        "fleet": {"size": 1, "max_age": "24h"},
    }
    inventory.roles.apply([role(definition=definition)], told)
    inventory.holds.put(Hold(role="web", why=text, since=now, by=text), told)
    inventory.launches.open(launch(LAUNCH, owner=text, region=text, opened_at=now), told)
    attempt = Attempt(
        number=1, at=now, market=Market.SPOT, wanted=1, barred=text, answers=((text, text, text),)
    )
    inventory.launches.record_attempt(LAUNCH, attempt, told)
    inventory.launches.close(LAUNCH, LaunchState.FAILED, told)
    texts = dict.fromkeys(
        ("instance_type", "zone", "region", "vpc", "image", "environment", "held",
         "replace_because", "private_ip"), text,
    )  # fmt: skip
    inventory.nodes.create(node(NAME, launch=LAUNCH, launched_at=now, **texts), told)
    said = report(NAME, time=now, status="failed", environment=text[:255], errors=[text[:300]] * 5)
    inventory.reports.take(said, site="default", who=text[:80])
    born = now - timedelta(hours=3)
    dead = node("i-0dead", state=State.RETIRING, launched_at=born, instance_type=text, zone=text)
    inventory.nodes.archive(inventory.nodes.create(dead, told), told)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("look", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_is_shown_and_never_run(
    stage: Stage, reader: Callable[..., Reader], look: dict[str, object], path: str,
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    who = reader(stage, **look)
    who.open(path)
    who.has_access()
    who.page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    who.is_content()
    assert who.page.locator("img, iframe, object, main script").count() == 0
    assert who.page.locator("main svg[onload], main [onerror]").count() == 0
    assert not set("\x1b\x00\u202e\u200b") & set(who.page.content())
    # A list on a phone leaves out what the page of the one has.
    if path not in ("/nodes", "/history") and (path, look) != ("/launches", PHONE):
        assert "<script>alert(1)</script>" in who.page.locator("main").inner_text()
    who.fits()
    who.shoot(f"hostile-{request.node.callspec.id.replace('/', '_')}", whole=False)
