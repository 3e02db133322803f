"""Reports of real runs reach the service: none lost, each in its turn, none in another's name."""

import http.client
import json
import os
import signal
import ssl
import time
import uuid
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from enc.inventory.codec import iso
from tests.real.agent import CHANGED, Agent
from tests.real.certified import certified
from tests.real.puppetserver import HOST
from tests.real.reportdriver import report
from tests.real.ring import Ring
from tests.real.site import Site
from tests.servers import wait_until
from tests.service.http import get

pytestmark = [pytest.mark.differs, pytest.mark.root]
Machines = Callable[..., Agent]

# A day of a node that runs each half hour, which is Puppet's default.
RUNS, BETWEEN = 48, timedelta(minutes=30)
# Of each node, by the service.
KEPT = 10
PUT_SECONDS = 30
LOOKS = 100
# What the scripts would wait for it at most; a PUT itself takes 60 ms.
SERVICE_TIMEOUT_SECONDS = 5


class Reporter:
    """Sends reports to the puppetserver as an agent with this certificate does."""

    def __init__(self, ring: Ring, folder: Path, own: tuple[str, str]) -> None:
        certificate, key = own
        file = folder / "identity.pem"
        file.write_text(key + certificate)
        self._context = ssl.create_default_context(cafile=str(ring.server.ca_certificate))
        self._context.load_cert_chain(file)
        self._port = ring.server.port

    def put(self, name: str, found: dict[str, Any]) -> tuple[int, str]:
        """What PUT /puppet/v3/report/NAME answers."""
        connection = http.client.HTTPSConnection(
            HOST, self._port, timeout=PUT_SECONDS, context=self._context
        )
        with closing(connection):
            headers = {"Content-Type": "application/json"}
            path = f"/puppet/v3/report/{name}?environment=production"
            connection.request("PUT", path, json.dumps(found), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()


def a_run(node: str, time: datetime) -> dict[str, Any]:
    """A report as an agent sends it; each has its own transaction_uuid."""
    return report("changed", host=node, time=iso(time), transaction_uuid=str(uuid.uuid4()))


def waiting(ring: Ring) -> list[tuple[str, str]]:
    """What lies in the spool, in the order in which it is shipped: (certname, uuid).

    The shipper may rename and delete meanwhile: then it is read again.
    """
    for _ in range(LOOKS):
        files = segments(ring)
        with suppress(FileNotFoundError):
            text = "".join(file.read_text() for file in (*files, *ring.spool.glob("incoming")))
            if segments(ring) == files:
                lines = [json.loads(line) for line in text.splitlines()]
                return [(line["certname"], line["transaction_uuid"]) for line in lines]
    raise AssertionError("the spool never stands still")


def segments(ring: Ring) -> list[Path]:
    return sorted(ring.spool.glob("[0-9]*.jsonl"))


def runs(site: Site, node: str) -> list[str]:
    """The uuids of a node's last runs, oldest first."""
    with site.redis.client() as client:
        texts = client.lrange(f"runs:{node}", 0, -1)
    return [json.loads(text)["transaction_uuid"] for text in texts]


def field(site: Site, node: str, name: str) -> str | None:
    with site.redis.client() as client:
        return client.hget(f"node:{node}", name)


def counted(site: Site) -> dict[str, float]:
    """Reports by outcome, since the service was started."""
    lines = get(site.service, "/metrics").text.splitlines()
    ours = [line.split() for line in lines if line.startswith("rolecall_reports_total{")]
    return {name.split('"')[1]: float(value) for name, value in ours}


def wait_for(site: Site, node: str, name: str, value: str) -> None:
    wait_until(f"{name} of {node} is {value}", lambda: field(site, node, name) == value)


def test_a_days_reports_that_met_a_dead_service_all_arrive_in_their_order_when_it_is_back(
    ring: Ring, site: Site, start_machine: Machines, tmp_path: Path
) -> None:
    ring.configure_enc(url=site.service.url, cache=str(ring.enc_cache))
    *idle, busy = site.launched("web", "-n", "3")
    reporters = {node: Reporter(ring, tmp_path, certified(ring, site, node)) for node in idle}
    agent = start_machine(busy)
    assert agent.test().code == CHANGED
    wait_for(site, busy, "state", "ready")
    (first,) = runs(site, busy)
    wait_until("the spool is empty", lambda: not waiting(ring))
    site.service.stop()

    began, sent = datetime.now(UTC) - (RUNS - 1) * BETWEEN, []
    for number in range(RUNS):
        for node, reporter in reporters.items():
            sent.append(a_run(node, began + number * BETWEEN))
            assert reporter.put(node, sent[-1])[0] == 200
    later = [agent.test() for _ in range(2)]

    # As with a service: the role's class says something in each run.
    assert [run.code for run in later] == [CHANGED, CHANGED], later[0].said
    lines = waiting(ring)
    # One that was written while the shipper took the file away may lie there twice.
    kept = list(dict.fromkeys(lines))
    assert len(kept) == len(sent) + len(later)
    assert kept[:-2] == [(found["host"], found["transaction_uuid"]) for found in sent]
    assert [certname for certname, _ in kept[-2:]] == [busy, busy]

    site.service.start()

    wait_until("all is shipped", lambda: not waiting(ring))
    # None else was "old": each came after the one before it.
    twice = len(lines) - len(kept)
    assert counted(site) == {"taken": len(kept)} | ({"old": twice} if twice else {})
    for node in idle:
        uuids = [uuid for certname, uuid in kept if certname == node]
        assert runs(site, node) == uuids[-KEPT:]
        assert field(site, node, "report_at") == iso(began + (RUNS - 1) * BETWEEN)
        assert field(site, node, "state") == "ready"
    assert runs(site, busy) == [first, *(uuid for _, uuid in kept[-2:])]
    left = {path.name for path in ring.spool.iterdir()}
    assert not left & {"incoming", "refused.jsonl", "dropped"}
    assert not [name for name in left if name.endswith(".jsonl")]


def test_a_report_does_not_wait_for_a_service_that_hangs_and_arrives_when_it_is_well(
    ring: Ring, site: Site, tmp_path: Path
) -> None:
    node = site.launch("web")
    reporter = Reporter(ring, tmp_path, certified(ring, site, node))
    assert site.service.process
    group = site.service.process.pid
    os.killpg(group, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        answers = [reporter.put(node, a_run(node, datetime.now(UTC))) for _ in range(3)]
        took = time.monotonic() - begun
    finally:
        os.killpg(group, signal.SIGCONT)

    assert [status for status, _ in answers] == [200] * 3
    assert took < SERVICE_TIMEOUT_SECONDS
    wait_until("all arrived", lambda: len(runs(site, node)) == 3)


def test_a_node_cannot_report_for_another_and_can_for_itself(
    ring: Ring, site: Site, tmp_path: Path
) -> None:
    own, other = site.launched("web", "-n", "2")
    reporter = Reporter(ring, tmp_path, certified(ring, site, own))
    site.shipper.stop()
    now = datetime.now(UTC)

    # Puppet says it in the manner of a fault of its own.
    status, said = reporter.put(own, a_run(other, now))
    assert status == 500
    assert "does not match requested" in said
    for name in (own, other):
        assert reporter.put(other, a_run(name, now))[0] == 403
    assert waiting(ring) == []

    good = a_run(own, now)
    assert reporter.put(own, good)[0] == 200
    assert waiting(ring) == [(own, good["transaction_uuid"])]


def test_a_noop_run_and_one_from_the_cache_make_no_node_ready_and_the_next_good_one_does(
    ring: Ring, site: Site, start_machine: Machines
) -> None:
    agent = start_machine(site.launch("web"))
    node = agent.certname

    # It leaves a catalogue in the cache, and nobody hears of it.
    assert agent.test("--no-report").code == CHANGED

    agent.test("--noop")
    wait_for(site, node, "report_status", "noop")
    assert field(site, node, "state") == "running"

    ring.configure_enc(url=f"unix:{ring.folder}/nobody.sock")
    run = agent.daemon_like()
    assert run.used_the_cache, run.said
    wait_for(site, node, "report_status", "cached")
    assert field(site, node, "state") == "running"

    ring.configure_enc(url=site.service.url)
    assert agent.test().code == CHANGED
    wait_for(site, node, "state", "ready")
    assert field(site, node, "report_status") == "changed"
