"""rolecall-inventory as Ansible starts it: the whole inventory, or nothing on stdout and exit 1."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis

from enc.inventory import Inventory
from tests.builders import event, node, role
from tests.servers import RedisServer, Service

SCRIPT = Path(__file__).parents[3] / "puppet/rolecall/files/rolecall-inventory"
GOOD = "i-0aaaaaaaaaaaaaaa1"
SECRET = "correct-horse"
Done = subprocess.CompletedProcess[str]


def run(*words: str, url: str = "", **more: str) -> Done:
    env = {"PATH": os.environ["PATH"], "ROLECALL_URL": url, **more}
    return subprocess.run(
        [str(SCRIPT), *words],
        env=env,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def refused(done: Done, code: int = 1) -> str:
    """Nothing on stdout, and the one line on stderr."""
    assert (done.returncode, done.stdout) == (code, ""), done
    [line] = done.stderr.splitlines()
    assert line.startswith("rolecall-inventory: " if code == 1 else "rolecall-inventory: usage")
    return line


@pytest.fixture(scope="module", params=["unix", "http"])
def service(
    request: pytest.FixtureRequest,
    redis_server: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("s")
    bind = f"unix:{folder}/socket" if request.param == "unix" else ""
    made = Service(folder, redis_server.url, bind=bind).start()
    yield made
    made.end()


@pytest.fixture
def filled(service: Service, inventory: Inventory) -> Service:
    inventory.roles.apply([role(), role("db")], event())
    inventory.nodes.create(node(GOOD, private_ip="10.0.0.4"), event())
    inventory.nodes.create(node("i-0aaaaaaaaaaaaaaa2", role="db"), event())
    return service


def test_all_nodes_are_listed(filled: Service) -> None:
    done = run("--list", url=filled.url)

    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["role_web"]["hosts"] == [GOOD]
    assert len(found["_meta"]["hostvars"]) == 2


def test_one_role_can_be_asked_for_and_a_mistyped_one_is_no_empty_inventory(
    filled: Service,
) -> None:
    found = json.loads(run("--list", url=filled.url, ROLECALL_ROLE="db").stdout)
    assert list(found["_meta"]["hostvars"]) == ["i-0aaaaaaaaaaaaaaa2"]

    assert "404" in refused(run("--list", url=filled.url, ROLECALL_ROLE="dbb"))
    assert "404" in refused(run("--list", url=filled.url, ROLECALL_ROLE="db&role=web"))


def test_one_host_can_be_asked_for_and_an_unknown_one_has_no_variables(filled: Service) -> None:
    assert json.loads(run("--host", GOOD, url=filled.url).stdout)["ansible_host"] == "10.0.0.4"

    assert "'i-0gone'" in refused(run("--host", "i-0gone", url=filled.url))


def test_a_lost_store_is_no_empty_inventory(filled: Service, redis: Redis) -> None:
    redis.delete("meta")

    line = refused(run("--list", url=filled.url))
    assert "503" in line
    assert "provisioner init" in line


@pytest.mark.parametrize(
    "words", [(), ("--lst",), ("--list", "x"), ("--host",), ("--host", "a", "b"), ("-h",)]
)
def test_wrong_usage_asks_nothing(words: tuple[str, ...]) -> None:
    refused(run(*words, url="http://127.0.0.1:1"), 2)


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1:1", "unix:/nowhere", "ftp://h", "x", "http://", "unix:"),
        *("http://127.0.0.1:99999", "http://h?x=y", "https://127.0.0.1:1", f"unix:/{'x' * 200}"),
        *(f"http://u:{SECRET}@127.0.0.1:1", f"http://u:{SECRET}/x@127.0.0.1:1"),
        f"http://u:{SECRET}@h:port",
    ],
)
def test_a_service_that_is_not_there_is_named_without_its_password(url: str) -> None:
    assert SECRET not in refused(run("--list", url=url))


@pytest.mark.parametrize("seconds", ["0", "-1", "x", "nan", "inf", "1e9"])
def test_a_time_that_is_none_is_refused(seconds: str) -> None:
    line = refused(run("--list", url="http://127.0.0.1:1", ROLECALL_TIMEOUT=seconds))
    assert "ROLECALL_TIMEOUT" in line


@contextmanager
def saying(*parts: bytes, pause: float = 0.0, hang: bool = False) -> Iterator[str]:
    """The URL of somebody who answers each request with these bytes."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        over = threading.Event()

        def serve() -> None:
            while True:
                try:
                    connection, _ = door.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    for part in parts:
                        try:
                            connection.sendall(part)
                        except OSError:
                            break
                        over.wait(pause)
                    if hang:
                        over.wait(30)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{door.getsockname()[1]}"
        finally:
            over.set()
            door.shutdown(socket.SHUT_RDWR)
            thread.join(30)


WHOLE = json.dumps({"_meta": {"hostvars": {GOOD: {}}}, "all": {"children": []}}).encode()
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def sized(body: bytes, length: int | None = None) -> bytes:
    return OK + b"Content-Length: %d\r\n\r\n" % (length or len(body)) + body


def chunked(*parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    said = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return OK + b"Transfer-Encoding: chunked\r\n\r\n" + said + end


@pytest.mark.parametrize("answer", [sized(WHOLE), chunked(WHOLE[:20], WHOLE[20:])])
def test_a_whole_answer_is_taken(answer: bytes) -> None:
    with saying(answer) as url:
        done = run("--list", url=url)
    assert (done.returncode, json.loads(done.stdout)) == (0, json.loads(WHOLE))


ESCAPING = b'{"detail": "a\\n\\u001b[31mb\\n"}'
ESCAPES = b"HTTP/1.1 503 x\r\nContent-Length: %d\r\n\r\n%s" % (len(ESCAPING), ESCAPING)
NOT_WHOLE = {
    "short": sized(WHOLE, len(WHOLE) + 1),
    "cut": sized(WHOLE[:-1]),
    "no length": OK + b"\r\n" + WHOLE,
    "a chunk short": chunked(WHOLE, end=b""),
    "half a chunk": OK + b"Transfer-Encoding: chunked\r\n\r\nff\r\n" + WHOLE,
    "empty": sized(b""),
    "nothing": b"",
    "not HTTP": b"hello\r\n\r\n",
    "a page": sized(b"<html>login</html>"),
    "another JSON": sized(b'{"classes": {}}'),
    "a list": sized(b"[]"),
    "no hosts": sized(b'{"_meta": {"hostvars": []}, "all": {}}'),
    "deep": sized(b"[" * 100_000),
    "elsewhere": b"HTTP/1.1 302 Found\r\nLocation: http://h/\r\nContent-Length: 0\r\n\r\n",
    "gateway": b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nbad",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "escapes": ESCAPES,
}


@pytest.mark.parametrize("name", NOT_WHOLE)
def test_what_is_not_a_whole_inventory_is_none(name: str) -> None:
    with saying(NOT_WHOLE[name]) as url:
        line = refused(run("--list", url=url))
    assert line.isascii()
    assert line.isprintable()


@pytest.mark.parametrize("slow", ["silent", "drip"])
def test_who_is_too_slow_is_not_waited_for(slow: str) -> None:
    parts = [bytes([byte]) for byte in sized(WHOLE)] if slow == "drip" else []
    with saying(*parts, pause=0.2, hang=True) as url:
        began = time.monotonic()
        line = refused(run("--list", url=url, ROLECALL_TIMEOUT="0.5"))
        assert time.monotonic() - began < 10
    assert "too long" in line


def test_a_login_is_sent_and_not_shown() -> None:
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as door:

        def serve() -> None:
            connection, _ = door.accept()
            with connection:
                heard.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://ann:{SECRET}%40@127.0.0.1:{door.getsockname()[1]}"
        line = refused(run("--list", url=url))
        thread.join(30)
    assert b"Authorization: Basic YW5uOmNvcnJlY3QtaG9yc2VA\r\n" in heard[0]
    assert "401" in line
    assert SECRET not in line


def test_an_output_that_is_full_or_closed_is_no_success(filled: Service) -> None:
    for line in (f"{SCRIPT} --list >/dev/full", f"{SCRIPT} --list >&-"):
        done = subprocess.run(
            ["bash", "-c", line],
            env={"PATH": os.environ["PATH"], "ROLECALL_URL": filled.url},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        refused(done)


def test_it_uses_nothing_but_the_standard_library() -> None:
    text = SCRIPT.read_text()
    assert text.startswith("#!/usr/bin/python3 -I\n")
    assert os.access(SCRIPT, os.X_OK)
