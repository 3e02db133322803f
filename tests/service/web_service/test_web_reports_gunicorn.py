"""Reports as ship-reports posts them: over a unix socket, to the service as it runs."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from enc.domain.model import State
from enc.inventory import Inventory
from tests.builders import event, node
from tests.fakes.clock import START
from tests.servers import RedisServer, Service
from tests.service import http
from tests.service.spool import run_ship
from tests.summaries import body

NODE = "i-0aaaaaaaaaaaaaaa1"


@pytest.fixture(scope="module")
def service(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("service")
    service = Service(folder, redis_server.url, bind=f"unix:{folder}/enc.sock").start()
    yield service
    service.end()


@pytest.fixture(autouse=True)
def known(inventory: Inventory) -> Inventory:
    inventory.nodes.create(node(NODE), event())
    return inventory


def request(sent: bytes, *more: str, close: bool = True) -> bytes:
    lines = [
        *("POST /v1/reports HTTP/1.1", "Host: rolecall", "Content-Type: application/json"),
        f"Connection: {'close' if close else 'keep-alive'}",
        *(more or [f"Content-Length: {len(sent)}"]),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + sent


def hourly(number: int) -> bytes:
    return body(NODE, time=START + timedelta(hours=number))


def test_many_go_over_one_connection_in_order(service: Service, known: Inventory) -> None:
    with http.connect(service) as connection:
        for number in range(12):
            connection.sendall(request(hourly(number), close=False))
            assert http.read(connection).status == 204

    assert [run.time for run in known.reports.runs(NODE)] == [
        START + timedelta(hours=number) for number in range(2, 12)
    ]


def test_a_body_in_chunks_is_whole(service: Service, known: Inventory) -> None:
    sent = hourly(1)
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(s), s) for s in (sent[:9], sent[9:])) + b"0\r\n\r\n"

    assert http.send(service, request(chunks, "Transfer-Encoding: chunked")).status == 204
    assert len(known.reports.runs(NODE)) == 1


@pytest.mark.parametrize("size", [8193, 2**16, 2**20])
def test_one_that_is_too_large_gets_its_answer(service: Service, size: int) -> None:
    with http.connect(service) as connection:
        # The answer may come, and the connection be closed, before all is sent.
        sender = threading.Thread(target=send_all, args=(connection, request(b"x" * size)))
        sender.start()
        reply = http.read(connection)
        sender.join()

    assert (reply.status, reply.headers["content-type"]) == (413, "application/problem+json")
    assert reply.json["type"].endswith(":report-too-large")


@pytest.mark.parametrize("size", [9000, 2**17])
def test_one_that_is_too_large_and_does_not_say_so_gets_its_answer(
    service: Service, size: int
) -> None:
    chunk = hourly(1) + b" " * size
    sent = b"%x\r\n%b\r\n0\r\n\r\n" % (len(chunk), chunk)
    with http.connect(service) as connection:
        request_of = request(sent, "Transfer-Encoding: chunked")
        sender = threading.Thread(target=send_all, args=(connection, request_of))
        sender.start()
        reply = http.read(connection)
        sender.join()

    assert reply.status == 413
    assert reply.json["type"].endswith(":report-too-large")


def send_all(connection: http.socket.socket, data: bytes) -> None:
    try:
        connection.sendall(data)
    except OSError:
        return


def test_the_next_one_on_a_connection_is_not_what_a_refused_one_left(
    service: Service, known: Inventory
) -> None:
    """Its body is one more request: to be read as the body, never as that."""
    smuggled = request(hourly(1), close=False)
    sent = request(smuggled + b" " * 9000, close=False) + request(b"{}")

    with http.connect(service) as connection:
        connection.sendall(sent)
        statuses = [http.read(connection).status]
        rest = connection.makefile("rb").read()

    assert statuses == [413]
    assert b" 204 " not in rest
    assert known.reports.runs(NODE) == []


def test_a_body_that_stops_half_way_is_not_taken(service: Service, known: Inventory) -> None:
    sent = hourly(1)
    with http.connect(service) as connection:
        connection.sendall(request(sent)[:-9])
        connection.shutdown(http.socket.SHUT_WR)
        answer = connection.recv(65536)

    assert b" 204 " not in answer
    assert known.reports.runs(NODE) == []
    found = known.nodes.get(NODE)
    assert found is not None
    assert found.state is State.RUNNING


def test_what_the_shipper_sends_arrives_in_order_and_what_is_not_taken_stays_with_it(
    service: Service, known: Inventory, tmp_path: Path
) -> None:
    late = "i-0aaaaaaaaaaaaaaa9"
    (tmp_path / "incoming").write_bytes(
        b"\n".join([hourly(1), body(late), hourly(2), b"no summary", hourly(3), hourly(3), b""])
    )

    done = run_ship(tmp_path, url=service.url)

    assert done.code == 3
    assert [run.time.hour for run in known.reports.runs(NODE)] == [13, 14, 15]
    assert kept(tmp_path / "refused.jsonl") == ["no summary"]
    assert kept(tmp_path / "waiting.jsonl") == [body(late).decode()]

    known.nodes.create(node(late), event())

    assert run_ship(tmp_path, url=service.url).code == 0
    assert len(known.reports.runs(late)) == 1


def kept(file: Path) -> list[str]:
    return [json.loads(line)["line"] for line in file.read_text().splitlines()]


def test_while_the_store_is_away_the_shipper_keeps_everything(
    service: Service, known: Inventory, redis: Redis, tmp_path: Path
) -> None:
    (tmp_path / "incoming").write_bytes(hourly(1) + b"\n")
    redis.rename("meta", "kept")

    assert run_ship(tmp_path, url=service.url).code == 3
    redis.rename("kept", "meta")
    assert run_ship(tmp_path, url=service.url).code == 0

    assert len(known.reports.runs(NODE)) == 1
