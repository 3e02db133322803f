"""A secret put into every input of the service is searched for in all that leaves it.

What may carry what:

- Never anywhere: the password in REDIS_URL, a launch's key, the fingerprint of a machine's key,
  request headers, bodies, query strings, and what stands in a field of the store that rolecall
  did not write.
- Parameters of classes and top-scope variables: in the ENC's answer, in /v1/roles and in the pages
  of a node and a role, which are made to tell them; never in an error, a log, a metric or an event.
- What Puppet said in a report: in the node's runs, in /v1/nodes/NODE and on the node's page, and
  nowhere else.
- What a page was asked to look for: in the form of that page, and nowhere else.
- Paths, and so certnames: in the error that is about them and in the log, as names are what logs
  are for; never in a metric, of which there would be one for each.

The service runs as in production, with the most talkative log.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pytest
from redis import Redis
from redis.exceptions import RedisError

from enc.domain.reports import NAMES
from enc.inventory import Inventory, connect
from enc.inventory.clock import redis_now
from enc.logs import Log, configure
from tests.builders import event, launch, node, role
from tests.conftest import begin
from tests.servers import RedisServer, Service, stop, wait_until
from tests.service import http
from tests.summaries import body, report, summary

PASSWORD = "canary-password/4f1c"
KEY = "canary-launch-key-4f1c"
FINGERPRINT = "canary-fingerprint-4f1c"
HEADER = "canary-header-4f1c"
BODY = "canary-body-4f1c"
QUERY = "canary-query-4f1c"
SPOILT = "canary-spoilt-4f1c"
NEVER = (PASSWORD, KEY, FINGERPRINT, HEADER, BODY, QUERY, SPOILT)
PARAMETER = "canary-parameter-4f1c"
REPORT = "canary-report-4f1c"
PATH = "canary-path-4f1c"
SEARCH = "canary-search-4f1c"
NAME = "i-0aaaaaaaaaaaaaaa1"


def forms(secret: str) -> tuple[bytes, ...]:
    """As it is, and as it would look after the usual ways of writing it."""
    plain = secret.encode()
    return (
        plain,
        quote(secret, safe="").encode(),
        base64.b64encode(plain).rstrip(b"="),
        plain.hex().encode(),
        json.dumps(secret)[1:-1].encode(),
    )


def leaked(secrets: tuple[str, ...], *texts: bytes) -> set[str]:
    return {s for s in secrets for text in texts if any(form in text for form in forms(s))}


@dataclass
class Seen:
    """All that left the service."""

    answers: list[bytes] = field(default_factory=list)
    errors: list[bytes] = field(default_factory=list)
    metrics: bytes = b""
    log: bytes = b""

    def add(self, reply: http.Reply) -> None:
        whole = repr(reply.headers).encode() + reply.body
        (self.answers if reply.status in (200, 204) else self.errors).append(whole)


HEADERS = {
    "Authorization": f"Bearer {HEADER}",
    "Cookie": f"session={HEADER}",
    "User-Agent": HEADER,
    "Referer": f"http://h/{HEADER}",
    "X-Forwarded-For": HEADER,
    "X-Forwarded-Proto": HEADER,
    "X-Client-Cert": HEADER,
    "Accept": HEADER,
    "If-None-Match": HEADER,
    "Range": HEADER,
}
PATHS = [
    *("/", "/healthz", "/readyz", "/metrics", "/v1/nodes", "/v1/roles", "/v1/reports", "/nosuch"),
    *(f"/v1/enc/{NAME}", f"/v1/enc/{PATH}", f"/v1/enc/{PATH.upper()}", f"/v1/nodes/{PATH}"),
    *(f"/v1/nodes/{NAME}", f"/{PATH}", f"/v1/nodes?limit={QUERY}", f"/v1/nodes?state={QUERY}"),
    *(f"/v1/nodes?{QUERY}=1", f"/v1/nodes?cursor={QUERY}", f"/v1/nodes?q={QUERY}"),
    *(f"/v1/enc/X?token={QUERY}", f"/nosuch?token={QUERY}", f"/v1/nodes?role={QUERY}&role=x"),
    *("/v1/enc/i-0ended", "/v1/enc/i-0spoilt", "/v1/enc/i-0norole", "/v1/nodes/i-0spoilt"),
]
PAGES = [
    *("/nodes", "/launches", "/launches/l-1", "/events", "/history", "/roles/web"),
    *(
        f"/nodes/{NAME}",
        f"/nodes/{PATH}",
        "/nodes/i-0ended",
        "/nodes/i-0spoilt",
        "/nodes/i-0norole",
    ),
    *(f"/nodes?limit={QUERY}", f"/nodes?{QUERY}=1", f"/nodes?cursor={QUERY}", f"/?{QUERY}=1"),
    *(f"/events?before={QUERY}", f"/history?since={QUERY}", f"/launches?state={QUERY}"),
    *(f"/nodes?q={SEARCH}", f"/events?who={SEARCH}", f"/roles/{PATH}", f"/launches/{PATH}"),
]
MALFORMED = [
    f"GET /{QUERY} {HEADER}\r\n\r\n",
    f"GET / HTTP/1.1\r\n{HEADER}\r\n\r\n",
    f"GET / HTTP/1.1\r\nAuthorization: {HEADER}\0\r\n\r\n",
    f"GET /?{QUERY}{'a' * 3000} HTTP/1.1\r\n\r\n",
    f"POST /v1/enc/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{BODY}\r\n",
]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("canary")
    server = RedisServer(folder / "redis", options=["--requirepass", PASSWORD])
    # Its own start() would ask without the password, and wait for ever.
    process = start_redis(server)
    url = f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}/0"
    redis = connect(url, timeout=5)
    wait_until("redis-server", lambda: answers(redis))
    fill(Inventory.on(redis))
    env = {"LOG_LEVEL": "debug", "WEB_CONCURRENCY": "1"}
    service = Service(folder / "s", url, f"unix:{folder}/sock", env).start()
    found = Seen()
    try:
        # Twice: what the first asking has brought is there to be seen by the second.
        ask_for_everything(service, found)
        ask_for_everything(service, found)
        for harm in harms(redis):
            harm()
            ask_for_everything(service, found)
        stop(process)
        ask_for_everything(service, found)
        found.metrics = http.get(service, "/metrics").body
    finally:
        service.stop()
        redis.close()
        stop(process)
    found.log = service.log.read_bytes()
    return found


def start_redis(server: RedisServer) -> subprocess.Popen[bytes]:
    server.folder.mkdir()
    return subprocess.Popen(
        [server.binary, "--port", str(server.port), "--bind", "127.0.0.1", *server.options],
        cwd=server.folder,
        stdout=subprocess.DEVNULL,
    )


def answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except RedisError:
        return False


def fill(inventory: Inventory) -> None:
    begin(inventory)
    definition = {
        "classes": {"role::web": {"password": PARAMETER, PARAMETER: {"deep": [PARAMETER]}}},
        "parameters": {"token": PARAMETER},
    }
    inventory.roles.apply([role(definition=definition), role("empty")], event())
    inventory.launches.open(launch("l-1", key=KEY), event())
    for name, more in {
        NAME: {"launch": "l-1", "csr_key": FINGERPRINT},
        "i-0ended": {"launch": "l-1", "csr_key": FINGERPRINT},
        "i-0spoilt": {},
        "i-0norole": {"role": "gone"},
    }.items():
        inventory.nodes.create(node(name, **more), event())
    inventory.redis.hset("node:i-0ended", "state", "retiring")
    inventory.redis.hset("node:i-0spoilt", mapping={"state": SPOILT, "kind": SPOILT})


def harms(redis: Redis) -> list[Callable[[], object]]:
    """One after the other: what the store holds gets worse."""
    broken = json.dumps({"classes": {"a": {PARAMETER: float("nan")}}})
    return [
        lambda: redis.rpush(f"runs:{NAME}", SPOILT),
        lambda: redis.hset("role:web", "definition", broken),
        lambda: redis.hset("role:web", "definition", "{" + PARAMETER),
        lambda: redis.hset("role:web", mapping={"rev": SPOILT, "applied_at": SPOILT}),
        lambda: redis.set("hold:web", SPOILT),
        lambda: redis.hset("launch:l-1", "attempt:1", SPOILT),
        lambda: redis.rpush(f"life:{NAME}", SPOILT),
        lambda: redis.hset("fleet:web", SPOILT, SPOILT),
        lambda: [redis.delete("role:web"), redis.set("role:web", SPOILT)],
        lambda: [redis.delete(f"node:{NAME}"), redis.set(f"node:{NAME}", SPOILT)],
        lambda: [redis.delete("nodes"), redis.rpush("nodes", SPOILT)],
        lambda: redis.hset("meta", mapping={"schema": SPOILT, "created_at": SPOILT}),
        lambda: [redis.delete("meta"), redis.set("meta", SPOILT)],
        lambda: redis.delete("meta"),
    ]


def ask_for_everything(service: Service, found: Seen) -> None:
    lines = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items())
    for method in ("GET", "POST"):
        for path in (*PATHS, *PAGES):
            head = f"{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{lines}"
            body = f"Content-Length: {len(BODY)}\r\n\r\n{BODY}"
            found.add(http.send(service, f"{head}{body}".encode()))
    for request in MALFORMED:
        found.add(http.send(service, request.encode()))
    for sent in reports():
        told = f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n\r\n"
        head = f"POST /v1/reports HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{lines}{told}"
        found.add(http.send(service, head.encode() + sent))


def reports() -> Iterator[bytes]:
    """The secret in each field, alone and with all; taken, refused, and of nobody we know."""
    texts = {name: REPORT for name, value in summary().items() if isinstance(value, str)}
    lawful = {**dict.fromkeys(NAMES, REPORT), "errors": [REPORT]}
    for status in ("changed", "failed"):
        yield body(NAME, time="9999-01-01T00:00:00Z", status=status, **lawful)
    for name in summary():
        yield body(**{"certname": NAME, name: {REPORT: [REPORT]}})
        yield body(**{"certname": NAME, name: REPORT.upper()})
    for name in ("i-0ended", "i-0spoilt", "i-0nosuch", PATH):
        yield body(name, **lawful)
    yield from (REPORT.encode(), body(**texts)[:-1], body(NAME, errors=[REPORT] * 900))


def test_the_search_finds_what_is_there() -> None:
    for form in forms(PASSWORD):
        assert leaked(NEVER, b"x" + form + b"x") == {PASSWORD}
    assert leaked(NEVER, b"nothing") == set()


def is_page(answer: bytes) -> bool:
    return b"text/html" in answer


def status_of(error: bytes) -> int:
    if is_page(error):
        found = re.search(rb'<p class="status">([0-9]+)</p>', error)
        assert found is not None, error
        return int(found[1])
    text = error[error.index(b'{"type"') :].decode()
    document, _ = json.JSONDecoder().raw_decode(text)
    return int(document["status"])


def test_every_kind_of_answer_was_seen(seen: Seen) -> None:
    statuses = {status_of(error) for error in seen.errors}
    assert {400, 404, 405, 410, 413, 414, 415, 422, 503} <= statuses
    assert any(b"classes:" in answer for answer in seen.answers)
    assert seen.log.count(b"\n") > 100


def test_a_secret_is_in_no_answer_and_no_error(seen: Seen) -> None:
    assert leaked(NEVER, *seen.answers, *seen.errors) == set()


def test_a_secret_is_in_no_log(seen: Seen) -> None:
    assert leaked((*NEVER, PARAMETER), seen.log) == set()


def test_a_secret_is_in_no_metric(seen: Seen) -> None:
    assert leaked((*NEVER, PARAMETER, PATH, PATH.upper()), seen.metrics) == set()


def test_a_parameter_is_where_it_belongs_and_in_no_error(seen: Seen) -> None:
    telling = [answer for answer in seen.answers if leaked((PARAMETER,), answer)]
    assert telling
    telling_pages = (b'id="gets"', b'id="definition"')
    assert all(
        any(mark in answer for mark in (b"application/yaml", b'"definition"', *telling_pages))
        for answer in telling
    )
    assert leaked((PARAMETER,), *seen.errors) == set()


def test_what_puppet_said_is_where_it_belongs_and_nowhere_else(seen: Seen) -> None:
    telling = [answer for answer in seen.answers if leaked((REPORT,), answer)]
    assert telling
    assert all(b'"runs"' in answer for answer in telling)
    assert any(is_page(answer) for answer in telling)
    assert leaked((REPORT, REPORT.upper()), *seen.errors, seen.log, seen.metrics) == set()
    assert b'rolecall_reports_total{outcome="taken"}' in seen.metrics


def test_what_was_looked_for_is_in_the_form_of_that_page_alone(seen: Seen) -> None:
    telling = [answer for answer in seen.answers if leaked((SEARCH,), answer)]
    assert telling
    assert all(is_page(answer) for answer in telling)
    assert leaked((SEARCH,), *seen.errors, seen.log, seen.metrics) == set()


def test_a_name_is_in_the_log(seen: Seen) -> None:
    """The search would find it; and who was refused must be found there."""
    assert leaked((PATH,), seen.log) == {PATH}


def test_a_secret_is_in_no_event(seen: Seen, inventory: Inventory) -> None:
    """The service writes none; what others wrote about the same things holds none either."""
    fill(inventory)
    for errors in ([REPORT], [REPORT.upper()]):
        status = "failed" if errors == [REPORT] else "changed"
        said = report(NAME, time=redis_now(inventory.redis), status=status, errors=errors)
        inventory.reports.take(said, site="default", who="ship-reports")
    texts = [repr(inventory.events.after()), repr(inventory.events.life(NAME))]
    assert "Puppet's report: failed" in texts[1]
    assert leaked((*NEVER, PARAMETER, REPORT), *(text.encode() for text in texts)) == set()


@pytest.mark.parametrize("url", ["redis://:{}@h:port", "http://:{}@h"])
def test_a_secret_is_not_in_what_a_failed_start_says(tmp_path: Path, url: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "python:enc.gunicorn_conf", "enc.wsgi:app"],
        env={
            "PATH": os.environ["PATH"],
            "REDIS_URL": url.format(PASSWORD),
            "ENC_BIND": f"unix:{tmp_path}/s",
        },
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert ended.returncode != 0
    assert b"REDIS_URL" in ended.stderr
    assert leaked((PASSWORD, "canary-password"), ended.stdout, ended.stderr) == set()


def test_the_password_is_blanked_even_where_a_mistake_puts_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        configure("info", secrets=[PASSWORD])
        Log("test").error("failed", ValueError(f"no such host {PASSWORD}"))
        assert leaked((PASSWORD,), capsys.readouterr().err.encode()) == set()
    finally:
        root.handlers[:] = before
        root.setLevel(level)
