"""sign before Puppet's CA, as its users meet it."""

from __future__ import annotations

from enc.domain.trust import password
from tests.csrs import ec_key, request
from tests.fakes.ca_server import PuppetServer
from tests.region_ring.cli import Operator

STRANGER = "laptop.example.com"


def launched(operator: Operator, count: int = 1) -> list[str]:
    done = operator.run("launch", "solid", "-n", str(count), "--format", "json")
    return [one["certname"] for one in done.json["nodes"]]


def ours(operator: Operator, node: str) -> bytes:
    """The request that this machine would make of what lies in its user-data."""
    found = operator.inventory.nodes.get(node)
    assert found is not None
    launch = operator.inventory.launches.get(found.launch)
    assert launch is not None
    return request(node, password(launch.key, node), key=ec_key(name=node))


def test_ours_are_signed_wrong_ones_deleted_and_a_strangers_left(
    operator: Operator, puppet: PuppetServer
) -> None:
    good, squatted = launched(operator, 2)
    puppet.vault.submit(good, ours(operator, good))
    puppet.vault.submit(squatted, request(squatted, "guessed", key=ec_key(name="thief")))
    puppet.vault.submit(STRANGER, request(STRANGER, key=ec_key(name="laptop")))

    done = operator.run("sign")

    assert (done.code, done.err) == (0, "")
    lines = sorted(done.out.splitlines())
    assert len(lines) == 3
    assert lines[0].startswith(f"left: {STRANGER}: not in the inventory (yet)")
    assert f"puppetserver ca sign --certname {STRANGER}" in lines[0]
    assert lines[1].startswith(f"refused: {squatted}: the password is not this machine's of l-")
    assert lines[2].startswith(f"signed: {good}: a machine of launch l-")
    assert list(puppet.vault.signed) == [good]
    assert list(puppet.vault.requests) == [STRANGER]
    assert "certificate request accepted" in operator.run("history", good).out
    assert "certificate request refused" in operator.run("history", squatted).out


def test_nothing_pending_is_nothing_to_do(operator: Operator) -> None:
    done = operator.run("sign")

    assert (done.code, done.out) == (0, "nothing to do: no certificate request is pending\n")


def test_without_a_ca_it_says_which_settings_are_missing(operator: Operator) -> None:
    done = operator.run("sign", PUPPET_CA_URL="")

    assert (done.code, done.out) == (1, "")
    assert "PUPPET_CA_URL is not set" in done.err


def test_a_key_that_cannot_be_read_is_named_before_anything_is_asked(
    operator: Operator, puppet: PuppetServer
) -> None:
    done = operator.run("sign", PUPPET_KEY="no-such.key")

    assert done.code == 2
    assert "PUPPET_KEY: no-such.key" in done.err
    assert puppet.calls == []


def test_a_ca_that_forbids_it_has_one_message(operator: Operator, puppet: PuppetServer) -> None:
    puppet.fail("pending", 403)

    done = operator.run("sign")

    assert (done.code, done.out) == (1, "")
    [line] = done.said
    assert "403" in line
    assert 'README, section "Trust"' in line


def test_one_that_fails_leaves_the_others_signed_and_is_said(
    operator: Operator, puppet: PuppetServer
) -> None:
    first, second = sorted(launched(operator, 2))
    for node in (first, second):
        puppet.vault.submit(node, ours(operator, node))
    puppet.fail("sign", 409)

    done = operator.run("sign")

    assert done.code == 3
    assert [line.partition(":")[0] for line in done.out.splitlines()] == ["failed", "signed"]
    said = "1 of 2 request(s) failed; run 'provisioner sign' again for the rest"
    assert done.said[0] == f"provisioner: {said}"
    assert operator.run("sign").code == 0
    assert sorted(puppet.vault.signed) == [first, second]


def test_a_lost_store_signs_nothing(operator: Operator, puppet: PuppetServer) -> None:
    [node] = launched(operator)
    puppet.vault.submit(node, ours(operator, node))
    operator.redis.flushdb()

    done = operator.run("sign")

    assert done.code == 1
    assert "provisioner init" in done.err
    assert (list(puppet.vault.requests), list(puppet.vault.signed)) == ([node], [])
