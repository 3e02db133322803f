"""A Redis of one test's own, to be broken, and all that may be asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from enc.domain.model import Attempt, LaunchState, Market, State
from enc.inventory import Inventory, Query, connect
from tests.builders import event, launch, node, role
from tests.conftest import BINARIES, begin
from tests.fakes.clock import START
from tests.servers import KEEPS_ALL, RedisServer

NODE = node("i-00000000000000001", held="0" * 200)
OTHER = node("i-00000000000000002", held="1" * 200)
POOL = "spot:c5.large:us-east-1a"
TIMEOUT = 0.2
ATTEMPT = Attempt(number=1, at=START, market=Market.SPOT, wanted=1)


def breakable(binary: str, folder: Path) -> Iterator[RedisServer]:
    """For a fixture: a running server that keeps its data over a restart."""
    path = BINARIES[binary].path
    server = RedisServer(folder / "redis", binary=path, options=KEEPS_ALL)
    server.start()
    yield server
    end(server)


def end(server: RedisServer) -> None:
    server.end()


def filled(server: RedisServer) -> Iterator[Inventory]:
    """For a fixture: an inventory with a role, an open launch and one node."""
    store = Inventory.on(connect(server.url, timeout=TIMEOUT))
    begin(store)
    store.roles.apply([role()], event())
    store.launches.open(launch(), event())
    store.nodes.create(NODE, event())
    yield store
    store.redis.close()


def reads(store: Inventory) -> list[Callable[[], object]]:
    return [
        store.meta.get,
        lambda: store.nodes.get(NODE.certname),
        lambda: store.nodes.many([NODE.certname, OTHER.certname]),
        lambda: store.nodes.named("a.example"),
        lambda: store.nodes.of_role("web"),
        lambda: store.nodes.archived(NODE.certname),
        lambda: store.nodes.archive_page(5, role="web"),
        lambda: list(store.nodes.archived_since(START)),
        lambda: store.lookups.look_up(NODE.certname),
        lambda: store.lookups.definition("web"),
        lambda: store.queries.page(Query(), limit=5),
        lambda: store.queries.page(Query(kind=NODE.kind, q="x", newest=True), limit=5),
        store.queries.total,
        lambda: list(store.queries.every(Query())),
        lambda: store.roles.get("web"),
        store.roles.all,
        store.roles.names,
        lambda: store.roles.counts(["web"]),
        lambda: store.roles.runs(["web"]),
        lambda: store.roles.ages(["web"], [START]),
        lambda: store.roles.oldest(["web"]),
        lambda: store.launches.get(launch().id),
        lambda: store.launches.latest(5),
        lambda: store.launches.page(5, role="web"),
        store.events.after,
        lambda: store.events.page(5, who="alice@ops"),
        lambda: store.events.life(NODE.certname),
        lambda: store.droughts.dry([POOL], START),
    ]


def writes(store: Inventory) -> list[Callable[[], object]]:
    known = replace(NODE, rev=1)
    return [
        lambda: store.meta.begin(site="x", account="", event=event()),
        lambda: store.nodes.create(OTHER, event()),
        lambda: store.nodes.create_many([(OTHER, event())]),
        lambda: store.nodes.change(known, event(), held="x"),
        lambda: store.nodes.change_many([(known, event(), {"held": "x"})]),
        lambda: store.nodes.archive(replace(known, state=State.RETIRING), event()),
        lambda: store.roles.apply([role("new")], event()),
        lambda: store.launches.open(launch("l-new"), event()),
        lambda: store.launches.beat(launch().id, START),
        lambda: store.launches.record_attempt(launch().id, ATTEMPT, event()),
        lambda: store.launches.close(launch().id, LaunchState.FAILED, event()),
        lambda: store.droughts.note([POOL], START),
    ]
