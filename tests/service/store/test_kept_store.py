"""What earlier versions left in Redis and on puppetservers is read by this one."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from redis import Redis

from enc.domain.model import Market, State
from enc.inventory import Inventory, Query
from tests.builders import event
from tests.conftest import on_each_redis
from tests.kept.make import ASKS, DONE, ENDED, LOOPS, READY, SITE, STATES, everything
from tests.kept.store import fill
from tests.redis_binaries import default
from tests.servers import RedisServer, Service
from tests.service.enc_script import run_enc
from tests.service.spool import left, run_ship
from tests.service.web import client_of
from tests.warm import warm

KEPT = Path(__file__).parents[2] / "kept"
VERSIONS = sorted(folder.parent for folder in KEPT.glob("*/store.jsonl"))
DOCS = (Path(__file__).parents[3] / "docs/redis.md").read_text(encoding="utf-8")
TABLE = re.findall(r"^\| \[(.*?)\]\(#", DOCS, re.MULTILINE)
PATTERNS = [name for row in TABLE for name in re.findall(r"`([^`]+)`", row)]
FOREIGN, WITHOUT_ROLE = "db1.example.com", "db2.example.com"
EVENT = event()
EVERYBODY = {*STATES.values(), FOREIGN, WITHOUT_ROLE, *(f"i-0000000000000000{n}" for n in (8, 9))}


@pytest.fixture(params=VERSIONS, ids=lambda folder: folder.name)
def version(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


@pytest.fixture
def store(new_store: Inventory, redis: Redis, version: Path) -> Inventory:
    fill(redis, version / "store.jsonl")
    return new_store


@pytest.fixture
def client(store: Inventory, redis_server: RedisServer) -> FlaskClient:
    return client_of(redis_server.url, site=SITE)


@on_each_redis
class TestTheStore:
    def test_has_its_nodes_in_their_states(self, store: Inventory) -> None:
        found = {name: store.nodes.get(name) for name in EVERYBODY}

        assert {state: found[name].state for state, name in STATES.items()} == {  # type: ignore[union-attr]
            state: state for state in STATES
        }
        assert {one.certname for one in store.queries.page(Query(), limit=50).nodes} == EVERYBODY
        ended = store.nodes.archived(ENDED)
        assert ended is not None
        assert (ended.reason, ended.node.launch) == ("retired by alice", DONE)

    def test_has_its_launches_and_those_that_still_ask(self, store: Inventory) -> None:
        assert {one.id for one in store.launches.opened()} == {ASKS, LOOPS}
        done = store.launches.get(DONE)
        assert done is not None
        first, second = done.attempts
        assert first.answers == (
            ("spot:c5.large:us-east-1a", "UnfulfillableCapacity", "no capacity"),
        )
        assert (second.market, len(second.got)) == (Market.ON_DEMAND, 2)

    def test_has_what_stops_converge_and_what_it_suspects(self, store: Inventory) -> None:
        roles = sorted(store.roles.names())
        holds = store.holds.all(roles)

        assert set(holds) == {"", "web"}
        assert {hold.why for hold in holds.values()} == {"release day"}
        assert set(store.holds.approvals(roles)) == {"pdf2swf"}
        assert store.backoffs.all(roles)["web"].launches == (DONE,)
        assert set(store.suspects.all()) == {f"absent:{READY}"}
        assert store.sweeps.done()
        assert store.leases.current() is not None

    def test_has_runs_lives_and_whose_a_name_was(self, store: Inventory, redis: Redis) -> None:
        assert [run.certname for run in store.reports.runs(READY)] == [READY]
        assert store.nodes.named("ip-10-0-0-8.ec2.internal") == "i-00000000000000009"
        assert redis.get("formerly:ip-10-0-0-14.ec2.internal") == ENDED
        assert [one["what"] for one in store.events.life(ENDED)][-1] == "ended"

    def test_has_keys_that_still_go_by_themselves_and_others_that_stay(
        self, store: Inventory, redis: Redis, version: Path
    ) -> None:
        lines = (version / "store.jsonl").read_text(encoding="utf-8").splitlines()
        said = {one["key"]: "ms" in one for one in map(json.loads, lines)}

        assert {key: redis.pttl(key) > 0 for key in said} == said
        assert set(said.values()) == {True, False}

    def test_is_answered_from_as_it_was(self, client: FlaskClient) -> None:
        def status(certname: str) -> int:
            return client.get(f"/v1/enc/{certname}").status_code

        gone = {STATES[State.RETIRING], ENDED}
        assert {name: status(name) for name in EVERYBODY | gone} == (
            dict.fromkeys(EVERYBODY, 200) | dict.fromkeys(gone, 410) | {WITHOUT_ROLE: 422}
        )
        assert status("i-0nobody") == 404
        answer = client.get(f"/v1/enc/{READY}").get_data(as_text=True)
        assert '"workers": 4' in answer

    def test_is_changed_by_a_report_and_by_an_end(self, store: Inventory) -> None:
        lost = store.nodes.get(STATES[State.LOST])
        assert lost is not None

        moved = store.nodes.change(lost, EVENT, state=State.RETIRING, retire_step="archive")
        store.nodes.archive(moved, EVENT)

        assert store.nodes.archived(lost.certname) is not None


@pytest.fixture
def written(new_store: Inventory, redis: Redis) -> list[str]:
    """The keys of a store that is made today: a kept one has the keys of its own time."""
    everything(new_store)
    keys = redis.keys()
    return list(map(str, keys))


def test_every_key_that_is_documented_would_be_kept(written: list[str]) -> None:
    missing = [name for name in PATTERNS if not any(map(pattern(name).fullmatch, written))]

    assert PATTERNS
    assert missing == []


def test_no_key_that_would_be_kept_is_undocumented(written: list[str]) -> None:
    known = [pattern(name) for name in PATTERNS]

    assert [key for key in written if not any(one.fullmatch(key) for one in known)] == []


def pattern(documented: str) -> re.Pattern[str]:
    """`node:<certname>` as a pattern of keys."""
    return re.compile(re.sub(r"<[^>]*>", ".+", documented))


COMMANDS = (
    *("ls", f"show {READY}", f"show {FOREIGN}", "history", f"history {READY}", "history --summary"),
    *("roles ls", "roles show web", f"explain {READY}", f"explain {WITHOUT_ROLE}"),
    *("export hosts", "export ansible", "export csv"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_reads_it_and_finds_nothing_damaged(
    store: Inventory, redis_server: RedisServer, tmp_path: Path, command: str
) -> None:
    env = {"REDIS_URL": redis_server.url, "ROLECALL_SITE": SITE, "PATH": os.environ["PATH"]}

    code, out, err = warm().start("provisioner.cli", *command.split(), env=env, cwd=tmp_path).end()

    assert (code, "damaged" in out + err, "Traceback" in err) == (0, False, False), err


PAGES = ("/", "/nodes", f"/nodes/{READY}", "/launches", f"/launches/{DONE}", "/events", "/history")
API = (
    "/v1/nodes",
    "/v1/launches",
    "/v1/roles",
    "/v1/events",
    f"/v1/nodes/{READY}/explain",
    "/metrics",
)


@pytest.mark.parametrize("path", [*PAGES, "/roles/web", *API, "/readyz"])
def test_each_page_shows_it(client: FlaskClient, path: str) -> None:
    assert client.get(path).status_code == 200


def test_the_last_answers_of_a_puppetserver_are_given_while_the_service_is_away(
    tmp_path: Path, version: Path
) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(version / "cache", cache, copy_function=shutil.copy)

    run = run_enc(READY, url="unix:/nonexistent", cache=cache)

    assert (run.code, run.out) == (0, (version / "cache" / READY).read_bytes())
    assert "answered from the cache" in run.err


@pytest.fixture
def service(tmp_path: Path, version: Path) -> Iterator[tuple[Service, Redis]]:
    """As in production, with the programs' own processes."""
    redis = RedisServer(tmp_path / "redis", default().path).start()
    filled = redis.client()
    fill(filled, version / "store.jsonl")
    service = Service(tmp_path / "service", redis.url, env={"ROLECALL_SITE": SITE}).start()
    yield service, filled
    filled.close()
    service.end()
    redis.end()


def test_reports_that_waited_there_arrive(
    tmp_path: Path, version: Path, service: tuple[Service, Redis]
) -> None:
    spool = tmp_path / "spool"
    shutil.copytree(version / "spool", spool)
    running = STATES[State.RUNNING]
    assert service[1].lrange(f"runs:{running}", 0, -1) == []

    run = run_ship(spool, url=service[0].url)

    assert (run.code, left(spool)) == (0, []), run.err
    assert len(service[1].lrange(f"runs:{running}", 0, -1)) == 2
