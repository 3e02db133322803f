"""PowerDNS' place under gunicorn: opened by us, or by systemd for us."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from enc.inventory import Inventory
from tests.servers import RedisServer, Service, free_port, wait_until
from tests.service import http

ZONES = {"DNS_ZONES": "fleet.example", "DNS_NS": "ns1.example.com"}
CLOSED = ("/", "/v1/nodes", "/v1/enc/x", "/metrics")
# As systemd does it: the sockets are numbers 3 and 4, and LISTEN_PID names who shall have them.
HAND_OVER = """
import os, sys
for number, given in enumerate(sys.argv[1:3], start=3):
    os.dup2(int(given), number + 10)
for number in (3, 4):
    os.dup2(number + 10, number)
os.environ.update(LISTEN_FDS="2", LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, *sys.argv[3:]])
"""


def is_for_powerdns_alone(service: Service, bind: str) -> None:
    door = Service(service.folder, service.redis_url, bind=bind)
    assert http.get(door, "/dns/getAllDomains").json["result"][0]["zone"] == "fleet.example."
    for path in CLOSED:
        assert http.get(door, path).status == 404, path
        assert http.get(service, path).status != 404 or path == "/v1/enc/x"
    # What the client says of where it came in counts for nothing.
    other = "GET /v1/nodes HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n"
    assert http.send(door, other.encode()).status == 404


@pytest.mark.usefixtures("inventory")
def test_a_place_of_its_own_is_for_powerdns_alone(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    bind = f"127.0.0.1:{free_port()}"
    env = {**ZONES, "DNS_BIND": bind}
    service = Service(tmp_path, redis_server.url, bind=f"unix:{tmp_path}/s", env=env).start()
    try:
        is_for_powerdns_alone(service, bind)
    finally:
        service.end()


@pytest.mark.usefixtures("inventory")
def test_one_in_ipv6_is_for_powerdns_alone_however_it_is_written(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as probe:
        port = probe.getsockname()[1]
    env = {**ZONES, "DNS_BIND": f"[0:0:0:0:0:0:0:1]:{port}"}
    service = Service(tmp_path, redis_server.url, bind=f"unix:{tmp_path}/s", env=env).start()
    try:
        assert status_at(port, "/dns/getAllDomains") == 200
        assert [status_at(port, path) for path in CLOSED] == [404] * len(CLOSED)
    finally:
        service.end()


def status_at(port: int, path: str) -> int:
    connection = HTTPConnection("::1", port, timeout=http.TIMEOUT)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.parametrize("ours", ["unix", "tcp"])
def test_what_a_client_calls_us_closes_nothing_elsewhere(
    inventory: Inventory, redis_server: RedisServer, tmp_path: Path, ours: str
) -> None:
    place = f"127.0.0.1:{free_port()}"
    bind = f"unix:{tmp_path}/s" if ours == "unix" else ""
    env = {**ZONES, "DNS_BIND": place}
    service = Service(tmp_path, redis_server.url, bind=bind, env=env).start()
    try:
        said = f"GET /v1/nodes HTTP/1.1\r\nHost: {place}\r\nConnection: close\r\n\r\n"
        assert http.send(service, said.encode()).status == 200
    finally:
        service.end()


def test_one_that_systemd_opened_is_for_powerdns_alone(
    inventory: Inventory, redis_server: RedisServer, tmp_path: Path
) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as ours, socket.create_server(("127.0.0.1", 0)) as theirs:
        ours.bind(str(path))
        ours.listen()
        bind = f"127.0.0.1:{theirs.getsockname()[1]}"
        service = Service(tmp_path, redis_server.url, bind=f"unix:{path}")
        fds = [ours.fileno(), theirs.fileno()]
        with service.log.open("wb") as log:
            service.process = subprocess.Popen(
                [
                    *(sys.executable, "-c", HAND_OVER, *map(str, fds), "-m", "gunicorn"),
                    *("-c", "python:enc.gunicorn_conf", "enc.wsgi:app"),
                ],
                env={
                    "PATH": os.environ["PATH"],
                    "REDIS_URL": redis_server.url,
                    **ZONES,
                    "ENC_BIND": service.bind,
                    "DNS_BIND": bind,
                    "TMPDIR": str(tmp_path),
                },
                pass_fds=fds,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            wait_until("gunicorn", lambda: b"Booting worker" in service.log.read_bytes())
            is_for_powerdns_alone(service, bind)
        finally:
            service.end()
