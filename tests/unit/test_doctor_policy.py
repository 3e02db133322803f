"""The IAM policy allows what the adapters call, and little else; the template is CloudFormation's.

The calls are read out of the source: a new one without a permission fails here.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

import provisioner
from provisioner.adapters.aws import partition_of
from provisioner.doctor import policy, stack
from provisioner.doctor.policy import Needs
from provisioner.domain.notices import KINDS
from tests.unit.test_doctor_findings import spec

SOURCE = Path(provisioner.__file__).parent
CALLERS = {"once": "ec2", "repeated": "ec2", "pages": "ec2"}
# What AWS calls the right where it is not the call's own name.
RENAMED = {"sqs:DeleteMessageBatch": "sqs:DeleteMessage"}
# Rights that no call of ours has the name of: others use them in our name.
IN_OUR_NAME = {
    "iam:PassRole",
    "iam:CreateServiceLinkedRole",
    "ssm:GetParameters",
    "sqs:DeleteMessage",
    "sqs:GetQueueUrl",
    "sqs:ReceiveMessage",
}
ANY = Needs(site="prod", queues=("rolecall-prod",))


@cache
def calls() -> frozenset[str]:
    """service:Action of every call that the adapters make through adapters.aws.Calls."""
    found: set[str] = set()
    for path in SOURCE.rglob("*.py"):
        made = [
            node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
        ]
        kinds, handed = described(made), handed_on(made)
        for node in made:
            if is_of_aws(node, path):
                named = actions(node, kinds, path, handed)
                found |= {f"{service(node)}:{action}" for action in named}
    return frozenset(RENAMED.get(each, each) for each in found)


def is_of_aws(node: ast.Call, path: Path) -> bool:
    return (
        isinstance(node.func, ast.Attribute)
        and node.func.attr in CALLERS
        and ast.unparse(node.func.value).endswith("calls")
        and len(node.args) == 2
        and path.name != "aws.py"
    )


def actions(
    node: ast.Call, kinds: set[str], path: Path, handed_on: AbstractSet[str] = frozenset()
) -> AbstractSet[str]:
    match node.args[1]:
        case ast.Name(id="action") if handed_on:
            return handed_on
        case ast.Constant(value=str(action)):
            return {action}
        case ast.JoinedStr(values=[ast.Constant(value="Describe"), ast.FormattedValue()]):
            return {f"Describe{kind}" for kind in kinds}
    where = f"{path.name}:{node.lineno}"
    return pytest.fail(f"{where}: this test cannot read which action is called: teach it")


def handed_on(made: Iterable[ast.Call]) -> set[str]:
    """What SqsNotices._call is told to ask for: it hands the action on."""
    return {str(node.args[0].value) for node in made if hands_on(node)}  # type: ignore[attr-defined]


def hands_on(node: ast.Call) -> bool:
    match node:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="self"), attr="_call"), args=[ast.Constant(), *_]
        ):
            return True
    return False


def service(node: ast.Call) -> str:
    given = [each.value for each in node.keywords if each.arg == "service"]
    return given[0].value if given and isinstance(given[0], ast.Constant) else "ec2"  # type: ignore[return-value]


def described(made: Iterable[ast.Call]) -> set[str]:
    """The kinds of things that ec2_ground._there looks up."""
    return {kind for node in made for kind in _looked_up(node)}


def _looked_up(node: ast.Call) -> list[str]:
    match node:
        case ast.Call(
            func=ast.Name(id="_there"),
            args=[_, _, _, ast.Tuple(elts=[ast.Constant(value=str(kind)), _]), *_],
        ):
            return [kind]
    return []


def statements(given: Needs) -> dict[str, Any]:
    return {one["Sid"]: one for one in policy.policy(given)["Statement"]}


def test_the_source_is_read_as_it_is_meant() -> None:
    found = calls()

    assert {"ec2:CreateFleet", "ec2:DescribeKeyPairs", "ssm:GetParameter", "iam:GetRole"} <= found
    assert len(found) > 15


def test_every_call_is_allowed() -> None:
    assert calls() - policy.actions(policy.policy(ANY)) == set()


def test_nothing_is_allowed_that_is_not_called() -> None:
    assert policy.actions(policy.policy(ANY)) - calls() - IN_OUR_NAME == set()


def test_a_call_without_a_permission_would_be_found() -> None:
    tree = ast.parse('self._calls.once(region, "StopInstances")')
    [node] = [each for each in ast.walk(tree) if isinstance(each, ast.Call)]

    assert is_of_aws(node, Path("ec2.py"))
    assert actions(node, set(), Path("ec2.py")) == {"StopInstances"}
    assert "ec2:StopInstances" not in policy.actions(policy.policy(ANY))


@pytest.mark.parametrize("sid", ["EndOurs", "DeleteOurs", "AssignOurs", "LaunchFromOurTemplates"])
def test_what_is_there_may_be_touched_only_with_our_sites_tag(sid: str) -> None:
    condition = statements(ANY)[sid]["Condition"]["StringEquals"]

    assert condition["aws:ResourceTag/rolecall:site"] == "prod"


@pytest.mark.parametrize("sid", ["LaunchWithOurTag", "TemplatesWithOurTag", "TagWhileCreating"])
def test_what_is_made_must_get_our_sites_tag(sid: str) -> None:
    condition = statements(ANY)[sid]["Condition"]["StringEquals"]

    assert condition["aws:RequestTag/rolecall:site"] == "prod"


def test_a_fleet_is_not_judged_by_tags_that_its_template_brings() -> None:
    free = statements(ANY)["AskForFleets"]

    assert free["Action"] == ["ec2:CreateFleet"]
    assert free["Resource"] == ["arn:aws:ec2:*:*:network-interface/*", "arn:aws:ec2:*:*:volume/*"]
    assert set(free["Resource"]) < set(statements(ANY)["LaunchWithOurTag"]["Resource"])


def test_no_statement_that_changes_anything_is_for_every_resource() -> None:
    wide = [sid for sid, one in statements(ANY).items() if one["Resource"] == ["*"]]

    assert wide == ["Look"]


def test_tags_are_made_only_while_creating_or_on_our_machines() -> None:
    tagging = {s for s, one in statements(ANY).items() if "ec2:CreateTags" in one["Action"]}

    assert tagging == {"TagWhileCreating", "AssignOurs"}
    assert "ec2:CreateAction" in statements(ANY)["TagWhileCreating"]["Condition"]["StringEquals"]


def test_known_roles_narrow_what_is_passed_and_read() -> None:
    profiled = spec("a", instance_profile="node", image="resolve:ssm:/images/web")
    arn = spec("b", instance_profile="arn:aws:iam::123456789012:instance-profile/x/db")

    known = statements(policy.needs("prod", (), [profiled, arn]))

    assert known["PassRole"]["Resource"] == [
        "arn:aws:iam::123456789012:role/db",
        "arn:aws:iam::123456789012:role/*/db",
        "arn:aws:iam::*:role/node",
        "arn:aws:iam::*:role/*/node",
    ]
    assert known["LookForProfiles"]["Resource"] == [
        each.replace(":role/", ":instance-profile/") for each in known["PassRole"]["Resource"]
    ]
    assert known["ImagesByName"]["Resource"] == ["arn:aws:ssm:*:*:parameter/images/web"]
    assert known["PassRole"]["Condition"]["StringEquals"] == {
        "iam:PassedToService": "ec2.amazonaws.com"
    }


def test_what_iam_has_told_is_passed_and_nothing_that_is_named_alike() -> None:
    profiled = [spec("a", instance_profile="node"), spec("b", instance_profile="other")]
    role = "arn:aws:iam::123456789012:role/machines/node-role"

    found = policy.needs("prod", (), profiled)
    known = statements(replace(found, passed={"node": role, "other": role}))

    assert known["PassRole"]["Resource"] == [role]


@pytest.mark.parametrize("partition", ["aws-us-gov", "aws-cn", "aws-iso-b", "aws-eusc"])
def test_every_resource_is_of_the_partition(partition: str) -> None:
    for given in (ANY, policy.needs("prod", (), [spec("a", instance_profile="node")])):
        for one in statements(replace(given, partition=partition)).values():
            kinds = {resource.split(":")[1] for resource in one["Resource"] if resource != "*"}
            assert kinds <= {partition}


def test_in_china_ec2_has_two_names_and_elsewhere_one() -> None:
    def passed_to(partition: str) -> Any:
        passing = statements(replace(ANY, partition=partition))["PassRole"]
        return passing["Condition"]["StringEquals"]["iam:PassedToService"]

    assert passed_to("aws-cn") == ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]
    assert passed_to("aws-us-gov") == passed_to("aws") == "ec2.amazonaws.com"


@pytest.mark.parametrize(
    ("region", "partition"),
    [
        ("us-east-1", "aws"),
        ("us-gov-west-1", "aws-us-gov"),
        ("cn-northwest-1", "aws-cn"),
        ("us-isob-east-1", "aws-iso-b"),
        ("eusc-de-east-1", "aws-eusc"),
        ("xx-new-3", "aws"),
    ],
)
def test_a_region_tells_its_partition(region: str, partition: str) -> None:
    assert partition_of(region) == partition


def test_roles_without_profiles_and_parameters_need_neither() -> None:
    known = statements(policy.needs("prod", (), [spec()]))

    assert {"PassRole", "LookForProfiles", "ImagesByName"} & set(known) == set()
    assert {"PassRole", "LookForProfiles", "ImagesByName"} <= set(statements(ANY))


def test_the_policy_fits_into_a_managed_policy_of_iam() -> None:
    text = json.dumps(policy.policy(ANY), separators=(",", ":"))

    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
    assert len(text) < 6144
    assert all(sid.isalnum() for sid in statements(ANY))


def test_the_template_has_queue_policy_rule_and_target_and_no_alias() -> None:
    made = stack.template("prod", "rolecall-prod")
    text = yaml.safe_dump(made)

    assert "&id" not in text
    kinds = {one["Type"] for one in made["Resources"].values()}
    assert kinds == {"AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "AWS::Events::Rule"}
    assert made["Resources"]["NoticesRule"]["Properties"]["Targets"] == [
        {"Id": "notices", "Arn": {"Fn::GetAtt": ["Notices", "Arn"]}}
    ]


def test_the_rule_sends_what_is_read_and_its_text_promises_that_and_no_more() -> None:
    rule = stack.template("prod", "rolecall-prod")["Resources"]["NoticesRule"]["Properties"]

    assert rule["EventPattern"] == {"source": ["aws.ec2"], "detail-type": list(KINDS)}
    assert rule["Description"].split(", ") == list(KINDS)
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-events-rule.html
    assert len(rule["Description"]) <= 512


def test_every_reference_in_the_template_is_to_something_in_it() -> None:
    made = stack.template("prod", "rolecall-prod")

    assert references(made) <= {*made["Resources"], *made["Parameters"]}
    assert references(made) >= {"Notices", "NoticesRule", "QueueName"}


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["Ref"]} if "Ref" in value else set()
        own |= {value["Fn::GetAtt"][0]} if "Fn::GetAtt" in value else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()
