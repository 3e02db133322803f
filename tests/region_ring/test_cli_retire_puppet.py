"""retire before Puppet's CA and PuppetDB, as its users meet it."""

from __future__ import annotations

import signal

import pytest

from enc.domain.model import State
from tests.builders import event, foreign
from tests.fakes.ca_server import PuppetServer
from tests.fakes.https_server import How
from tests.region_ring.cli import Done, Operator
from tests.region_ring.operators import Operators, in_parallel
from tests.servers import wait_until

FOREIGN = "db1.example.com"


def with_certificates(operator: Operator, puppet: PuppetServer, *names: str) -> None:
    for name in names:
        puppet.vault.issue(name)
        operator.inventory.nodes.create(foreign(name), event())


def test_certificates_of_several_are_revoked_at_once(
    operator: Operator, puppet: PuppetServer
) -> None:
    done = operator.run("launch", "solid", "-n", "2", "--format", "json")
    machines = [one["certname"] for one in done.json["nodes"]]
    for machine in machines:
        puppet.vault.issue(machine)
    puppet.vault.submit(machines[0])
    with_certificates(operator, puppet, FOREIGN)

    ended = operator.run("retire", "--yes", "--drain", "0s", FOREIGN, *machines)

    names = sorted([FOREIGN, *machines])
    assert (ended.code, ended.out) == (0, "3 nodes archived\n")
    assert sorted(ended.err.splitlines()) == sorted(f"{name} is archived" for name in names)
    assert (sorted(puppet.vault.revoked), puppet.vault.revocations) == (names, 1)
    assert (puppet.vault.signed, puppet.vault.requests) == ({}, {})
    assert sorted(puppet.deactivated) == names
    life = operator.run("history", machines[0]).out
    for what in ("terminated", "gone", "certificate revoked", "deactivated in PuppetDB"):
        assert what in life


ANSWERS: dict[str, How] = {
    "no certificate": 401,
    "forbidden": 403,
    "not found": 404,
    "conflict": 409,
    "ill": 500,
    "nothing": "close",
}


def test_each_no_of_the_ca_has_one_message_and_is_gone_on_from(
    operators: Operators, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """All at once: what may pass is waited for half a minute."""

    def tried(case: tuple[str, How]) -> None:
        name, how = case
        with PuppetServer(tmp_path_factory.mktemp("puppet")) as puppet:
            operator = made[name]
            operator.env |= puppet.env()
            refused_and_gone_on_with(operator, puppet, how)

    made = {name: operators.new() for name in ANSWERS}
    in_parallel(tried, ANSWERS.items())


def refused_and_gone_on_with(operator: Operator, puppet: PuppetServer, how: How) -> None:
    with_certificates(operator, puppet, FOREIGN)
    puppet.fail("clean", how, times=1000)

    refused = operator.run("retire", "--yes", "--drain", "0s", FOREIGN)

    assert refused.code == 1
    first, second = refused.said
    assert first == ("provisioner: 0 of 1 archived; run the same command again to continue:")
    assert second.startswith(f"  {FOREIGN}: its certificate is not revoked yet: ")
    assert "Traceback" not in refused.err
    shown = operator.run("show", FOREIGN, "--format", "json").json
    assert (shown["state"], shown["retire_step"]) == ("retiring", "clean")
    titles, row = (line.split() for line in operator.run("ls").out.splitlines())
    assert row[titles.index("NEXT-STEP")] == "clean"
    assert list(puppet.vault.signed) == [FOREIGN]

    puppet.heal()
    ended = operator.run("retire", "--yes", FOREIGN)
    assert (ended.code, ended.out) == (0, "1 node archived\n")
    assert puppet.vault.revoked == [FOREIGN]


def test_a_puppetdb_that_says_no_keeps_the_archive_waiting(
    operator: Operator, puppet: PuppetServer
) -> None:
    with_certificates(operator, puppet, FOREIGN)
    puppet.fail("deactivate", 403)

    refused = operator.run("retire", "--yes", "--drain", "0s", FOREIGN)
    again = operator.run("retire", "--yes", FOREIGN)

    assert refused.code == 1
    assert f"{FOREIGN}: PuppetDB is not told yet: " in refused.said[1]
    assert (again.code, puppet.count("clean")) == (0, 1)
    assert list(puppet.deactivated) == [FOREIGN]


def test_a_stop_says_how_far_each_is(operator: Operator, puppet: PuppetServer) -> None:
    with_certificates(operator, puppet, FOREIGN)
    puppet.fail("clean", "hang")
    command = operator.start("retire", "--yes", "--drain", "0s", FOREIGN)
    wait_until("clean is called", lambda: bool(puppet.count("clean")))

    command.signal(signal.SIGINT)
    stopped = command.end()

    assert stopped.code == 130
    assert f"0 of 1 archived; {FOREIGN} is retiring (next: clean)" in stopped.said[0]
    assert operator.run("retire", "--yes", FOREIGN).code == 0


def test_without_a_ca_it_is_said_what_is_left_out(operator: Operator, puppet: PuppetServer) -> None:
    with_certificates(operator, puppet, FOREIGN, "db2")

    ended = operator.run("retire", "--yes", "--drain", "0s", FOREIGN, "db2", **without_puppet())

    assert ended.code == 0
    assert ended.err.count("no PUPPET_CA_URL: certificates are not revoked") == 1
    assert ended.err.count("no PUPPETDB_URL: PuppetDB is not told") == 1
    assert puppet.calls == []


def without_puppet() -> dict[str, str]:
    return {"PUPPET_CA_URL": "", "PUPPETDB_URL": ""}


@pytest.mark.parametrize("name", ["provisioner", "127.0.0.1"], ids=["our own", "the CA's host"])
def test_what_we_live_by_is_refused_before_anything_is_done(
    operator: Operator, puppet: PuppetServer, name: str
) -> None:
    with_certificates(operator, puppet, FOREIGN, name)

    refused = operator.run("retire", "--yes", FOREIGN, name)

    assert refused.code == 2
    [said] = refused.said
    assert said.startswith(f"provisioner: {name} is not retired: it is the ")
    assert f"'PUPPET_CA_URL= provisioner retire {name}'" in said
    assert [node.state for node in operator.inventory.nodes.many([FOREIGN, name])] == [
        State.READY,
        State.READY,
    ]
    assert puppet.calls == []
    assert operator.run("retire", "--yes", name, "--drain", "0s", **without_puppet()).code == 0


def test_a_file_that_cannot_be_read_is_named_before_anything_is_done(
    operator: Operator, puppet: PuppetServer
) -> None:
    with_certificates(operator, puppet, FOREIGN)

    refused: Done = operator.run("retire", "--yes", FOREIGN, PUPPET_KEY="/nonexistent/key.pem")

    assert refused.code == 2
    assert "PUPPET_KEY: /nonexistent/key.pem (its key) cannot be read" in refused.said[0]
    assert operator.inventory.nodes.many([FOREIGN])[0].state is State.READY


def test_on_a_terminal_it_asks_for_the_certificate_too(
    operator: Operator, puppet: PuppetServer
) -> None:
    with_certificates(operator, puppet, FOREIGN, "db2")

    with operator.terminal("retire", FOREIGN) as terminal:
        terminal.expect("End db1.example.com (web, foreign, ready) for good")
        terminal.expect("and revoke its certificate? [y/N]:")
        terminal.type("n\n")
        assert terminal.end() == 1
    with operator.terminal("retire", FOREIGN, "db2") as terminal:
        terminal.expect("and revoke their certificates? [y/N]:")
        terminal.type("n\n")
        assert terminal.end() == 1

    assert puppet.calls == []
