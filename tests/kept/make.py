"""Makes a version's kept store: what it leaves in Redis, and in a puppetserver's folders.

    python -m tests.kept.make tests/kept/0.1.0

Run it once, at the version's own commit. Everything is written by the version's own programs: the
inventory, the service, the script `enc`, Puppet with our report processor. The launch keys are made
up, and open no machine. Later versions read what is there: tests/service/store/test_kept_store.py.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from enc.domain.model import (
    Attempt,
    Backoff,
    Hold,
    Kind,
    LaunchState,
    Market,
    Node,
    Role,
    State,
)
from enc.domain.trust import password
from enc.inventory import Inventory, connect
from provisioner.rolesfile.loading import load
from tests.builders import event, foreign, launch, node
from tests.conftest import begin
from tests.csrs import ec_key, request
from tests.fakes.clock import START
from tests.kept import store
from tests.real.reportdriver import ReportDriver, report
from tests.servers import RedisServer, Service
from tests.summaries import report as summary

SITE = "kept"
ENC = Path(__file__).parents[2] / "puppet/rolecall/files/enc"
KEY = "5e" * 32
HOUR = timedelta(hours=1)
EVER = timedelta(days=3650)
ROLES = """
defaults:
  environment: production
  launch:
    region: us-east-1
    subnets: [subnet-0aaaaaaaaaaaaaaa1]
    security_groups: [sg-0aaaaaaaaaaaaaaa1]
    image: ami-0aaaaaaaaaaaaaaa1
    instance_types: [c5.large, c5a.large]
    puppet_server: {host: puppet, address: 10.20.0.10}
roles:
  web:
    description: Serves pages, caf\u00e9 \u65e5\u672c
    classes: {role::web: {workers: %d, greeting: "caf\u00e9 \u65e5\u672c"}}
    parameters: {tier: front}
    fleet: {size: 4, max_age: 24h, windows: ["Mon-Fri 09:00-17:00"]}
    checks: [{name: http, command: check_http, port: 80}]
  pdf2swf:
    launch: {market: spot, spot_deadline: 5m}
    burst: {image: ami-0bbbbbbbbbbbbbbb1, ttl: 2h}
  db:
    classes: [role::db]
"""
# The launch that is over, the one of a command that asks, and the one of converge that asks.
DONE, ASKS, LOOPS = "l-00000000000000a1", "l-00000000000000a2", "l-00000000000000a3"
READY, ENDED = "i-00000000000000003", "i-0000000000000000e"
STATES = {
    State.PENDING: "i-00000000000000001",
    State.RUNNING: "i-00000000000000002",
    State.READY: READY,
    State.DRAINING: "i-00000000000000004",
    State.FAILED: "i-00000000000000005",
    State.LOST: "i-00000000000000006",
    State.RETIRING: "i-00000000000000007",
}


def everything(inventory: Inventory) -> None:
    """Each key of docs/redis.md, in an empty store."""
    begin(inventory, site=SITE)
    for workers in (2, 4):
        roles(inventory, workers)
    for write in (launches, nodes, converged, judged):
        write(inventory)
    inventory.reports.take(summary(READY), site=SITE, who="test")


def roles(inventory: Inventory, workers: int) -> None:
    found = load(ROLES % workers, source="roles.yaml", read_file=Path.read_text).roles
    made = [
        Role(name=name, definition=spec.definition(), spec_hash=spec.spec_hash)
        for name, spec in found.items()
    ]
    inventory.roles.apply(made, event("roles applied"))


def launches(inventory: Inventory) -> None:
    keys = {"key": KEY, "key_expires": START + EVER}
    inventory.launches.open(launch(DONE, **keys), event("launch opened"))
    refused = ("spot:c5.large:us-east-1a", "UnfulfillableCapacity", "no capacity")
    first = Attempt(number=1, at=START, market=Market.SPOT, wanted=2, answers=(refused,))
    got = (STATES[State.PENDING], STATES[State.RUNNING])
    second = replace(first, number=2, market=Market.ON_DEMAND, got=got, answers=())
    for attempt in (first, second):
        inventory.launches.record_attempt(DONE, attempt, event("asked"))
    inventory.launches.close(DONE, LaunchState.COMPLETE, event("launch closed", why="all there"))
    inventory.launches.open(launch(ASKS, want=9, **keys), event("launch opened"))
    inventory.launches.beat(ASKS, START)
    loops = launch(LOOPS, want=9, kind=Kind.FLEET, owner="converge", **keys)
    inventory.launches.open(loops, event("launch opened"))


def nodes(inventory: Inventory) -> None:
    """One in each state, one that ended, two that share a name, two that EC2 does not have."""
    for number, (state, certname) in enumerate(STATES.items(), 1):
        at = START + timedelta(minutes=number)
        made = node(certname, kind=Kind.FLEET, launch=DONE, launched_at=at, state=State.PENDING)
        born = inventory.nodes.create(addressed(made, number), event("launched", at=at))
        moved(inventory, born, state)
    ended = addressed(node(ENDED, launch=DONE), 14)
    gone = moved(inventory, inventory.nodes.create(ended, event("launched")), State.RETIRING)
    inventory.nodes.archive(gone, event("ended", why="retired by alice"))
    for number in (8, 9):
        shared = node(f"i-0000000000000000{number}", private_dns="ip-10-0-0-8.ec2.internal")
        extra = replace(shared, kind=Kind.BURST, role="pdf2swf", expires_at=START + EVER)
        inventory.nodes.create(replace(extra, held="alice looks at it"), event("launched"))
    inventory.nodes.create(foreign("db1.example.com", role="db"), event("assigned"))
    inventory.nodes.create(foreign("db2.example.com", role="gone"), event("assigned"))


def addressed(made: Node, number: int) -> Node:
    dns = f"ip-10-0-0-{number}.ec2.internal"
    return replace(made, private_ip=f"10.0.0.{number}", private_dns=dns, image="ami-0a")


def moved(inventory: Inventory, born: Node, state: State) -> Node:
    """By steps that are allowed, with an event for each."""
    ways = {
        State.READY: (State.RUNNING, State.READY),
        State.DRAINING: (State.RUNNING, State.DRAINING),
    }
    for step in ways.get(state, (state,)):
        if step is not born.state:
            more = {"ready_at": START + HOUR} if step is State.READY else {}
            more |= {"retire_step": "confirm"} if step is State.RETIRING else {}
            born = inventory.nodes.change(born, event(str(step)), state=step, **more)
    return born


def converged(inventory: Inventory) -> None:
    """What a pass and those who steer it leave behind."""
    under = inventory.under(inventory.leases.take("alice@ops", "1", EVER))
    for role in ("", "web", "pdf2swf"):
        stopped = Hold(role=role, why="release day", since=START, by="alice@ops", nodes=(READY,))
        under.holds.put(stopped, event("hold"))
    under.holds.lift(stopped, event("resume"))
    backoff = Backoff(role="web", spec_hash="", at=START, until=START + HOUR, launches=(DONE,))
    under.backoffs.put(backoff, event("backs off"))
    under.suspects.add([f"absent:{READY}"], START)
    under.sweeps.note(["us-east-1"], EVER)
    under.orders.begin()
    under.droughts.note(["spot:c5.large:us-east-1a"], START)


def judged(inventory: Inventory) -> None:
    """A request that is let in, one that is not, and one of nobody's."""
    key = ec_key()
    said = {READY: password(KEY, READY), STATES[State.RUNNING]: "wrong", "i-0nobody": "wrong"}
    for certname, secret in said.items():
        inventory.signing.judge(certname, request(certname, secret, key=key), site=SITE, who="test")


def puppetserver(redis: RedisServer, work: Path, made: Path, stack: ExitStack) -> None:
    """The last answers that `enc` keeps, and reports that wait for the service."""
    service = Service(work, redis.url, env={"ROLECALL_SITE": SITE}).start()
    stack.callback(service.end)
    (made / "cache").mkdir()
    for certname in (READY, "db1.example.com"):
        env = {"ENC_URL": service.url, "ENC_CACHE": str(made / "cache"), "ENC_CONF": "/nonexistent"}
        command = [sys.executable, "-I", "-S", str(ENC), certname]
        subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)
    (made / "spool").mkdir()
    puppet = stack.enter_context(ReportDriver.start())
    for name, hour in ("changed", 13), ("failed", 14):
        time = f"2026-01-01T{hour}:00:00.000000000+00:00"
        own = {"time": time, "transaction_uuid": f"6b3c1c0e-5d0a-4c56-9a53-0d6d5a1f7c{hour}"}
        puppet.save([report(name, host=STATES[State.RUNNING], **own)], spool=made / "spool")


def main(folder: str) -> None:
    made = Path(folder).resolve()
    made.mkdir(parents=True)
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = RedisServer(work / "redis").start()
        stack.callback(server.end)
        redis = connect(server.url, timeout=5)
        everything(Inventory.on(redis))
        puppetserver(server, work, made, stack)
        store.dump(redis, made / "store.jsonl")
        redis.close()


if __name__ == "__main__":
    main(sys.argv[1])
