"""Redis away, foreign, lost or damaged: exit 1, one line, no traceback, no secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from enc.inventory import Inventory
from tests.builders import event, foreign, node
from tests.conftest import begin
from tests.region.handle import Region
from tests.region_ring.cli import Done, Operator, roles_yaml
from tests.region_ring.operators import Operators, in_parallel
from tests.servers import RedisServer, free_port

ALIVE = "i-0aaaaaaaaaaaaaaa1"
SECRET = "correct-horse"
WRONG = "battery-staple"
TWO = ("ls", "launch web")
# Those that read, and those that act.
EVERY = (
    *("ls", f"show {ALIVE}", "history", "roles ls", "launch web", f"assign {ALIVE} batch"),
    *(f"retire {ALIVE} --yes", "roles apply roles.yaml"),
    *(f"explain {ALIVE}", "history --summary", "history --living --format csv"),
    *("export ansible", "export hosts", "export csv"),
)


@dataclass(frozen=True)
class Case:
    """``env`` may name the port of a server with a password, or of one that is stopped."""

    expected: str
    prepare: Callable[[Operator], object] = lambda _: None
    env: dict[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = EVERY


def put(*command: str) -> Callable[[Operator], object]:
    """A Redis command; SET takes the place of whatever there was."""

    def act(operator: Operator) -> None:
        operator.redis.execute_command(*command)

    return act


def lost(operator: Operator) -> None:
    operator.redis.flushdb()


def url(text: str) -> dict[str, str]:
    return {"REDIS_URL": text}


CASES = {
    "away": Case("Redis cannot be reached", env=url(f"redis://127.0.0.1:{free_port()}/0")),
    "no host": Case("Redis cannot be reached", env=url("redis://redis.invalid:6379/0"), words=TWO),
    "no socket": Case("Redis cannot be reached", env=url("unix:///nowhere/redis.sock"), words=TWO),
    "wrong password": Case(
        "check user and password in REDIS_URL", env=url(f"redis://:{WRONG}@127.0.0.1:SECURED/0")
    ),
    "no password": Case("REDIS_URL", env=url("redis://127.0.0.1:SECURED/0"), words=TWO),
    "no answer": Case(
        "did not answer in time", env=url("redis://127.0.0.1:PAUSED/0"), words=TWO
    ),
    "not Redis": Case("Redis", env=url("redis://127.0.0.1:REGION/0"), words=TWO),
    "no such scheme": Case("REDIS_URL is not usable", env=url(f"http://:{WRONG}@h"), words=("ls",)),
    "unescaped": Case(
        "REDIS_URL is not usable", env=url(f"redis://:{WRONG}#x@127.0.0.1:1/0"), words=("ls",)
    ),
    "lost": Case("run 'provisioner init'", lost),
    "other site": Case("this store is of site", env={"ROLECALL_SITE": "elsewhere"}),
    "other schema": Case("the store has schema 9", put("HSET", "meta", "schema", "9"), words=TWO),
    "meta of a wrong type": Case(
        "meta in Redis has a value of the wrong type", put("SET", "meta", "x"), words=TWO
    ),
    "nodes of a wrong type": Case(
        "nodes in Redis has a value of the wrong type", put("SET", "nodes", "x"), words=("ls",)
    ),
    "a node of a wrong type": Case(
        f"node:{ALIVE} in Redis has a value of the wrong type",
        put("SET", f"node:{ALIVE}", "x"),
        words=(f"show {ALIVE}", f"assign {ALIVE} web", f"retire {ALIVE} --yes", f"explain {ALIVE}"),
    ),
    "a node of no state": Case(
        f"node:{ALIVE}", put("HSET", f"node:{ALIVE}", "state", "odd"), words=("ls", f"show {ALIVE}")
    ),
    "an archive of a wrong type": Case(
        "archived in Redis has a value of the wrong type",
        put("SET", "archived", "x"),
        words=("history", "history --summary"),
    ),
    "launches of a wrong type": Case(
        "launches in Redis has a value of the wrong type",
        put("SET", "launches", "x"),
        words=("history --summary",),
    ),
    "a role of a wrong type": Case(
        "role:web",
        put("SET", "role:web", "x"),
        words=("launch web", f"assign {ALIVE} web"),
    ),
    "a role that is no JSON": Case(
        "role:web", put("HSET", "role:web", "definition", "{"), words=("launch web", "roles ls")
    ),
    "a role that is no role": Case(
        "web", put("HSET", "role:web", "definition", '{"launch": 3}'), words=("launch web",)
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Ports of other servers, by the word that stands for them in a case's REDIS_URL."""
    folder = tmp_path_factory.mktemp("servers")
    secured, paused = (RedisServer(folder / name).start() for name in ("secured", "paused"))
    secured.client().config_set("requirepass", SECRET)
    paused.pause()
    yield {"SECURED": str(secured.port), "PAUSED": str(paused.port)}
    paused.resume()
    for server in (secured, paused):
        server.stop()


@dataclass
class Tried:
    operator: Operator
    changed: bool
    done: dict[str, Done]


@pytest.fixture(scope="module")
def operators(
    region_server: Region, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operators]:
    with Operators.open(region_server, tmp_path_factory.mktemp("cli")) as found:
        yield found


@pytest.fixture(scope="module")
def tried(operators: Operators, servers: dict[str, str]) -> dict[str, Tried]:
    ports = {**servers, "REGION": operators.region.url.rpartition(":")[2]}

    def env_of(case: Case) -> dict[str, str]:
        env = dict(case.env)
        for word, port in ports.items():
            env = {name: text.replace(word, port) for name, text in env.items()}
        return env

    def run(pair: tuple[Case, Operator]) -> Tried:
        case, operator = pair
        operator.inventory.nodes.create(node(ALIVE, region=operator.place), event())
        operator.file(roles_yaml(operator.world))
        case.prepare(operator)
        before = operator.stored()
        done = {words: operator.run(*words.split(), **env_of(case)) for words in case.words}
        return Tried(operator, operator.stored() != before, done)

    ended = in_parallel(run, [(case, operators.new()) for case in CASES.values()])
    return dict(zip(CASES, ended, strict=True))


RUNS = [(name, words) for name, case in CASES.items() for words in case.words]


@pytest.mark.parametrize(("name", "words"), RUNS)
def test_a_store_that_is_not_right_exits_1_in_one_line(
    tried: dict[str, Tried], name: str, words: str
) -> None:
    ended = tried[name].done[words]

    assert (ended.code, ended.out) == (1, ""), ended
    [line] = [line for line in ended.err.splitlines() if not line.startswith("warning: ")]
    assert line.startswith("provisioner: ")
    assert CASES[name].expected in line


@pytest.mark.parametrize("name", CASES)
def test_such_a_store_is_left_as_it_is_and_nothing_is_launched(
    tried: dict[str, Tried], name: str
) -> None:
    assert not tried[name].changed
    assert tried[name].operator.machines() == []
    assert tried[name].operator.templates() == []


def test_no_password_is_ever_repeated(tried: dict[str, Tried]) -> None:
    said = [ended.out + ended.err for one in tried.values() for ended in one.done.values()]

    assert [text for text in said if WRONG in text or "battery" in text or SECRET in text] == []


def test_the_right_password_is_taken(operators: Operators, servers: dict[str, str]) -> None:
    url = f"redis://:{SECRET}@127.0.0.1:{servers['SECURED']}/0"

    ended = operators.made[0].run("init", "--no-ec2", REDIS_URL=url)

    assert ended.code == 0, ended


def test_a_store_that_takes_no_writes_says_why(operators: Operators, tmp_path: Path) -> None:
    operator = operators.made[0]
    server = RedisServer(tmp_path / "redis").start()
    try:
        store = Inventory.on(server.client())
        begin(store, site=operator.place)
        store.nodes.create(foreign(ALIVE), event())
        env = {"REDIS_URL": server.url}
        server.client().config_set("maxmemory", "1")
        full = operator.run("retire", "--yes", ALIVE, **env)
        server.client().config_set("maxmemory", "0")
        server.client().replicaof("127.0.0.1", str(free_port()))
        replica = operator.run("retire", "--yes", ALIVE, **env)
    finally:
        server.stop()

    assert (full.code, replica.code) == (1, 1)
    assert "it is full: raise its maxmemory" in full.err
    assert "replica" in replica.err
    assert [len(full.err.splitlines()), len(replica.err.splitlines())] == [1, 1]
