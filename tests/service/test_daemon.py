"""The loop: passes until it is told to stop, whatever a pass meets; the service manager is told."""

from __future__ import annotations

import socket
import threading
import urllib.request
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis

from enc.domain.model import Hold, LaunchState
from enc.inventory import Inventory, connect
from provisioner.adapters.meters import Meters
from provisioner.adapters.service import SignalStop, SystemdNotifier
from provisioner.loop.daemon import Daemon
from provisioner.ports.errors import Trouble
from tests.builders import event
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import ACCOUNT
from tests.servers import free_port, wait_until
from tests.service.farm import Farm
from tests.workbench import RecordingReporter


@dataclass
class Stop:
    """Implements Stop: after so many rests it is time."""

    rests: int
    waited: list[float] = field(default_factory=list)

    def asked(self) -> bool:
        return self.rests <= 0

    def wait(self, seconds: float) -> bool:
        self.waited.append(seconds)
        self.rests -= 1
        return self.asked()


@dataclass
class Told:
    """Implements Notifier."""

    words: list[str] = field(default_factory=list)

    def ready(self) -> None:
        self.words.append("ready")

    def status(self, text: str) -> None:
        self.words.append(text)

    def alive(self) -> None:
        self.words.append("alive")

    def stopping(self) -> None:
        self.words.append("stopping")


@dataclass
class Slow(RecordingReporter):
    """Each thing that is done takes some seconds."""

    clock: FakeClock = field(default_factory=FakeClock)

    def say(self, text: str) -> None:
        super().say(text)
        self.clock.step(5)


@pytest.fixture
def farm(inventory: Inventory, clock: FakeClock) -> Farm:
    return Farm.on(inventory, clock)


def run(farm: Farm, rests: int, meters: Meters | None = None) -> tuple[Told, Stop]:
    told, stop = Told(), Stop(rests)
    interval = timedelta(seconds=5)
    Daemon(farm.bench.context, interval, told, meters or Meters(farm.clock), stop).run()
    return told, stop


def test_passes_follow_one_another_until_it_is_time(farm: Farm) -> None:
    farm.apply()
    told, _ = run(farm, 3)
    assert (told.words[0], told.words[-1]) == ("ready", "stopping")
    assert "3 nodes; 3 actions" in told.words
    assert len(farm.cloud.alive) == 3


def test_who_is_told_to_stop_before_the_first_pass_does_nothing(farm: Farm) -> None:
    farm.apply()
    told, _ = run(farm, 0)
    assert told.words == ["ready", "stopping"]
    assert farm.cloud.calls == []


def test_a_pass_that_fails_is_told_and_followed_by_the_next(farm: Farm) -> None:
    farm.store.redis.hset("meta", "account", ACCOUNT)
    farm.apply()
    farm.cloud.fail("account", Trouble.NO_CREDENTIALS)
    run(farm, 2)
    assert any("this pass failed" in line for line in farm.bench.reporter.said)
    assert len(farm.cloud.alive) == 3


def test_a_fault_of_our_own_is_told_and_outlived(farm: Farm) -> None:
    farm.apply()
    farm.cloud.fail("account", ZeroDivisionError("ours"))
    farm.store.redis.hset("meta", "account", ACCOUNT)
    run(farm, 2)
    assert any("ZeroDivisionError: ours" in line for line in farm.bench.reporter.said)
    assert len(farm.cloud.alive) == 3


def test_a_store_that_is_not_begun_is_waited_for(
    new_store: Inventory, clock: FakeClock, redis: Redis
) -> None:
    farm = Farm.on(new_store, clock)
    told, _ = run(farm, 2)
    assert any("provisioner init" in word for word in told.words)
    assert redis.dbsize() == 0


def test_another_sites_store_is_no_store_of_ours(farm: Farm) -> None:
    farm.apply()
    farm.store.redis.hset("meta", "site", "elsewhere")
    told, _ = run(farm, 1)
    assert any("site elsewhere" in word for word in told.words)
    assert farm.cloud.alive == []


def test_standing_by_is_told_once(farm: Farm) -> None:
    farm.apply()
    farm.store.leases.take("bob@ops", "1", timedelta(seconds=60))
    told, _ = run(farm, 3)
    said = "standing by: bob@ops is at work"
    assert told.words.count(said) == 3
    assert farm.bench.reporter.said.count(said) == 1


def test_the_passes_are_counted(farm: Farm) -> None:
    farm.apply()
    meters = Meters(farm.clock)
    run(farm, 2, meters)
    read = meters.registry.get_sample_value
    assert read("rolecall_converge_passes_total", {"outcome": "done"}) == 2
    assert read("rolecall_converge_actions_total", {"action": "launch", "came": "done"}) == 1
    assert read("rolecall_fleet_size", {"role": "web"}) == 3
    named = {"role": "web", "kind": "fleet", "state": "pending"}
    assert read("rolecall_nodes", named) == 3


def test_silent_nodes_recent_launches_and_damaged_records_are_counted(farm: Farm) -> None:
    names = farm.grown(3)
    farm.store.redis.hset(f"node:{names[0]}", "kind", "none")
    meters = Meters(farm.clock)
    read = meters.registry.get_sample_value
    run(farm, 1, meters)
    assert read("rolecall_nodes_silent", {"role": "web"}) is None
    assert read("rolecall_launches_recent", {"role": "web", "state": "complete"}) == 1
    assert read("rolecall_nodes_damaged") == 1

    farm.wait(timedelta(minutes=61))
    run(farm, 1, meters)
    assert read("rolecall_nodes_silent", {"role": "web"}) == 2
    assert read("rolecall_launches_recent", {"role": "web", "state": "complete"}) is None


def test_a_failed_launch_is_counted_by_its_role(farm: Farm) -> None:
    farm.apply()
    launch_id = farm.dead_launch(2)
    farm.store.launches.close(launch_id, LaunchState.FAILED, event("closed", at=farm.clock.now()))
    meters = Meters(farm.clock)
    run(farm, 1, meters)
    read = meters.registry.get_sample_value
    assert read("rolecall_launches_recent", {"role": "web", "state": "failed"}) == 1


def test_who_stands_by_tells_nothing_that_may_be_over(farm: Farm) -> None:
    farm.grown(3)
    meters = Meters(farm.clock)
    read = meters.registry.get_sample_value
    run(farm, 1, meters)
    assert read("rolecall_fleet_size", {"role": "web"}) == 3
    farm.store.leases.take("bob@ops", "1", timedelta(seconds=60))
    run(farm, 1, meters)
    assert read("rolecall_fleet_size", {"role": "web"}) is None
    assert read("rolecall_converge_last_pass_timestamp_seconds") > 0


def test_a_loop_without_its_store_soon_tells_nothing_that_may_be_over(farm: Farm) -> None:
    farm.grown(3)
    hold = Hold(role="web", why="test", since=farm.clock.now(), by="alice@ops")
    farm.store.holds.put(hold, event("held"))
    meters, there = Meters(farm.clock), farm.store
    read = meters.registry.get_sample_value
    run(farm, 1, meters)
    last = read("rolecall_converge_last_pass_timestamp_seconds")

    farm.bench.inventory = Inventory.on(connect(f"redis://127.0.0.1:{free_port()}/0", timeout=5))
    farm.wait(timedelta(minutes=2))
    run(farm, 1, meters)
    assert read("rolecall_held", {"role": "web"}) == 1
    farm.clock.put(-3600)
    farm.wait(timedelta(minutes=2))
    run(farm, 1, meters)
    for gauge in ("rolecall_held", "rolecall_fleet_size"):
        assert read(gauge, {"role": "web"}) is None
    ready = {"role": "web", "kind": "fleet", "state": "ready"}
    assert read("rolecall_nodes", ready) is None
    assert read("rolecall_converge_last_pass_timestamp_seconds") == last
    assert read("rolecall_converge_passes_total", {"outcome": "StoreUnavailableError"}) == 2

    farm.bench.inventory = there
    run(farm, 1, meters)
    assert read("rolecall_nodes", ready) == 3


def test_a_loop_that_has_begun_and_fails_tells_nothing(new_store: Inventory) -> None:
    clock = FakeClock()
    meters = Meters(clock)
    run(Farm.on(new_store, clock), 1, meters)
    assert meters.registry.get_sample_value("rolecall_converge_last_pass_timestamp_seconds") == 0


def test_a_pass_counts_from_its_end(farm: Farm) -> None:
    """A long pass is not to look like one that ended long ago."""
    farm.apply()
    began, meters = farm.clock.now().timestamp(), Meters(farm.clock)
    farm.bench.reporter = Slow(clock=farm.clock)
    run(farm, 1, meters)
    last = meters.registry.get_sample_value("rolecall_converge_last_pass_timestamp_seconds")
    assert last == farm.clock.now().timestamp() > began


def test_the_counts_are_served_as_they_are_after_each_pass(farm: Farm) -> None:
    farm.apply()
    meters, port = Meters(farm.clock), free_port()
    meters.serve("127.0.0.1", port)
    try:
        before = served(port)
        meters.passed(farm.converge(), 0.1)
        after = served(port)
    finally:
        meters.close()
    assert b"rolecall_converge_last_pass_timestamp_seconds 0.0" in before
    assert b'rolecall_converge_passes_total{outcome="done"} 1.0' in after


def served(port: int) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return bytes(answer.read())


def test_the_address_is_free_when_the_loop_has_ended(farm: Farm) -> None:
    meters, port = Meters(farm.clock), free_port()
    meters.serve("127.0.0.1", port)
    run(farm, 1, meters)
    socket.create_server(("127.0.0.1", port)).close()


# The service manager.


def test_systemd_is_told_over_its_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        notifier = SystemdNotifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        notifier.ready()
        notifier.alive()
        notifier.status("two\nlines")
        notifier.stopping()
        heard = [manager.recv(1000).decode() for _ in range(4)]
    assert heard == ["READY=1", "WATCHDOG=1", "STATUS=two lines", "STOPPING=1"]


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": "/nowhere/notify"}])
def test_a_manager_that_does_not_listen_is_no_reason_to_stop(environ: dict[str, str]) -> None:
    SystemdNotifier(environ).ready()


def test_who_does_not_stop_in_time_is_cut_short() -> None:
    cut = threading.Event()
    stop = SignalStop(cut.set, seconds=0.05)
    assert not stop.asked()
    stop.told(15, None)
    assert stop.asked()
    wait_until("it is cut short", cut.is_set, timeout=5)
