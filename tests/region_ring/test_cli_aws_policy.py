"""doctor --aws-policy: documents to paste, made without AWS and without Redis."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
import yaml

from provisioner.doctor import stack
from provisioner.domain.notices import KINDS
from tests.region.handle import Region
from tests.region_ring.cli import Done, Operator, roles_yaml
from tests.region_ring.doctoring import NOTHING
from tests.region_ring.operators import Operators


@pytest.fixture
def operator(operators: Operators) -> Operator:
    return operators.new()


def documents(operator: Operator, *words: str, asks: Sequence[str] = (), **env: str) -> Done:
    operator.region.calls(clear=True)
    done = operator.run("doctor", *words, **env)
    assert done.code == 0, done
    assert operator.calls() == list(asks)
    return done


def test_the_documents_need_neither_aws_nor_redis(operator: Operator) -> None:
    done = documents(operator, "--aws-policy", **NOTHING)

    iam, template = yaml.safe_load_all(done.out)
    assert iam["Version"] == "2012-10-17"
    assert "AWS::SQS::Queue" in str(template)
    assert "the store was not read" in done.err
    assert "iam:PassRole" in done.out


def test_each_document_can_be_had_alone(operator: Operator) -> None:
    iam = json.loads(documents(operator, "--aws-policy=iam").out)
    template = yaml.safe_load(documents(operator, "--aws-policy=stack").out)

    assert "Statement" in iam
    assert "Resources" in template


def test_the_policy_is_narrowed_to_the_site_and_to_the_roles_that_are_stored(
    operator: Operator,
) -> None:
    operator.apply(roles_yaml(operator.world, instance_profile="node"))

    done = documents(operator, "--aws-policy=iam", asks=["GetInstanceProfile"])

    assert f'"aws:ResourceTag/rolecall:site": "{operator.place}"' in done.out
    assert '"arn:aws:iam::123456789012:role/machines/node-role"' in done.out
    assert "role/*" not in done.out
    assert done.err == ""


def test_where_iam_does_not_tell_the_role_it_is_taken_to_have_the_profiles_name(
    operator: Operator,
) -> None:
    operator.apply(roles_yaml(operator.world, instance_profile="node"))
    operator.region.fault("GetInstanceProfile", "AccessDenied", status=403)

    done = documents(operator, "--aws-policy=iam", asks=["GetInstanceProfile"])

    assert '"arn:aws:iam::*:role/node"' in done.out
    assert "the policy takes the role to have the profile's name" in done.err


def test_the_documents_are_of_the_partition_of_the_regions_in_use(operator: Operator) -> None:
    done = documents(operator, "--aws-policy=iam", **NOTHING, REGIONS="cn-north-1")

    assert "arn:aws-cn:ec2:*:*:instance/*" in done.out
    assert "arn:aws:" not in done.out


def test_a_format_for_documents_is_mistyped(operator: Operator) -> None:
    assert operator.run("doctor", "--aws-policy", "--format", "json").code == 2


def test_the_rule_lets_the_notices_of_ec2_through(
    operator: Operator, region_server: Region
) -> None:
    operator.run("launch", "web")
    [machine] = operator.machines()
    sqs = region_server.client("sqs", operator.place)
    events = region_server.client("events", operator.place)
    url = sqs.create_queue(QueueName="made-from-the-template")["QueueUrl"]
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    pattern = json.dumps(stack.event_pattern())
    events.put_rule(Name="notices", EventPattern=pattern, State="ENABLED")
    arn = told["Attributes"]["QueueArn"]
    events.put_targets(Rule="notices", Targets=[{"Id": "notices", "Arn": arn}])

    region_server.interrupt(machine)
    region_server.rebalance(machine)

    said = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    kinds = {json.loads(one["Body"])["detail-type"] for one in said}
    assert kinds == set(KINDS)
