"""The pages for people, as a reader sees them, and an inventory with a little of everything."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from enc.domain.model import Attempt, Kind, LaunchState, Market, State
from enc.inventory import Inventory
from enc.inventory.clock import redis_now
from tests.builders import event, foreign, launch, node, role
from tests.summaries import report

NAME = "i-0aaaaaaaaaaaaaaa1"
LAUNCH = "l-00000000000000aa"
LISTS = ("/", "/nodes", "/launches", "/events", "/history")
PAGES = (*LISTS, f"/nodes/{NAME}", "/roles/web", f"/launches/{LAUNCH}")
KEY = "5e" * 32
FINGERPRINT = "f1" * 32
POLICY = "default-src 'none'; style-src 'self'; script-src 'self'"


def page(client: FlaskClient, path: str, status: int = 200) -> str:
    """A whole page of this status, with all that keeps a browser in."""
    response = client.get(path)
    assert response.status_code == status, response.text
    whole(response)
    return response.text


def whole(response: TestResponse) -> None:
    assert response.content_type == "text/html; charset=utf-8"
    assert response.headers["Content-Security-Policy"].startswith(POLICY)
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Cache-Control"] == "no-store"
    assert response.text.rstrip().endswith("</html>")
    assert "Traceback" not in response.text


def words(text: str) -> str:
    """What a reader sees, in one line."""
    main = text[text.index("<main") : text.index("</main>")]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def certnames(text: str) -> list[str]:
    return re.findall(r'<th scope="row"><a class="name" href="/nodes/[^"]+">([^<]+)</a>', text)


def following(text: str) -> str | None:
    found = re.search(r'rel="next" href="([^"]+)"', text)
    return unescape(found[1]) if found else None


def fill(inventory: Inventory) -> None:
    now = redis_now(inventory.redis)
    definition = {
        "description": "Serves what was converted",
        "classes": {"role::web": {"workers": 4}},
        "fleet": {"size": 3, "max_age": "24h"},
    }
    inventory.roles.apply([role(definition=definition), role("db")], event(at=now))
    inventory.launches.open(launch(LAUNCH, key=KEY, market=Market.SPOT), event(at=now))
    answers = (("spot:c5.large:us-east-1a", "InsufficientInstanceCapacity", "none there"),)
    for attempt in (
        Attempt(number=1, at=now, market=Market.SPOT, wanted=2, answers=answers),
        Attempt(number=2, at=now, market=Market.ON_DEMAND, wanted=2, got=(NAME,)),
    ):
        inventory.launches.record_attempt(LAUNCH, attempt, event("asked", at=now))
    inventory.launches.close(LAUNCH, LaunchState.PARTIAL, event("closed", at=now, why="1 of 2"))
    hour = timedelta(hours=1)
    born = [
        node(NAME, kind=Kind.FLEET, state=State.READY, launched_at=now - 30 * hour,
             launch=LAUNCH, market=Market.ON_DEMAND, csr_key=FINGERPRINT,
             private_ip="10.0.0.1", private_dns="ip-10-0-0-1.ec2.internal"),
        node("i-0b", kind=Kind.FLEET, state=State.FAILED, launched_at=now - hour),
        foreign("db1.example.com", role="db", launched_at=now - 2 * hour),
    ]  # fmt: skip
    inventory.nodes.create_many((one, event(at=now)) for one in born)
    ending = node("i-0dead", state=State.RETIRING, launched_at=now - 9 * hour)
    made = inventory.nodes.create(ending, event(at=now - 9 * hour))
    inventory.nodes.archive(made, event("archived", at=now - hour, why="EC2 takes it back"))
    inventory.reports.take(
        report(NAME, time=now - hour / 2, status="failed", errors=["port 80 is in use"]),
        site="default", who="ship-reports",
    )  # fmt: skip
