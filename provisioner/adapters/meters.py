"""Counts of converge for Prometheus."""

from __future__ import annotations

from collections import Counter as Tally
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from enc.logs import Log
from provisioner.adapters.metrics_port import MetricsPort
from provisioner.domain.silence import silent

if TYPE_CHECKING:
    from provisioner.domain.world import World
    from provisioner.loop.converge import Pass
    from provisioner.ports.host import Clock

# A loop that is cut off is not to speak for long against the one that leads: alerts take the most
# of what all show, and those with a "for" wait five minutes or more. Nor is one pass that fails to
# hide what they wait for.
_KEPT = 180.0
_log = Log("provisioner.meters")
_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class _World:
    """What the last pass saw."""

    def __init__(self, registry: CollectorRegistry) -> None:
        gauge = partial(Gauge, registry=registry)
        self.nodes = gauge("rolecall_nodes", "Nodes", ["role", "kind", "state"])
        self.size = gauge("rolecall_fleet_size", "fleet.size of each role", ["role"])
        self.held = gauge("rolecall_held", "1 for a role that is stopped", ["role"])
        unheard = "Running and ready nodes without a Puppet report for an hour"
        self.silent = gauge("rolecall_nodes_silent", unheard, ["role"])
        damaged = "Nodes whose records in the store cannot be read"
        self.damaged = gauge("rolecall_nodes_damaged", damaged)
        recent = "Launches opened within an hour before the last pass"
        self.recent = gauge("rolecall_launches_recent", recent, ["role", "state"])
        self.unread = gauge("rolecall_region_unreadable", "1 for a region", ["region"])

    def forget(self) -> None:
        for each in (self.nodes, self.size, self.held, self.silent, self.recent, self.unread):
            each.clear()
        self.damaged.set(0)

    def show(self, world: World) -> None:
        self.forget()
        counts = Tally((n.role, n.kind.value, n.state.value) for n in world.nodes.values())
        for labels, count in counts.items():
            self.nodes.labels(*labels).set(count)
        for name, known in world.roles.items():
            if known.spec.fleet.size is not None:
                self.size.labels(name).set(known.spec.fleet.size)
            self.held.labels(name).set(world.hold(name) is not None)
        for role, count in silent(world).items():
            self.silent.labels(role).set(count)
        for (role, state), count in world.recent.items():
            self.recent.labels(role, state).set(count)
        self.damaged.set(len(world.unreadable))
        for region in world.regions.values():
            self.unread.labels(region.name).set(bool(region.error))


class Meters:
    """Implements Meter; ``serve`` shows the counts over HTTP."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ended = clock.monotonic()
        self._port: MetricsPort | None = None
        registry = self.registry = CollectorRegistry()
        counter = partial(Counter, registry=registry)
        self._passes = counter("rolecall_converge_passes", "Passes by outcome", ["outcome"])
        kinds = "Actions by kind and by what came of them"
        self._actions = counter("rolecall_converge_actions", kinds, ["action", "came"])
        self._seconds = Histogram(
            "rolecall_converge_pass_seconds",
            "Duration of a pass that came to its end",
            buckets=_BUCKETS,
            registry=registry,
        )
        self._last = Gauge(
            "rolecall_converge_last_pass_timestamp_seconds",
            "When a pass last came to its end",
            registry=registry,
        )
        self._world = _World(registry)

    def serve(self, host: str, port: int) -> None:
        """Raises OSError where it cannot listen."""
        self._port = MetricsPort(host, port)
        self._port.show(generate_latest(self.registry))

    def close(self) -> None:
        """Nobody is told any more."""
        if self._port is not None:
            self._port.close()
            self._port = None

    def _show(self) -> None:
        """That nobody can be told how passes go is no reason to make none."""
        if self._port is None:
            return
        try:
            self._port.show(generate_latest(self.registry))
        except OSError as error:
            _log.warning("metrics cannot be shown", why=str(error))

    def passed(self, came: Pass, seconds: float) -> None:
        self._passes.labels("failures" if came.failures else "done").inc()
        self._seconds.observe(seconds)
        for one in came.done:
            self._actions.labels(one.action.verb, one.result.value).inc()
        self._world.show(came.world)
        self._last.set(self._clock.now().timestamp())
        self._ended = self._clock.monotonic()
        self._show()

    def failed(self, why: str) -> None:
        """What the last pass saw is shown for some minutes more: then it may be over."""
        self._passes.labels(why).inc()
        if self._clock.monotonic() - self._ended > _KEPT:
            self._world.forget()
        self._show()

    def standby(self) -> None:
        """Another loop is at work, and tells how things are: what we saw last may be over."""
        self._passes.labels("standby").inc()
        self._world.forget()
        self._show()
