"""DNS through a real PowerDNS: with its caches as docs/dns.md has them, and without any."""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from enc.domain.model import State
from enc.inventory import Inventory, connect
from tests.bench import load
from tests.bench.table import Row
from tests.builders import event, node, role
from tests.conftest import begin
from tests.pdns import NO_CACHE, PowerDNS
from tests.servers import RedisServer, Service, free_port
from tests.service.http import get

LEAST_CACHED = 5000.0
LEAST_SHARE = 0.5
NODES, ROLES = 1000, 20
# A cache helps where the same is asked again: how many nodes that is, beside the roles.
ASKED_AGAIN = 200
ROUNDS = 5
SECONDS = 3
WARM_UP = 2.0
ZONE = "fleet.example"
ENV = {
    "DNS_ZONES": ZONE,
    "DNS_NETWORKS": "10.0.0.0/8",
    "DNS_NS": f"ns1.{ZONE}=10.0.0.53",
}
_COMPLETED = re.compile(r"Queries completed: +([0-9]+)")
_RATE = re.compile(r"Queries per second: +([0-9.]+)")
_REQUESTS = re.compile(r'rolecall_http_requests_total\{route="/dns/[^"]*",[^}]*\} ([0-9.e+]+)')


@dataclass(frozen=True)
class _Setting:
    service: Service
    again: Path
    questions: Path
    paths: list[str]

    @property
    def socket(self) -> str:
        return self.service.bind.removeprefix("unix:")


@dataclass(frozen=True)
class _Asked:
    rate: float
    completed: int


def measure() -> list[Row]:
    if not shutil.which("dnsperf"):
        why = "dnsperf is not installed: make debs"
        return [Row("dns: through PowerDNS", why, "", ok=False)]
    with TemporaryDirectory(prefix="rolecall-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        redis = RedisServer(folder / "redis").start()
        stack.callback(redis.end)
        names = _filled(redis.url)
        bind = f"127.0.0.1:{free_port()}"
        env = {**ENV, "DNS_BIND": bind}
        service = Service(folder / "s", redis.url, bind=f"unix:{folder}/socket", env=env).start()
        stack.callback(service.end)
        again, questions = folder / "again", folder / "questions"
        again.write_text(_questions(names[:ASKED_AGAIN]))
        questions.write_text(_questions(names))
        setting = _Setting(service, again, questions, [f"/v1/enc/{name}" for name in names])
        with_cache = PowerDNS(folder / "cached", f"http://{bind}/dns").start()
        stack.callback(with_cache.stop)
        without = PowerDNS(folder / "uncached", f"http://{bind}/dns", NO_CACHE).start()
        stack.callback(without.stop)
        return [_cached(setting, with_cache), _uncached(setting, without)]


def _cached(setting: _Setting, dns: PowerDNS) -> Row:
    _ask(dns, setting.again)
    rate = median(_ask(dns, setting.again).rate for _ in range(ROUNDS))
    return Row(
        f"dns: questions a second through PowerDNS, its caches on, for {ASKED_AGAIN} nodes",
        f"{rate:,.0f}/s",
        f">= {LEAST_CACHED:,.0f}/s",
        rate >= LEAST_CACHED,
    )


def _uncached(setting: _Setting, dns: PowerDNS) -> Row:
    """Both in turn, so that whatever else the machine does falls on both alike."""
    load.run(setting.socket, setting.paths, WARM_UP)
    _ask(dns, setting.questions)
    shares, rates, lookups, requests = [], [], [], []
    for _ in range(ROUNDS):
        lookups.append(load.run(setting.socket, setting.paths, SECONDS).rate)
        before = _requests(setting)
        asked = _ask(dns, setting.questions)
        requests.append((_requests(setting) - before) / asked.completed)
        rates.append(asked.rate)
        shares.append(asked.rate * requests[-1] / lookups[-1])
    share = median(shares)
    return Row(
        "dns: its caches off, requests served, of the service's own look-ups",
        f"{share:.2f} x ({median(rates):.0f}/s at {median(requests):.2f} requests each : "
        f"{median(lookups):.0f}/s)",
        f">= {LEAST_SHARE} x",
        share >= LEAST_SHARE,
    )


def _ask(dns: PowerDNS, questions: Path) -> _Asked:
    """Every answer must be a good one: an error is quickly made."""
    command = ["dnsperf", "-s127.0.0.1", f"-p{dns.port}", f"-d{questions}", f"-l{SECONDS}"]
    done = subprocess.run([*command, "-q50"], capture_output=True, text=True, check=True)
    said = done.stdout
    completed, rate = _COMPLETED.search(said), _RATE.search(said)
    if not completed or not rate or "SERVFAIL" in said or "REFUSED" in said:
        raise RuntimeError(f"dnsperf says: {said}")
    return _Asked(float(rate[1]), int(completed[1]))


def _requests(setting: _Setting) -> float:
    text = get(setting.service, "/metrics").text
    return sum(float(count) for count in _REQUESTS.findall(text))


def _filled(url: str) -> list[str]:
    redis = connect(url, timeout=30)
    inventory = Inventory.on(redis)
    begin(inventory)
    inventory.roles.apply([role(f"role{n}") for n in range(ROLES)], event())
    names = [f"i-{n:017x}" for n in range(NODES)]
    inventory.nodes.create_many(
        (
            node(
                name,
                role=f"role{n % ROLES}",
                state=State.READY,
                private_ip=f"10.0.{n // 250}.{n % 250}",
            ),
            event(),
        )
        for n, name in enumerate(names)
    )
    redis.close()
    return names


def _questions(names: list[str]) -> str:
    """Nodes, a role now and then, addresses, and names that nobody has."""
    lines = []
    for n, name in enumerate(names):
        lines.append(f"{name}.{ZONE} A")
        if n % 5 == 0:
            lines.append(f"{n % 250}.{n // 250}.0.10.in-addr.arpa PTR")
        if n % 10 == 0:
            lines.append(f"role{n // 10 % ROLES}.{ZONE} A")
            lines.append(f"nobody{n}.{ZONE} A")
    return "\n".join(lines) + "\n"
