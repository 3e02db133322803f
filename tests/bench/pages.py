"""The pages over 100,000 nodes: how long the first ones take, and what paging through all costs."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from html import unescape
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from enc.inventory import Inventory, connect
from tests.bench.table import Row
from tests.browser import stages
from tests.builders import event, foreign
from tests.servers import RedisServer, Service

NODES = 100_000
FARM = 4_000
ASKED = 40
P95_MS, SLOWEST_MS = 300.0, 1000.0
# What the worker may grow by while it is asked for each of the 100 pages of a thousand nodes.
MOST_GROWTH_MB = 16.0
FILTERS = {
    "role": ("", "pdf2swf"),
    "state": ("", "ready", "failed"),
    "market": ("", "on-demand"),
    "kind": ("", "fleet", "foreign"),
    # The last one has more nodes than are looked up one by one, and none in the other roles.
    "q": ("", "ip-10-0-99", "zzz", "farm"),
    "order": ("", "newest"),
}


def measure() -> list[Row]:
    with TemporaryDirectory(prefix="rolecall-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        redis = RedisServer(folder / "redis").start()
        stack.callback(redis.end)
        _fill(Inventory.on(connect(redis.url, timeout=60)))
        service = Service(folder / "s", redis.url, env={"WEB_CONCURRENCY": "1"}).start()
        stack.callback(service.end)
        return [
            _often(service, "fleet page", "/"),
            _often(service, "first page of nodes", "/nodes"),
            _combinations(service),
            _others(service),
            _memory(service),
        ]


def _fill(inventory: Inventory) -> None:
    now = stages.set_up(inventory, NODES - FARM)
    farm = [foreign(f"farm{n}.example.com", role="db", launched_at=now) for n in range(FARM)]
    inventory.nodes.create_many((one, event()) for one in farm)


def _often(service: Service, what: str, path: str) -> Row:
    """The first one is left out: in it a worker reads its templates."""
    spent = sorted(_ask(service, path)[0] for _ in range(ASKED + 1))[:-1]
    p95 = spent[int(0.95 * len(spent))]
    measured = f"{p95:.0f} ms (median {spent[len(spent) // 2]:.0f} ms)"
    return Row(f"pages: p95 of the {what}, {NODES:,} nodes", measured, "<= 300 ms", p95 <= P95_MS)


def _combinations(service: Service) -> Row:
    asked = ["&".join(f"{k}={v}" for k, v in zip(FILTERS, values, strict=True) if v)
             for values in product(*FILTERS.values())]  # fmt: skip
    spent, query = max((_ask(service, f"/nodes?{query}")[0], query) for query in asked)
    return Row(
        f"pages: slowest of {len(asked)} combinations of filters, {NODES:,} nodes",
        f"{spent:.0f} ms ({query})",
        "<= 1000 ms",
        spent <= SLOWEST_MS,
    )


def _others(service: Service) -> Row:
    paths = ("/launches", "/events", "/events?node=zzz", "/history", "/roles/pdf2swf",
             f"/nodes/{stages.first()}", f"/launches/{stages.LAUNCH}")  # fmt: skip
    spent, path = max((_ask(service, path)[0], path) for path in paths)
    return Row(
        "pages: slowest of the other pages",
        f"{spent:.0f} ms ({path})",
        "<= 1000 ms",
        spent <= SLOWEST_MS,
    )


def _memory(service: Service) -> Row:
    """Between the tenth page, when all that is kept has been made, and the last."""
    sizes = [_resident(service) for _ in _pages(service)]
    grown = max(sizes[10:]) - sizes[10]
    return Row(
        f"pages: growth of a worker in {len(sizes)} pages, through {NODES:,} nodes",
        f"{grown:.1f} MB (of {sizes[-1]:.0f} MB)",
        f"<= {MOST_GROWTH_MB:.0f} MB",
        len(sizes) >= NODES // 1000 and grown <= MOST_GROWTH_MB,
    )


def _pages(service: Service) -> Iterator[str]:
    path: str | None = "/nodes?limit=1000"
    while path:
        text = _ask(service, path)[1]
        yield text
        found = re.search(r'rel="next" href="([^"]+)"', text)
        path = unescape(found[1]) if found else None


def _ask(service: Service, path: str) -> tuple[float, str]:
    """Milliseconds until the whole page is there, and the page."""
    host, _, port = service.bind.partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    began = time.perf_counter()
    connection.request("GET", path)
    response = connection.getresponse()
    text = response.read().decode()
    spent = (time.perf_counter() - began) * 1000
    connection.close()
    if response.status != http.client.OK:
        raise RuntimeError(f"{path} was answered with {response.status}: {text[-900:]}")
    return spent, text


def _resident(service: Service) -> float:
    """MB of the one worker."""
    assert service.process is not None
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")
    [worker] = children.read_text().split()
    status = Path(f"/proc/{worker}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) / 1024
