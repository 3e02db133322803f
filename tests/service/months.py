"""Months of a fleet's life in seconds: EC2, Puppet and people misbehave at random, by a seed.

    months = Months.of(redis, seed=7)
    months.live(500)          # passes; each is followed by the invariants

What is random is drawn from one generator, so a seed tells the same story again.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from redis import Redis

from enc.domain.model import Hold, Kind, Node, State
from enc.domain.timeouts import Timeouts
from enc.inventory import Inventory, StoreUnavailableError
from provisioner.domain.world import Rules
from provisioner.loop.converge import Pass, Wish, converge
from provisioner.ports.errors import CloudError, Trouble
from tests.builders import event
from tests.conftest import begin
from tests.fakes.ca import FakeCA
from tests.fakes.clock import FakeClock
from tests.fakes.machines import Machine, Manners
from tests.fakes.puppetdb import FakePuppetDB
from tests.service.crash import DiedError, Fate, mortal
from tests.service.farm import Farm
from tests.service.invariants_of_passes import Before, Invariants

GOOD, OTHER_GOOD, BAD = "a" * 16, "b" * 16, "f" * 16
# role -> its fleet; sizes are multiplied.
ROLES: dict[str, dict[str, Any]] = {
    "web": {"size": 20, "surge": 4, "max_age": "12h"},
    "db": {"size": 3, "surge": 1, "max_age": "24h"},
    "old": {"size": 6, "surge": 0, "max_unavailable": 2, "max_age": "18h"},
}
_DOING = ("create_fleet", "terminate", "create_template", "delete_template")
_LOOKING = ("instances", "describe", "ground", "templates")
_PASSING = (Trouble.THROTTLED, Trouble.UNAVAILABLE, Trouble.UNKNOWN_OUTCOME)


@dataclass
class Months:
    """``larger`` multiplies the sizes of the fleets; ``rules`` may be wrong ones.

    ``happened`` counts what did, by its name; ``most_calls`` is of EC2, in one pass.
    """

    farm: Farm
    redis: Redis
    chance: random.Random
    invariants: Invariants
    rules: Rules = field(default_factory=Rules)
    passes: int = 0
    puppet_back: datetime | None = None
    specs: dict[str, str] = field(default_factory=dict)
    saved: dict[bytes, tuple[int, bytes]] | None = None
    happened: Counter[str] = field(default_factory=Counter)
    most_calls: int = 0

    @classmethod
    def of(cls, redis: Redis, seed: int, *, larger: int = 1, rules: Rules | None = None) -> Months:
        redis.flushall()
        inventory = Inventory.on(redis)
        begin(inventory)
        farm = Farm.on(inventory, FakeClock())
        farm.bench.ca, farm.bench.puppetdb = FakeCA(), FakePuppetDB()
        # Renewed by a thread in true time, while the pass's own waits step the clock.
        farm.bench.timeouts = Timeouts(lease=timedelta(days=1))
        chance = random.Random(seed)
        made = cls(farm, redis, chance, Invariants(seed), rules or Rules())
        made.begin(larger)
        return made

    def begin(self, larger: int) -> None:
        for name, fleet in ROLES.items():
            self.specs[name] = GOOD
            ours = {**fleet, "size": fleet["size"] * larger, "surge": fleet["surge"] * larger}
            self.farm.apply(name, fleet=ours, spec_hash=GOOD, spot_deadline="4m")
        # Nothing is asked of a fleet that is only growing.
        for _ in range(6):
            self.a_pass(quietly=True)

    def live(self, number: int) -> None:
        for _ in range(number):
            self.happen()
            self.a_pass()

    # What happens.

    def happen(self) -> None:
        """Between two passes; most of the time nothing does."""
        events: tuple[tuple[float, Callable[[], None]], ...] = (
            (0.10, self.lose_spot),
            (0.02, self.drought),
            (0.03, self.plenty),
            (0.08, self.trouble),
            (0.02, self.ec2_is_down),
            (0.03, self.manners),
            (0.01, self.new_spec),
            (0.02, self.mend),
            (0.005, self.puppet_dies),
            (0.005, self.stop_somebody),
            (0.03, self.go_on),
            (0.02, self.meddle),
            (0.005, self.clock_jumps),
            (0.01, self.save),
            (0.004, self.restore),
        )
        for chance, happens in events:
            if self.chance.random() < chance:
                self.happened[happens.__name__] += 1
                happens()

    def lose_spot(self) -> None:
        """Those of one pool go together."""
        alive = [m for m in self.machines() if m.market == "spot"]
        for machine in self.chance.sample(alive, min(len(alive), self.chance.choice([1, 1, 2, 4]))):
            self.farm.cloud.interrupt(machine.id)

    def drought(self) -> None:
        self.farm.cloud.capacity("spot:*:*", self.chance.choice([0, 0, 1, 3]))
        if self.chance.random() < 0.3:
            self.farm.cloud.capacity("on-demand:*:*", self.chance.choice([0, 2]))

    def plenty(self) -> None:
        self.farm.cloud.capacity("spot:*:*", None)
        self.farm.cloud.capacity("on-demand:*:*", None)

    def trouble(self) -> None:
        action = self.chance.choice([*_DOING, *_LOOKING])
        doing = action in _DOING
        after = doing and self.chance.random() < 0.5
        what = (
            Trouble.UNKNOWN_OUTCOME if after else self.chance.choice(_PASSING[: 3 if doing else 2])
        )
        self.farm.cloud.fail(action, what, times=self.chance.choice([1, 1, 3, 40]), after=after)

    def ec2_is_down(self) -> None:
        """For some passes; it comes back by itself, or with the next manners."""
        for action in _LOOKING:
            self.farm.cloud.fail(action, Trouble.UNAVAILABLE, times=self.chance.choice([2, 6]))

    def manners(self) -> None:
        self.farm.cloud.heal()
        pick = self.chance.choice
        self.farm.cloud.manners.__dict__.update(
            Manners(
                pending_s=pick([0.0, 5.0, 70.0]),
                dns_s=pick([0.0, 30.0]),
                shutdown_s=pick([0.0, 20.0, 200.0]),
                hidden_s=pick([0.0, 0.0, 30.0, 100.0]),
                unknown_s=pick([0.0, 0.0, 20.0]),
                forget_s=pick([200.0, 3600.0]),
                replay_lists=pick([True, False]),
            ).__dict__
        )

    def new_spec(self) -> None:
        """Sometimes one whose machines never get ready."""
        name = self.chance.choice(list(ROLES))
        self.apply_spec(name, self.chance.choice([GOOD, OTHER_GOOD, BAD]))

    def mend(self) -> None:
        for name, spec in self.specs.items():
            if spec == BAD:
                self.apply_spec(name, GOOD)

    def apply_spec(self, name: str, spec: str) -> None:
        role = self.farm.store.roles.get(name)
        assert role is not None
        self.specs[name] = spec
        fleet = role.definition["fleet"]
        self.farm.apply(name, fleet=fleet, spec_hash=spec, spot_deadline="4m")

    def puppet_dies(self) -> None:
        self.puppet_back = self.farm.clock.now() + timedelta(hours=1)

    def stop_somebody(self) -> None:
        name = self.chance.choice(["", *ROLES])
        hold = Hold(role=name, why="a person", since=self.farm.clock.now(), by="alice@ops")
        self.farm.store.holds.put(hold, event("held"))

    def go_on(self) -> None:
        for hold in self.farm.store.holds.all(ROLES).values():
            self.farm.store.holds.lift(hold, event("resumed"))

    def meddle(self) -> None:
        """A person ends a machine in EC2's console, or stops one, or starts it again."""
        alive = self.machines()
        if alive:
            one = self.chance.choice(alive)
            act = self.chance.choice([self.farm.cloud.kill, self.farm.cloud.stop])
            act(one.id)
        for machine in self.farm.cloud.machines.by_id.values():
            if machine.stopped and self.chance.random() < 0.3:
                machine.stopped = False

    def clock_jumps(self) -> None:
        self.farm.clock.put(self.chance.choice([-30.0, 30.0, 600.0]))

    def save(self) -> None:
        raw = Redis(connection_pool=Redis.from_url(_url(self.redis)).connection_pool)
        self.saved = {key: (max(raw.pttl(key), 0), raw.dump(key)) for key in raw.scan_iter()}
        raw.close()

    def restore(self) -> None:
        """Redis comes back from a backup that is some time old."""
        if self.saved is None:
            return
        raw = Redis(connection_pool=Redis.from_url(_url(self.redis)).connection_pool)
        raw.flushall()
        for key, (left, dumped) in self.saved.items():
            raw.restore(key, left, dumped)
        raw.close()
        self.saved = None
        roles = self.farm.store.roles.all()
        self.specs = {name: role.spec_hash for name, role in roles.items()}
        self.invariants.store_was_restored(self.passes)

    def machines(self) -> list[Machine]:
        return [m for m in self.farm.cloud.machines.by_id.values() if m.ended is None]

    # A pass.

    def a_pass(self, *, quietly: bool = False) -> None:
        self.passes += 1
        self.redis.delete("lease:converge")
        before = Before.of(self.farm)
        came = self.converged(dies=not quietly and self.chance.random() < 0.03)
        self.most_calls = max(self.most_calls, len(self.farm.cloud.calls) - before.calls)
        self.invariants.check(self.farm, before, came, self.passes, quietly=quietly)
        self.farm.clock.step(self.chance.uniform(61, 120))
        self.puppet()

    def converged(self, *, dies: bool) -> Pass | None:
        """None where the pass failed, or its process died."""
        context = self.farm.bench.context
        if dies:
            self.happened["dies"] += 1
            context = mortal(
                context, Fate(self.chance.randint(1, 60), after=self.chance.random() < 0.5)
            )
        if self.chance.random() < 0.1:
            self.farm.cloud.on("instances", self.interfere)
        try:
            return converge(context, Wish(rules=self.rules))
        except (DiedError, StoreUnavailableError, CloudError):
            return None

    def interfere(self) -> None:
        """A person ends half of a role while a pass is under way."""
        self.happened["interfere"] += 1
        name = self.chance.choice(list(ROLES))
        ready = [n for n in self.farm.nodes(State.READY) if n.role == name]
        # The oldest are those that the pass itself may be about to drain.
        for node in ready[len(ready) // 2 :]:
            self.farm.store.nodes.change(node, event("draining"), state=State.DRAINING)

    def puppet(self) -> None:
        now = self.farm.clock.now()
        if self.puppet_back and now < self.puppet_back:
            return
        self.puppet_back = None
        for node in self.farm.nodes(State.RUNNING, State.READY, State.FAILED):
            if self.works(node) and (node.state is not State.READY or self.chance.random() < 0.05):
                self.report(node, now)

    def works(self, node: Node) -> bool:
        machine = self.farm.cloud.machines.by_id.get(node.certname)
        up = machine is not None and machine.ended is None and not machine.stopped
        return up and node.spec_hash != BAD and node.kind is Kind.FLEET

    def report(self, node: Node, now: datetime) -> None:
        ready = {} if node.state is State.READY else {"state": State.READY, "ready_at": now}
        fields = {"report_at": now, "report_status": "changed", **ready}
        self.farm.store.nodes.change(node, event("report", at=now), **fields)


def _url(redis: Redis) -> str:
    given = redis.connection_pool.connection_kwargs
    return f"redis://{given['host']}:{given['port']}/{given.get('db', 0)}"
