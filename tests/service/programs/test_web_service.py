"""The service as it runs in production: gunicorn, several workers, real sockets and signals."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from enc.domain.model import Node
from enc.inventory import Inventory
from enc.worker import ARRIVAL_TIMEOUT, EXCHANGE_TIMEOUT
from tests.builders import event, node, role
from tests.servers import RedisServer, Service, free_port, wait_until
from tests.service import http

NAME = "i-0aaaaaaaaaaaaaaa1"
WORKERS = 3
SECRET = "canary-in-a-header"
ASK = f"GET /v1/enc/{NAME} HTTP/1.1\r\nHost: test\r\n".encode()


@pytest.fixture(scope="module")
def service(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    counts = folder / "counts"
    counts.mkdir()
    (counts / "counter_1.db").write_bytes(b"left by an earlier run")
    env = {"WEB_CONCURRENCY": str(WORKERS), "PROMETHEUS_MULTIPROC_DIR": str(counts)}
    service = Service(folder, redis_server.url, bind=f"unix:{folder}/enc.sock", env=env).start()
    wait_until("the workers", lambda: len(workers(service)) == WORKERS)
    yield service
    service.stop()


@pytest.fixture(autouse=True)
def known(inventory: Inventory) -> Node:
    inventory.roles.apply([role()], event())
    return inventory.nodes.create(node(NAME), event())


def workers(service: Service) -> list[int]:
    assert service.process is not None
    pid = service.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in children.split()]


def counted(service: Service, what: str) -> float:
    """The value of a counter, as whichever worker answers has it."""
    text = http.get(service, "/metrics").text
    found = re.search(rf"^{re.escape(what)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


ANSWERED = 'rolecall_http_requests_total{route="/v1/enc/<certname>",status="200"}'
CLASSIFIED = 'rolecall_enc_lookups_total{outcome="classified"}'


def test_a_classification_comes_whole_over_the_socket(service: Service) -> None:
    reply = http.get(service, f"/v1/enc/{NAME}")
    assert reply.status == 200
    assert reply.text.startswith("---\nclasses:\n  ")
    assert reply.text.endswith(f"\n# end {NAME}\n")
    assert reply.headers["content-type"] == "application/yaml; charset=utf-8"


def test_several_questions_may_come_on_one_connection(service: Service) -> None:
    with http.connect(service) as connection:
        for _ in range(3):
            connection.sendall(ASK + b"\r\n")
            assert http.read(connection).status == 200


def test_every_worker_tells_the_counts_of_all(service: Service) -> None:
    before = {what: counted(service, what) for what in (ANSWERED, CLASSIFIED)}
    for worker in workers(service):
        with alone(worker, service):
            ask_often(service, 10)
    for worker in workers(service):
        with alone(worker, service):
            for what, was in before.items():
                assert counted(service, what) - was == 10 * WORKERS


@contextmanager
def alone(worker: int, service: Service) -> Iterator[None]:
    """The others stand still meanwhile, so that this one answers."""
    others = [pid for pid in workers(service) if pid != worker]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)


def ask_often(service: Service, times: int) -> None:
    for _ in range(times):
        http.get(service, f"/v1/enc/{NAME}")


def test_a_worker_that_is_killed_is_replaced_and_its_counts_are_kept(service: Service) -> None:
    ask_often(service, 20)
    before = counted(service, ANSWERED)
    for killed in workers(service):
        os.kill(killed, signal.SIGKILL)
        wait_until("its successor", lambda gone=killed: replaced(service, gone))
    assert counted(service, ANSWERED) == before
    assert http.get(service, f"/v1/enc/{NAME}").status == 200
    assert counted(service, ANSWERED) == before + 1


def replaced(service: Service, gone: int) -> bool:
    now = workers(service)
    return gone not in now and len(now) == WORKERS


def test_counts_of_an_earlier_run_are_not_counted_again(service: Service) -> None:
    folder = Path(service.env["PROMETHEUS_MULTIPROC_DIR"])
    assert not (folder / "counter_1.db").exists()


def test_the_socket_is_for_its_group_and_for_nobody_else(service: Service) -> None:
    mode = Path(service.bind.removeprefix("unix:")).stat().st_mode
    assert stat.S_IMODE(mode) == 0o660


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"what " + SECRET.encode() + b"\r\n\r\n", 400),
        (b"get / HTTP/9.9\r\n\r\n", 400),
        (ASK + b"Authorization : " + SECRET.encode() + b"\r\n\r\n", 400),
        (ASK + b"Authorization: a\x00" + SECRET.encode() + b"\r\n\r\n", 400),
        (ASK + SECRET.encode() + b"\r\n\r\n", 400),
        (ASK + b"Transfer-Encoding: " + SECRET.encode() + b"\r\n\r\n", 400),
        (ASK + b"Content-Length: " + SECRET.encode() + b"\r\n\r\n", 400),
        (b"GET /" + SECRET.encode() + b"a" * 3000 + b" HTTP/1.1\r\n\r\n", 414),
        (ASK + b"X-Long: " + SECRET.encode() + b"a" * 10_000 + b"\r\n\r\n", 431),
        (ASK + b"X-Many: " + SECRET.encode() + b"\r\n" + b"X: 1\r\n" * 100 + b"\r\n", 431),
    ],
)
def test_a_malformed_request_is_refused_and_not_repeated(
    service: Service, request_: bytes, status: int
) -> None:
    reply = http.send(service, request_)
    assert reply.status == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json["status"] == status
    assert SECRET not in reply.text
    assert SECRET not in service.log.read_text(encoding="utf-8")


def test_a_certname_with_a_nul_or_newline_is_refused_behind_the_socket(service: Service) -> None:
    for name in ("a%00b", "a%0Ab", "%2e%2e", "a/../b", "/", "A"):
        assert http.get(service, f"/v1/enc/{name}").status == 400, name


def test_headers_do_not_move_the_request_elsewhere(service: Service) -> None:
    lies = {"SCRIPT_NAME": "/v1", "PATH_INFO": "/metrics", "X-Forwarded-Prefix": "/metrics"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in lies.items())
    reply = http.send(service, f"GET /healthz HTTP/1.0\r\n{lines}\r\n".encode())
    assert reply.json == {"status": "alive"}


def test_a_body_that_nobody_asked_for_does_not_spoil_the_next_question(service: Service) -> None:
    with http.connect(service) as connection:
        connection.sendall(ASK + b"Content-Length: 5\r\n\r\nhello")
        assert http.read(connection).status == 200
        connection.sendall(ASK + b"\r\n")
        assert http.read(connection).status == 200


def test_clients_that_send_nothing_stop_nobody(service: Service) -> None:
    idle = [http.connect(service) for _ in range(4)]
    began = time.monotonic()
    assert http.get(service, "/healthz").status == 200
    assert time.monotonic() - began < ARRIVAL_TIMEOUT
    for connection in idle:
        connection.close()


def test_a_reload_leaves_no_question_unanswered(service: Service) -> None:
    assert service.process is not None
    before = set(workers(service))
    os.kill(service.process.pid, signal.SIGHUP)
    statuses = set()
    deadline = time.monotonic() + 20
    while before & set(workers(service)):
        statuses.add(http.get(service, f"/v1/enc/{NAME}").status)
        assert time.monotonic() < deadline
    assert statuses <= {200}
    assert http.get(service, f"/v1/enc/{NAME}").status == 200


def test_every_line_of_the_log_is_one_json_object(service: Service) -> None:
    http.get(service, "/v1/enc/i-0unknown%0a%1b[31m")
    lines = service.log.read_text(encoding="ascii").splitlines()
    for line in lines:
        assert {"time", "level", "event", "part", "pid"} <= set(json.loads(line))
    assert "\x1b" not in "".join(lines)


def test_the_end_is_orderly(redis_server: RedisServer, tmp_path: Path) -> None:
    """A request under way is answered; socket and folder are gone; nobody is left."""
    own = RedisServer(tmp_path / "redis").start()
    service = Service(
        tmp_path / "s", own.url, bind=f"unix:{tmp_path}/sock", env={"TMPDIR": str(tmp_path)}
    )
    service.start()
    try:
        assert http.get(service, "/healthz").status == 200
        assert len(list(tmp_path.glob("rolecall-metrics-*"))) == 1
        pids = workers(service)
        own.pause()
        with http.connect(service) as connection:
            connection.sendall(ASK + b"\r\n")
            time.sleep(0.1)
            assert service.process is not None
            service.process.terminate()
            assert http.read(connection).status == 503
        assert service.process.wait(10) == 0
    finally:
        own.resume()
        service.stop()
        own.stop()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
    assert not list(tmp_path.glob("rolecall-metrics-*"))
    assert not (tmp_path / "sock").exists()


@pytest.mark.parametrize("killed", ["the master", "all"])
def test_what_a_service_that_was_killed_counted_in_does_not_stay(
    redis_server: RedisServer, tmp_path: Path, killed: str
) -> None:
    """Its last worker takes the folder along; if that was killed, too, the next start does."""
    service = Service(tmp_path / "s", redis_server.url, env={"TMPDIR": str(tmp_path)})
    service.start()
    assert service.process is not None
    assert http.get(service, "/healthz").status == 200
    pids = workers(service)
    for pid in (service.process.pid, *(pids if killed == "all" else ())):
        os.kill(pid, signal.SIGKILL)
    service.process.wait(10)
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.05)

    left = len(list(tmp_path.glob("rolecall-*")))
    again = Service(tmp_path / "again", redis_server.url, env={"TMPDIR": str(tmp_path)})
    again.start()
    assert http.get(again, "/healthz").status == 200
    used = len(list(tmp_path.glob("rolecall-*")))
    again.stop()

    assert (left, used) == (1 if killed == "all" else 0, 1)


def test_a_service_beside_another_leaves_that_what_it_counts_in(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    services = [
        Service(tmp_path / name, redis_server.url, env={"TMPDIR": str(tmp_path)})
        for name in ("one", "two")
    ]
    for service in services:
        service.start()
        assert http.get(service, "/healthz").status == 200
    seen = len(list(tmp_path.glob("rolecall-metrics-*")))
    services[0].stop()
    stays = len(list(tmp_path.glob("rolecall-metrics-*")))
    services[1].stop()

    assert (seen, stays) == (2, 1)


def test_a_socket_that_was_left_behind_is_replaced_and_slow_clients_are_let_go(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(f"{tmp_path}/sock")
    hasty = {"GUNICORN_CMD_ARGS": "--worker-class tests.service.hasty.HastyWorker"}
    service = Service(tmp_path / "s", redis_server.url, f"unix:{tmp_path}/sock", hasty)
    service.start()
    try:
        with http.connect(service) as slow:
            slow.sendall(ASK)
            began = time.monotonic()
            assert slow.recv(1) == b""
            assert time.monotonic() - began < EXCHANGE_TIMEOUT
        assert http.get(service, f"/v1/enc/{NAME}").status == 200
        assert "client too slow" in service.log.read_text(encoding="utf-8")
    finally:
        service.end()


def refused(tmp_path: Path, **env: str) -> str:
    """Why gunicorn ended instead of starting."""
    ended = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "python:enc.gunicorn_conf", "enc.wsgi:app"],
        env={"PATH": os.environ["PATH"], "ENC_BIND": f"unix:{tmp_path}/s", **env},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode != 0
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_another_address_than_loopback_is_refused_at_the_start(tmp_path: Path) -> None:
    said = refused(tmp_path, ENC_BIND=f"0.0.0.0:{free_port()}")
    assert said.startswith("rolecall: ENC_BIND is neither")


def test_gunicorns_own_options_do_not_open_another_address(tmp_path: Path) -> None:
    said = refused(tmp_path, GUNICORN_CMD_ARGS=f"--bind 0.0.0.0:{free_port()}")
    assert "refusing to listen on 0.0.0.0" in said
    assert "Listening" not in said


# As systemd does it: the socket is number 3, and LISTEN_PID names who shall have it.
HAND_OVER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def test_a_socket_of_systemds_that_faces_the_network_is_refused(tmp_path: Path) -> None:
    with socket.create_server(("0.0.0.0", 0)) as door:
        ended = subprocess.run(
            [
                *(sys.executable, "-c", HAND_OVER, str(door.fileno()), "-m", "gunicorn"),
                *("-c", "python:enc.gunicorn_conf", "enc.wsgi:app"),
            ],
            env={"PATH": os.environ["PATH"], "ENC_BIND": f"unix:{tmp_path}/s"},
            pass_fds=[door.fileno()],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    assert ended.returncode != 0
    assert "refusing to listen on 0.0.0.0" in ended.stderr
