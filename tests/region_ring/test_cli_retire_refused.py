"""retire where EC2 is not asked of our own machines, or will not end one of them."""

from __future__ import annotations

import pytest

from tests.fakes.ca_server import PuppetServer
from tests.region_ring.cli import ACCOUNT, Operator


def launched(operator: Operator, puppet: PuppetServer, count: int = 1) -> list[str]:
    done = operator.run("launch", "solid", "-n", str(count), "--format", "json")
    machines = [one["certname"] for one in done.json["nodes"]]
    for machine in machines:
        puppet.vault.issue(machine)
    return machines


def test_with_credentials_of_another_account_nothing_is_done(
    operator: Operator, puppet: PuppetServer
) -> None:
    done = operator.run("launch", "solid", "--format", "json")
    [machine] = [one["certname"] for one in done.json["nodes"]]
    puppet.vault.issue(machine)
    operator.redis.hset("meta", "account", "999999999999")
    before = operator.stored()

    node = operator.run("retire", "--yes", machine)
    launch = operator.run("retire", "--yes", done.launch)

    for ended in (node, launch):
        assert (ended.code, ended.out) == (1, "")
        assert f"the credentials are for AWS account {ACCOUNT}" in ended.said[0]
        assert "this inventory is of 999999999999; see 'aws sts" in ended.said[0]
    assert operator.stored() == before
    assert (operator.machines(), puppet.vault.revoked) == ([machine], [])


@pytest.mark.parametrize("field", ["region", "instance_id"])
def test_a_damaged_record_keeps_its_machine_and_its_certificate(
    operator: Operator, puppet: PuppetServer, field: str
) -> None:
    lost, whole = launched(operator, puppet, 2)
    operator.redis.hdel(f"node:{lost}", field)

    ended = operator.run("retire", "--yes", "--drain", "0s", lost, whole)

    assert ended.code == 3
    assert (
        f"  {lost}: its record is damaged (no {field}): look at it in EC2 and repair node:{lost}, "
        "see docs/redis.md"
    ) in ended.err
    assert (operator.machines(), puppet.vault.revoked) == ([lost], [whole])


def test_a_protected_machine_remains_and_the_others_end(
    operator: Operator, puppet: PuppetServer
) -> None:
    machines = launched(operator, puppet, 3)
    kept = machines[1]
    client = operator.region.client("ec2", operator.place)
    client.modify_instance_attribute(InstanceId=kept, DisableApiTermination={"Value": True})

    ended = operator.run("retire", "--yes", "--drain", "0s", *machines)

    assert ended.code == 3
    assert f"  {kept}: TerminateInstances: OperationNotPermitted" in ended.err
    assert "switch its termination protection off first" in ended.err
    assert (operator.machines(), operator.nodes()) == ([kept], [kept])
    assert sorted(puppet.vault.revoked) == sorted(set(machines) - {kept})

    client.modify_instance_attribute(InstanceId=kept, DisableApiTermination={"Value": False})
    assert operator.run("retire", "--yes", kept).out == "1 node archived\n"


def test_a_machine_that_was_assigned_as_foreign_ends_with_its_launch(
    operator: Operator, puppet: PuppetServer
) -> None:
    done = operator.run("launch", "solid", "--format", "json")
    [machine] = operator.machines()
    for key in operator.redis.scan_iter(_type="zset"):
        operator.redis.zrem(key, machine)
    operator.redis.delete(f"node:{machine}")
    assert operator.run("assign", machine, "web", "--foreign").code == 0
    puppet.vault.issue(machine)

    ended = operator.run("retire", "--yes", "--drain", "0s", done.launch)

    assert (ended.code, ended.out) == (0, "1 node archived\n")
    assert (operator.machines(), puppet.vault.revoked) == ([], [machine])
