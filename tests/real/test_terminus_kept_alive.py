"""The terminus' connections: kept, given up, and never believed about another node."""

from __future__ import annotations

import select
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from enc.inventory import Inventory
from tests.builders import event, node, role
from tests.real.terminusdriver import Found, TerminusDriver, answers
from tests.servers import RedisServer, Service
from tests.service import misbehaving
from tests.service.certificates import Authority, as_puppets_own, server_context
from tests.service.misbehaving import POLL, Act, Wire, send, serve, stay
from tests.service.misbehaviours import NODE, WHOLE, problem, response

KEEP = "Connection: keep-alive"
KEPT = response(WHOLE, "200 OK", "application/yaml", KEEP)
OTHER = "i-0fedcba9876543210"
WHOLE_OF_OTHER = WHOLE.replace(NODE.encode(), OTHER.encode())
OF_OTHER = response(WHOLE_OF_OTHER, "200 OK", "application/yaml", KEEP)
GONE = problem("410 Gone").replace(b"\r\n", f"\r\n{KEEP}\r\n".encode(), 1)
THREADS = 8
LOOK_UPS = 200
TIMEOUT = 2
# Of a machine that others use as well, beyond the time limit.
SLACK = 1.5


def read(wire: Wire) -> None:
    """As the others', but does not keep the server from ending while nothing is asked."""
    while not select.select([wire.sock], [], [], POLL)[0]:
        wire.pause(0)
    misbehaving.read(wire)


class Connections:
    """Counts them, and plays to each the acts of its number; the last ones to all that follow."""

    def __init__(self, *scripts: tuple[Act, ...]) -> None:
        self._scripts = scripts
        self._lock = threading.Lock()
        self.count = 0

    def __call__(self, wire: Wire) -> None:
        with self._lock:
            self.count += 1
            acts = self._scripts[min(self.count, len(self._scripts)) - 1]
        for act in acts:
            act(wire)


def always(wire: Wire) -> None:
    """Answers whoever is asked about, and keeps the connection."""
    while True:
        read(wire)
        name = wire.requests[-1].split()[1].rpartition(b"/")[2]
        send(response(WHOLE.replace(NODE.encode(), name), "200 OK", "x/x", KEEP))(wire)


class TestReuse:
    @pytest.mark.parametrize("transport", ["unix", "http"])
    def test_many_look_ups_share_a_connection(
        self, puppet: TerminusDriver, tmp_path: Path, transport: str
    ) -> None:
        with serve((connections := Connections((always,)),), transport, tmp_path) as server:
            found = puppet.look_all_up([NODE, OTHER] * 5, url=server.url)

        assert connections.count == 1
        assert [answers(each, WHOLE) for each in found] == [True] * 10

    def test_also_over_tls(self, puppet: TerminusDriver, tmp_path: Path) -> None:
        authority = Authority(tmp_path, "authority")
        client = authority.issue("client", key=as_puppets_own())
        context = server_context(authority.issue("server", "localhost"), authority)
        settings = {"ca": authority.file, "cert": client.cert, "key": client.key}
        connections = Connections((always,))
        with serve((connections,), "https", tmp_path, context) as server:
            first = puppet.look_all_up([NODE] * 5, url=server.url, **settings)
            # Another certificate is another client.
            (renewed := tmp_path / "renewed.pem").write_bytes(client.cert.read_bytes())
            puppet.look_up(NODE, url=server.url, **settings | {"cert": renewed})

        assert [answers(each, WHOLE) for each in first] == [True] * 5
        assert connections.count == 2

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(response(WHOLE), id="does-not-promise-to-stay"),
            pytest.param(response(WHOLE, "200 OK", "x/x", "Connection: close"), id="closes"),
            pytest.param(
                response(WHOLE, "200 OK", "x/x", "Connection: keep-alive, close"), id="says-both"
            ),
            pytest.param(KEPT + b"\n", id="said-more-than-its-length"),
        ],
    )
    def test_a_connection_whose_end_is_not_certain_is_not_used_again(
        self, puppet: TerminusDriver, tmp_path: Path, answer: bytes
    ) -> None:
        connections = Connections((read, send(answer), stay))
        with serve((connections,), "unix", tmp_path) as server:
            found = puppet.look_all_up([NODE] * 3, url=server.url)

        assert [answers(each, WHOLE) for each in found] == [True] * 3
        assert connections.count == 3

    def test_threads_get_their_own_answers(self, puppet: TerminusDriver, tmp_path: Path) -> None:
        names = [f"i-{number:017x}" for number in range(LOOK_UPS)]
        with serve((connections := Connections((always,)),), "unix", tmp_path) as server:
            found = puppet.look_all_up(names, threads=THREADS, url=server.url)

        assert [each.node and each.node["name"] for each in found] == names
        assert {each.raised for each in found} == {""}
        assert connections.count <= THREADS


class TestStaleness:
    @pytest.mark.parametrize(
        "then",
        [
            pytest.param((), id="closed-at-once"),
            pytest.param((read,), id="closed-after-the-question"),
            pytest.param((read, send(KEPT[:50])), id="closed-in-the-answer"),
            pytest.param((read, send(problem("503 Unavailable"))), id="unavailable"),
        ],
    )
    def test_what_an_old_connection_does_not_answer_is_asked_over_a_new_one(
        self, puppet: TerminusDriver, tmp_path: Path, then: tuple[Act, ...]
    ) -> None:
        connections = Connections((read, send(KEPT), *then), (always,))
        with serve((connections,), "unix", tmp_path) as server:
            found = puppet.look_all_up([NODE] * 3, url=server.url)

        assert [answers(each, WHOLE) for each in found] == [True] * 3
        assert connections.count == 2

    @pytest.mark.parametrize(
        "late",
        [
            pytest.param((send(OF_OTHER),), id="said-unasked"),
            pytest.param((read, send(OF_OTHER)), id="said-instead"),
            pytest.param((read, send(GONE)), id="a-refusal"),
            pytest.param((read, send(response(b"{}", "200 OK", "x/x", KEEP))), id="nonsense"),
        ],
    )
    def test_an_answer_that_is_shifted_is_not_believed(
        self, puppet: TerminusDriver, tmp_path: Path, late: tuple[Act, ...]
    ) -> None:
        (cache := tmp_path / "cache").mkdir()
        shifted = Connections((read, send(KEPT), *late, stay), (always,))
        with serve((shifted,), "unix", tmp_path) as server:
            found = puppet.look_all_up([NODE] * 3, url=server.url, cache=cache)

        assert [answers(each, WHOLE) for each in found] == [True] * 3
        assert (cache / NODE).read_bytes() == WHOLE
        assert not (cache / OTHER).exists()

    def test_a_refusal_over_a_new_connection_is_believed(
        self, puppet: TerminusDriver, tmp_path: Path
    ) -> None:
        connections = Connections((read, send(KEPT), read, send(GONE), stay), (read, send(GONE)))
        with serve((connections,), "unix", tmp_path) as server:
            first, second = puppet.look_all_up([NODE] * 2, url=server.url)

        assert answers(first, WHOLE)
        assert "(410: because)" in second.raised

    def test_an_old_connection_that_falls_silent_is_late(
        self, puppet: TerminusDriver, tmp_path: Path
    ) -> None:
        connections = Connections((read, send(KEPT), stay))
        with serve((connections,), "unix", tmp_path) as server:
            _, second = puppet.look_all_up([NODE] * 2, url=server.url, timeout=0.4)

        assert "no answer in time" in second.raised
        assert second.seconds < 0.4 + SLACK

    def test_what_is_given_up_leaves_no_socket_and_no_thread(
        self, puppet: TerminusDriver, tmp_path: Path
    ) -> None:
        with serve((read, stay), "http", tmp_path) as server:
            puppet.look_up(NODE, url=server.url, timeout=0.2)
            sockets, threads = puppet.sockets(), puppet.threads
            puppet.look_all_up([NODE] * 16, threads=THREADS, url=server.url, timeout=0.2)

            assert puppet.sockets() <= sockets
            assert puppet.threads <= threads


@pytest.fixture(params=["unix", "loopback"])
def service(
    request: pytest.FixtureRequest, redis_server: RedisServer, inventory: Inventory, tmp_path: Path
) -> Iterator[Service]:
    """The real one, over a store in which every certname has parameters of its own."""
    inventory.roles.apply([role(definition={"classes": {"role::x": {}}})], event())
    inventory.nodes.create_many((node(name), event()) for name in NAMES)
    bind = f"unix:{tmp_path}/enc.sock" if request.param == "unix" else ""
    service = Service(tmp_path, redis_server.url, bind=bind).start()
    yield service
    service.end()


NAMES = [f"i-{number:017x}" for number in range(LOOK_UPS)]


def is_right(found: Found, name: str) -> bool:
    return bool(found.node) and found.node["parameters"]["rolecall"]["instance_id"] == name


class TestTheService:
    def test_keeps_connections(self, puppet: TerminusDriver, service: Service) -> None:
        before = puppet.sockets()
        puppet.look_up(NAMES[0], url=service.url)
        (one,) = puppet.sockets() - before

        found = puppet.look_all_up(NAMES, url=service.url)

        assert puppet.sockets() - before == {one}
        assert all(map(is_right, found, NAMES))

    @pytest.mark.parametrize("cached", [True, False])
    def test_is_restarted_and_nothing_is_wrong_or_late(
        self, puppet: TerminusDriver, service: Service, tmp_path: Path, *, cached: bool
    ) -> None:
        (cache := tmp_path / "cache").mkdir()
        settings = {"url": service.url, "timeout": TIMEOUT, "cache": cache if cached else ""}
        puppet.look_all_up(NAMES, threads=THREADS, **settings)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(puppet.look_all_up, NAMES, threads=THREADS, pause=0.1, **settings)
            service.stop()
            service.start()
        # On a busy machine all of them may be over before it is back.
        found = [*asked.result(), puppet.look_up(NAMES[-1], **settings)]
        names = [*NAMES, NAMES[-1]]

        assert [name for each, name in zip(found, names, strict=True) if wrong(each, name)] == []
        assert max(each.seconds for each in found) < TIMEOUT
        if cached:
            assert [each for each in found if not each.node] == []
        # Otherwise nothing was tried.
        assert any(each.logs if cached else each.raised for each in found)
        assert found[-1].logs == []
        assert is_right(found[-1], NAMES[-1])


def wrong(found: Found, name: str) -> bool:
    clear = found.raised.startswith(f"Puppet::Error: rolecall: {name}: no answer")
    return not (is_right(found, name) or clear)
