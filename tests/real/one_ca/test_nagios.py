"""A real nagios4 reads what we export: it takes the file, and alerts for who dies alone."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from enc.domain.model import Node, State
from enc.inventory import Event
from enc.outputs.nagios import objects
from tests.builders import node, role
from tests.real.nagios import DEBIANS, PATIENCE, Nagios, verified
from tests.region.handle import Region
from tests.region_ring.cli import Operator, Running, roles_yaml
from tests.region_ring.operators import Operators
from tests.servers import wait_until
from tests.unit.test_nagios import EVIL

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("tools")]

# Three that fail make an alert: after so many checks of the others it would have been raised.
ENOUGH = 8


@pytest.fixture
def nagios(folder: Path, tmp_path: Path) -> Iterator[Nagios]:
    """Where its own user may enter."""
    with Nagios.laid_out(folder / f"nagios-{tmp_path.name}") as made:
        yield made


@pytest.fixture(scope="module")
def operators(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operators]:
    with (
        Region.start() as region,
        Operators.open(region, tmp_path_factory.mktemp("operators")) as found,
    ):
        yield found


@dataclass
class Fleet:
    """Three machines of the role web, ready, each a listener; Nagios watches them."""

    operator: Operator
    nagios: Nagios
    nodes: list[Node]

    @classmethod
    def launched(cls, operators: Operators, nagios: Nagios) -> Fleet:
        operator = operators.new()
        text: Any = json.loads(roles_yaml(operator.world))
        text["roles"]["web"]["checks"] = [
            {"name": "door", "command": "check_tcp", "port": nagios.port}
        ]
        operator.apply(json.dumps(text))
        done = operator.run("launch", "web", "-n", "3", "--format", "json")
        assert done.code == 0, done
        made = cls(operator, nagios, [])
        for number, certname in enumerate(operator.nodes(), 2):
            made.nodes.append(made.ready(certname, f"127.0.0.{number}"))
        return made

    def ready(self, certname: str, address: str) -> Node:
        self.nagios.machine(address)
        return self.move(certname, State.READY, private_ip=address)

    def move(self, certname: str, state: State, **fields: Any) -> Node:
        nodes = self.operator.inventory.nodes
        found = nodes.get(certname)
        assert found
        at = found.state_since
        return nodes.change(found, Event(what="test", who="test", at=at), state=state, **fields)

    def names(self) -> list[str]:
        return [one.certname for one in self.nodes]

    @contextmanager
    def watched(self) -> Iterator[Running]:
        """By Nagios, and what is exported by us; when all are well."""
        export = self.start("--watch", "--rest", "1s")
        try:
            names = self.names()
            self.nagios.wait_for_well(*names, *(f"{name}/door" for name in names))
            yield export
        finally:
            export.signal(signal.SIGKILL)
            export.end()

    def start(self, *words: str) -> Running:
        return self.operator.start(
            *("export", "nagios", "--dir", str(self.nagios.objects), "--verify-command"),
            *(self.nagios.verify, "--reload-command", self.nagios.reload, *words),
        )

    @property
    def file(self) -> Path:
        return self.nagios.objects / "rolecall.cfg"


@pytest.fixture
def fleet(operators: Operators, nagios: Nagios) -> Fleet:
    return Fleet.launched(operators, nagios.start())


def test_a_planned_retirement_raises_no_alert(fleet: Fleet) -> None:
    one, *others = fleet.nodes
    with fleet.watched():
        retire = fleet.operator.start("retire", "--yes", "--drain", "20s", one.certname)
        try:
            wait_until(
                "EC2 to end it",
                lambda: one.certname not in fleet.operator.machines(),
                timeout=PATIENCE,
            )
            fleet.nagios.machine_dies(one.private_ip)
            assert one.certname not in fleet.nagios.status()
        finally:
            done = retire.end()
        assert done.code == 0, done
        fleet.nagios.wait_for_checks(others[0].certname, ENOUGH)
    assert fleet.nagios.alerts(one.certname) == []
    assert one.certname not in fleet.nagios.notified
    assert fleet.nagios.alive()


@pytest.mark.parametrize("noticed", [False, True], ids=["unnoticed", "found lost"])
def test_a_host_that_dies_raises_one_and_the_others_do_not(fleet: Fleet, noticed: bool) -> None:
    one, *others = fleet.nodes
    with fleet.watched():
        fleet.nagios.machine_dies(one.private_ip)
        if noticed:
            fleet.move(one.certname, State.LOST)
        wait_until(
            "somebody to be told",
            lambda: f"PROBLEM {one.certname}" in fleet.nagios.notified,
            timeout=PATIENCE,
        )
        fleet.nagios.wait_for_checks(others[0].certname, ENOUGH)
    assert any(";DOWN;HARD;" in line for line in fleet.nagios.alerts(one.certname))
    for other in others:
        assert fleet.nagios.alerts(other.certname) == []
        assert other.certname not in fleet.nagios.notified


def test_a_store_that_goes_and_comes_back_does_not_disturb_it(
    fleet: Fleet, operators: Operators
) -> None:
    with fleet.watched():
        before, starts = fleet.file.read_bytes(), fleet.nagios.starts
        operators.server.pause()
        try:
            # Longer than an export waits for Redis.
            fleet.nagios.wait_for_checks(fleet.names()[0], ENOUGH)
        finally:
            operators.server.resume()
        fleet.nagios.wait_for_checks(fleet.names()[0], ENOUGH)
        assert (fleet.file.read_bytes(), fleet.nagios.starts) == (before, starts)
        fleet.move(fleet.names()[0], State.DRAINING)
        wait_until(
            "the next change to come through",
            lambda: fleet.names()[0] not in fleet.nagios.status(),
            timeout=PATIENCE,
        )
    assert [fleet.nagios.alerts(name) for name in fleet.names()] == [[], [], []]


def test_a_check_whose_command_nagios_lacks_does_not_replace_what_is_good(fleet: Fleet) -> None:
    assert fleet.start().end().code == 0
    before = fleet.file.read_bytes()
    text: Any = json.loads(roles_yaml(fleet.operator.world))
    text["roles"]["web"]["checks"] = [{"name": "odd", "command": "check_of_nobody"}]
    fleet.operator.apply(json.dumps(text))
    done = fleet.start().end()
    assert done.code == 1
    assert "check_of_nobody" in done.err
    assert fleet.file.read_bytes() == before
    fleet.nagios.wait_for_checks("nagios", 2)
    assert fleet.nagios.alive()


def test_names_that_would_break_a_file_do_not(nagios: Nagios) -> None:
    ready = {"state": State.READY, "private_ip": "10.0.0.1"}
    fields = ("private_dns", "private_ip", "zone", "image", "environment", "role")
    nodes = [
        node(f"i-0{number:08x}{place:04x}", **{**ready, field: evil})
        for number, evil in enumerate(EVIL)
        for place, field in enumerate(fields)
    ]
    nodes += [node(evil, **ready) for evil in EVIL]
    nodes += [
        node("a" * 255, **ready),
        node("null", **ready),
        node("i-0null", **ready, role="null"),
    ]
    definitions = {
        f"r{number}": {
            "description": evil,
            "checks": [
                {"name": "good", "command": "check_tcp", "port": 80},
                {"name": evil, "command": "check_tcp!80"},
                {"name": "evil", "command": f"check_tcp!{evil}"},
            ],
        }
        for number, evil in enumerate(EVIL)
    }
    definitions |= {"null": {"checks": definitions["r0"]["checks"]}}
    roles = {name: role(name, definition=one) for name, one in definitions.items()}
    nodes += [node(f"i-0{name}", **ready, role=name) for name in roles]
    made = objects(nodes, roles)
    (nagios.objects / "rolecall.cfg").write_text(made.text)
    done = verified(nagios.main)
    assert done.returncode == 0, done.stdout
    # And its own one.
    assert f"Checked {made.hosts + 1} hosts." in done.stdout
    assert "Total Warnings: 0" in done.stdout


def test_what_debian_brings_takes_it_as_it_is_and_finds_the_ports(nagios: Nagios) -> None:
    checks = [
        {"name": "web", "command": "check_http", "port": nagios.port},
        {"name": "door", "command": "check_tcp", "port": nagios.port},
    ]
    made = objects(
        [node("i-0aaaaaaa1", state=State.READY, private_ip="127.0.0.2", role="web")],
        {"web": role("web", definition={"checks": checks})},
    )
    (nagios.objects / "rolecall.cfg").write_text(made.text)
    main = nagios.folder / "debians.cfg"
    main.write_text(
        DEBIANS.read_text().replace("cfg_dir=/etc/nagios4/conf.d", f"cfg_dir={nagios.objects}")
    )
    done = verified(main)
    assert done.returncode == 0, done.stdout
    server = ThreadingHTTPServer(("127.0.0.2", nagios.port), SimpleHTTPRequestHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        nagios.start().wait_for_well("i-0aaaaaaa1/door", "i-0aaaaaaa1/web")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
