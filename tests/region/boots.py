"""Machines of the region that boot by themselves.

    with Booter(region, services={(PUPPET, 8140): ("127.0.0.1", port)}) as booter:
        ec2.run_instances(...)
        machine = booter.booted(instance_id)  # an Instance: a host with that instance's user-data

While it runs, each instance that is running becomes a host, and one that is not any more has its
plug pulled; one that powered itself off is told to the region. Several boot at once. Instances
that were there before are nobody's hosts. Needs root; see tests/real/instance.py.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from dataclasses import dataclass, field
from typing import Any, Self

from tests.real.instance import Instance
from tests.region.handle import Region

POLL_SECONDS = 0.2
# A boot takes two seconds on an idle machine; several at once on a busy one take longer.
BOOT_SECONDS = 120
STOP_SECONDS = 30

Services = Mapping[tuple[str, int], tuple[str, int]]


class BootError(AssertionError):
    """A machine did not boot; with it comes what cloud-init said."""


@dataclass
class _Life:
    """Of one host. `done` has the host once it is booted, or why it is not."""

    instance_id: str
    done: Future[Instance] = field(default_factory=Future)
    over: threading.Event = field(default_factory=threading.Event)
    host: Instance | None = None
    thread: threading.Thread | None = None


class Booter:
    """`image` makes of a host what it is before its first boot; `mine` picks the instances."""

    def __init__(
        self,
        region: Region,
        services: Services,
        image: Callable[[Instance], None] = lambda host: None,
        mine: Callable[[dict[str, Any]], bool] = lambda machine: True,
    ) -> None:
        self._region = region
        self._services = services
        self._image = image
        self._mine = mine
        self._lives: dict[str, _Life] = {}
        self._closing = threading.Event()
        self._watch = threading.Thread(target=self._look_after, daemon=True)
        self._died: BaseException | None = None

    def __enter__(self) -> Self:
        self._before = {each["id"] for each in self._region.instances()}
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._watch.join(STOP_SECONDS)
        for life in self._lives.values():
            _pull_the_plug(life)
        for life in self._lives.values():
            if life.thread:
                life.thread.join(STOP_SECONDS)

    def booted(self, instance_id: str, seconds: float = BOOT_SECONDS) -> Instance:
        """The instance's host when cloud-init has ended well. Raises BootError."""
        deadline = time.monotonic() + seconds
        life = self._life(instance_id, deadline)
        try:
            return life.done.result(max(deadline - time.monotonic(), 0))
        except LateError:
            raise BootError(f"{instance_id} has not booted within {seconds} s") from None

    def is_off(self, instance_id: str, seconds: float = STOP_SECONDS) -> bool:
        """Whether its host goes off within that time."""
        host = self.booted(instance_id)
        return host.wait_off(seconds=seconds)

    def has_ended(self, instance_id: str, seconds: float = STOP_SECONDS) -> bool:
        """Whether EC2 says within that time that it is shutting down or terminated."""
        deadline = time.monotonic() + seconds
        ending = ("shutting-down", "terminated")
        while self._region.instance(instance_id)["state"] not in ending:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True

    @property
    def hosts(self) -> list[Instance]:
        """Those that live now, booted or booting."""
        lives = list(self._lives.values())
        return [life.host for life in lives if life.host and not life.host.off]

    def report(self, lines: int) -> str:
        """For people: how far each machine that lives is, and what its bootstrap said last."""
        log = ["tail", "-n", str(lines), "/var/log/rolecall-bootstrap.log"]
        texts = []
        for life in list(self._lives.values()):
            booted = life.done.done() and life.done.exception()
            texts.append(f"== {life.instance_id}: {booted or 'booted or booting'}")
            if life.host and not life.host.off:
                texts.append(life.host.run(log, check=False).stdout)
        return "\n".join(texts)

    def _life(self, instance_id: str, deadline: float) -> _Life:
        while instance_id not in self._lives:
            if self._died:
                raise BootError("the booter itself died") from self._died
            if time.monotonic() > deadline:
                raise BootError(f"EC2 never said that {instance_id} runs")
            time.sleep(POLL_SECONDS)
        return self._lives[instance_id]

    def _look_after(self) -> None:
        try:
            while not self._closing.wait(POLL_SECONDS):
                self._compare()
        except BaseException as error:  # noqa: BLE001 (whoever waits for a host is told)
            self._died = error

    def _compare(self) -> None:
        """One look at what EC2 says, and what that means for our hosts."""
        for machine in self._region.instances():
            name, runs = machine["id"], machine["state"] == "running"
            life = self._lives.get(name)
            if life is None and runs and name not in self._before and self._mine(machine):
                self._begin(name)
            elif life and not runs:
                _pull_the_plug(life)
            elif life and life.host and life.host.powered_off:
                self._region.power_off(name)

    def _begin(self, instance_id: str) -> None:
        life = self._lives[instance_id] = _Life(instance_id)
        life.thread = threading.Thread(target=self._live, args=(life,), daemon=True)
        life.thread.start()

    def _live(self, life: _Life) -> None:
        try:
            with Instance.of(self._region, life.instance_id, self._services) as host:
                life.host = host
                if not life.over.is_set():
                    self._boot(life, host)
                life.over.wait()
        except BaseException as error:  # noqa: BLE001 (whoever waits for the host is told)
            if not life.done.done():
                life.done.set_exception(error)

    def _boot(self, life: _Life, host: Instance) -> None:
        self._image(host)
        boot = host.boot()
        if boot.ok:
            life.done.set_result(host)
        else:
            why = f"{life.instance_id} did not boot:\n{boot.output}"
            life.done.set_exception(BootError(why))


def _pull_the_plug(life: _Life) -> None:
    """At once, whatever it is doing. Again is harmless."""
    if life.host and not life.over.is_set():
        life.host.halt()
    life.over.set()
