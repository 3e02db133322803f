"""The end of a node's life before a real CA, a real PuppetDB and machines that run."""

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography import x509

from provisioner.domain.retirement import Step
from tests.csrs import request
from tests.real.ca import papers
from tests.real.certified import certified
from tests.real.puppetdb import PuppetDB
from tests.real.puppetserver import as_puppet
from tests.real.ring import Ring
from tests.real.site import Site
from tests.region.boots import Booter
from tests.region.handle import ROOT
from tests.servers import wait_until
from tests.service import http

pytestmark = [pytest.mark.differs, pytest.mark.root]

SHUT_OUT_SECONDS = 5
SOON = 30
A_MOMENT = 0.5
COMMAND_SECONDS = 60
# Longer than any test, by the region's clock.
SLOW = 3600.0
# Each call to the outside, in the order of a retirement: see tests/region_ring/mortal.py.
CALLS = (
    *("draining", "retiring", "terminate", "terminated", "describe", "gone"),
    *("clean", "certificate revoked", "deactivate", "deactivated in PuppetDB", "archived"),
)
ACCEPTED = "certificate request accepted"
LIFE = ("launched", "running", ACCEPTED, "ready")
END = [call for call in CALLS if call not in ("terminate", "describe", "clean", "deactivate")]


def retire(site: Site, *nodes: str) -> str:
    return site.provisioner("retire", *nodes, "--drain", "0s", "--yes")


def history(site: Site, node: str) -> list[str]:
    events = json.loads(site.provisioner("history", node, "--format", "json"))
    return [event["what"] for event in events]


def logged(site: Site, node: str) -> list[str]:
    """The same, from the log of all."""
    with site.redis.client() as client:
        events = [event for _, event in client.xrange("events")]
    return [event["what"] for event in events if event.get("node") == node]


@dataclass(frozen=True)
class Seen:
    """Of one node: what whoever asks is told of it, and whether machine and certificate live."""

    let_in: bool
    off: bool
    deactivated: bool
    enc: tuple[int, str]
    statuses: list[int]
    named_by: set[str]
    show: dict[str, Any]
    history: list[str]
    logged: list[str]


@dataclass(frozen=True)
class Machine:
    """One that booted. `own` are its certificate and key, `names` what people know it by."""

    node: str
    own: tuple[str, str]
    names: tuple[str, ...]

    @classmethod
    def of(cls, ring: Ring, site: Site, booter: Booter, node: str) -> "Machine":
        ring.puppetdb.wait_for_node(node)
        names = (node, str(site.show(node)["private_dns"]))
        return cls(node, papers(booter.booted(node), node), names)

    def seen(self, ring: Ring, site: Site, booter: Booter) -> Seen:
        node, service = self.node, site.service
        outputs = {path: http.get(service, path).text for path in ("/v1/nodes", "/metrics")}
        for words in ("ls", "ls --format json", "ls --format csv"):
            outputs[words] = site.provisioner(*words.split())
        paths = [f"/v1/enc/{node}", *(f"/v1/nodes/{name}" for name in self.names)]
        known = ring.puppetdb.node(node)
        return Seen(
            let_in=ring.ca.lets_in(*self.own),
            off=booter.is_off(node, A_MOMENT),
            deactivated=bool(known and known["deactivated"]),
            enc=enc(ring, node),
            statuses=[http.get(service, path).status for path in paths],
            named_by={output for output, text in outputs.items() if node in text},
            show=site.show(node),
            history=history(site, node),
            logged=logged(site, node),
        )


def enc(ring: Ring, node: str) -> tuple[int, str]:
    """What the puppetserver gets from the ENC script: exit code and stdout."""
    command = [*as_puppet(), str(ring.folder / "files" / "enc"), node]
    env = {"PATH": "/usr/bin:/bin", **ring.server.environment}
    done = subprocess.run(
        command, env=env, cwd="/", capture_output=True, text=True, check=False, timeout=SOON
    )
    return done.returncode, done.stdout


def once_each(events: list[str]) -> list[str]:
    """A request may be judged twice: as it comes to the CA, and by who looks at what waits there.

    All else in a life happens once.
    """
    first = events.index(ACCEPTED)
    again = [at for at, what in enumerate(events) if what == ACCEPTED and at > first]
    return [what for at, what in enumerate(events) if at not in again[:1]]


def test_a_machine_that_is_retired_is_shut_out_and_forgotten_and_its_neighbour_is_not(
    ring: Ring, site: Site, booter: Booter, puppetdb: PuppetDB
) -> None:
    ring.configure_enc(url=site.service.url, cache=str(ring.enc_cache))
    launched = site.launched_ready("web", "-n", "2")
    gone, stays = (Machine.of(ring, site, booter, node) for node in launched)
    before, neighbour = gone.seen(ring, site, booter), stays.seen(ring, site, booter)
    assert (before.let_in, before.off, before.deactivated) == (True, False, False)
    assert (before.enc[0], before.statuses) == (0, [200, 200, 200])
    assert before.named_by == {"ls", "ls --format json", "ls --format csv", "/v1/nodes"}

    retire(site, gone.node)

    assert ring.ca.shuts_out(*gone.own, seconds=SHUT_OUT_SECONDS)
    assert puppetdb.is_deactivated(gone.node)
    after = gone.seen(ring, site, booter)
    assert (after.let_in, after.off, after.deactivated) == (False, True, True)
    # The script's own copy of the last answer was fresh.
    assert (after.enc, after.statuses, after.named_by) == ((1, ""), [410, 410, 404], set())
    assert after.show["state"] == "archived"
    assert after.history == after.logged
    assert once_each(after.history) == [*LIFE, *END]
    assert [event["what"] for event in after.show["life"]] == after.history
    assert stays.seen(ring, site, booter) == neighbour


def test_killed_after_each_call_to_the_outside_it_goes_on_and_does_each_thing_once(
    ring: Ring, site: Site, puppetdb: PuppetDB
) -> None:
    """Eleven deaths of one retirement, and each process goes on where the last one died."""
    node = site.launch("web")
    own = certified(ring, site, node)
    stood: list[str] = []
    for call in CALLS:
        killed_after(site, call, node)
        stood.append(step(site, node))
    assert set(stood) == {"", *Step}, "there are steps at which nobody died"
    assert len(stood) >= len(Step)

    assert retire(site, node) == ""

    assert ring.ca.shuts_out(*own, seconds=SHUT_OUT_SECONDS)
    assert ring.ca.state(node) == ""
    assert revoked(ring).count(serial(own)) == 1
    assert puppetdb.is_deactivated(node)
    assert [each["state"] for each in machines(site, node)] == ["terminated"]
    once = dict.fromkeys((*END, ACCEPTED), 1)
    assert Counter(logged(site, node)) == Counter(history(site, node))
    assert Counter(once_each(history(site, node))) == once | {"launched": 1, "running": 1}


def killed_after(site: Site, call: str, node: str) -> None:
    """One process that dies right after this call."""
    died = subprocess.run(
        [sys.executable, "-m", "tests.region_ring.mortal", call, node],
        check=False,
        env=site.environment,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
    )
    assert died.returncode == -signal.SIGKILL, (call, died)


def step(site: Site, node: str) -> str:
    with site.redis.client() as client:
        return client.hget(f"node:{node}", "retire_step") or ""


def machines(site: Site, node: str) -> list[dict[str, Any]]:
    return [each for each in site.region.instances() if each["id"] == node]


@pytest.fixture
def slow(site: Site) -> Iterator[str]:
    """A node whose machine, once told to end, takes its time."""
    site.region.configure(shutdown_s=SLOW)
    try:
        yield site.launch("web")
    finally:
        site.region.configure(shutdown_s=0.0)


@pytest.mark.parametrize("killed", [False, True], ids=["in one go", "killed meanwhile"])
def test_a_certificate_is_taken_while_ec2_lists_its_machine_as_alive_and_not_after(
    ring: Ring, site: Site, slow: str, *, killed: bool
) -> None:
    own = certified(ring, site, slow)
    if killed:
        killed_after(site, "terminated", slow)
    with ThreadPoolExecutor(1) as pool:
        retiring = pool.submit(retire, site, slow)
        try:
            # Whoever took the first answer for its end has not asked again.
            wait_until(
                "a second look at EC2",
                lambda: looked_at(site, slow) > 1,
                alive=lambda: not retiring.done(),
            )
            alive = (step(site, slow), ring.ca.state(slow), ring.ca.lets_in(*own))
        finally:
            site.region.advance(SLOW)
        assert retiring.result() == "1 node archived\n"

    assert alive == (Step.CONFIRM, "signed", True)
    assert ring.ca.shuts_out(*own, seconds=SHUT_OUT_SECONDS)
    assert ring.ca.state(slow) == ""


def looked_at(site: Site, node: str) -> int:
    """How often it was looked at since it was told to end."""
    calls = [call["action"] for call in site.region.calls() if node in str(call["params"])]
    told = calls.index("TerminateInstances") if "TerminateInstances" in calls else len(calls)
    return calls[told:].count("DescribeInstances")


def test_many_that_end_together_are_revoked_in_one_writing_and_their_requests_are_deleted(
    ring: Ring, site: Site, puppetdb: PuppetDB
) -> None:
    *signed, pending, stays = site.launched("web", "-n", "5")
    owns = [certified(ring, site, node) for node in signed]
    neighbour = certified(ring, site, stays)
    assert ring.ca.submit(pending, request(pending, "guessed"))[0] == 200
    assert ring.ca.state(pending) == "requested"
    number, cleanings = crl_number(ring), asked_to_clean(ring)

    retire(site, *signed, pending)

    assert (crl_number(ring), asked_to_clean(ring)) == (number + 1, cleanings + 1)
    for own in owns:
        assert ring.ca.shuts_out(*own, seconds=SHUT_OUT_SECONDS)
    assert [ring.ca.state(node) for node in (*signed, pending)] == [""] * 4
    assert all(puppetdb.is_deactivated(node) for node in (*signed, pending))
    assert (ring.ca.lets_in(*neighbour), ring.ca.state(stays)) == (True, "signed")


def crls(ring: Ring) -> list[x509.CertificateRevocationList]:
    """The CA's own and its root's."""
    end = b"-----END X509 CRL-----\n"
    texts = (ring.server.folder / "ca" / "ca_crl.pem").read_bytes().split(end)
    return [x509.load_pem_x509_crl(text + end) for text in texts if text.strip()]


def crl_number(ring: Ring) -> int:
    """It grows by one with each writing; the root's stands."""
    found = [crl.extensions.get_extension_for_class(x509.CRLNumber) for crl in crls(ring)]
    return sum(extension.value.crl_number for extension in found)


def revoked(ring: Ring) -> list[int]:
    return [entry.serial_number for crl in crls(ring) for entry in crl]


def serial(own: tuple[str, str]) -> int:
    return x509.load_pem_x509_certificate(own[0].encode()).serial_number


def asked_to_clean(ring: Ring) -> int:
    log = (ring.server.folder / "log" / "access.log").read_text()
    return log.count('"PUT /puppet-ca/v1/clean ')
