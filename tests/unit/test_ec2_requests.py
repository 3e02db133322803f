"""The exact calls that the adapter makes, and what it does with odd answers."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.session import get_session
from botocore.validate import ParamValidator

from enc.domain.model import Market
from provisioner.adapters import ec2_template as template
from provisioner.adapters import ec2_values as values
from provisioner.adapters.ec2 import Ec2Cloud
from provisioner.ports.ec2 import FleetRequest, TemplateRequest, Volume
from provisioner.ports.errors import CloudError
from tests.fakes.aws import FakeAws, refusal

REGION = "us-east-1"
TEMPLATE = TemplateRequest(
    region=REGION,
    name="rolecall-l-1",
    token="l-1-t",
    image="ami-1",
    security_groups=("sg-1", "sg-2"),
    user_data="#cloud-config\n# é\n",
    tags={"rolecall:site": "default", "Name": "pdf2swf"},
)
FLEET = FleetRequest(
    region=REGION,
    token="l-1-1",
    template=TEMPLATE.name,
    market=Market.SPOT,
    count=3,
    overrides=(("c5.large", "subnet-b"), ("c5a.large", "subnet-a")),
    max_price="0.04",
    tags={"rolecall:site": "default", "Name": "pdf2swf"},
)

TAGS = [{"Key": "Name", "Value": "pdf2swf"}, {"Key": "rolecall:site", "Value": "default"}]


# Templates


def test_a_template_requires_imdsv2_and_ends_with_its_machine(
    cloud: Ec2Cloud, aws: FakeAws
) -> None:
    cloud.create_template(TEMPLATE)

    assert aws.calls == [
        (
            "create_launch_template",
            {
                "ClientToken": "l-1-t",
                "LaunchTemplateName": "rolecall-l-1",
                "LaunchTemplateData": {
                    "ImageId": "ami-1",
                    "UserData": base64.b64encode("#cloud-config\n# é\n".encode()).decode(),
                    "InstanceInitiatedShutdownBehavior": "terminate",
                    "MetadataOptions": {
                        "HttpEndpoint": "enabled",
                        "HttpTokens": "required",
                        "HttpPutResponseHopLimit": 1,
                    },
                    "SecurityGroupIds": ["sg-1", "sg-2"],
                    "TagSpecifications": [{"ResourceType": "network-interface", "Tags": TAGS}],
                },
                "TagSpecifications": [{"ResourceType": "launch-template", "Tags": TAGS}],
            },
        )
    ]


def data_of(**changes: Any) -> dict[str, Any]:
    found = template.template_parameters(replace(TEMPLATE, **changes))["LaunchTemplateData"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("public", [True, False])
def test_groups_move_into_the_interface_that_asks_for_an_address(public: bool) -> None:
    data = data_of(public_ip=public)

    assert data["NetworkInterfaces"] == [
        {
            "DeviceIndex": 0,
            "AssociatePublicIpAddress": public,
            "DeleteOnTermination": True,
            "Groups": ["sg-1", "sg-2"],
        }
    ]
    assert "SecurityGroupIds" not in data


def test_without_groups_none_are_named() -> None:
    assert "SecurityGroupIds" not in data_of(security_groups=())
    assert "Groups" not in data_of(security_groups=(), public_ip=True)["NetworkInterfaces"][0]


def test_an_instance_profile_goes_by_name_or_by_arn() -> None:
    arn = "arn:aws:iam::123456789012:instance-profile/node"

    assert data_of(instance_profile="node")["IamInstanceProfile"] == {"Name": "node"}
    assert data_of(instance_profile=arn)["IamInstanceProfile"] == {"Arn": arn}


def test_volumes_are_tagged_by_the_template_where_there_are_some() -> None:
    def kinds(**changes: Any) -> list[str]:
        return [each["ResourceType"] for each in data_of(**changes)["TagSpecifications"]]

    assert kinds(volumes=(Volume(device="/dev/xvda"),)) == ["volume", "network-interface"]
    assert kinds(volumes=()) == ["network-interface"]
    assert "TagSpecifications" not in data_of(tags={})


def test_a_volume_goes_by_ec2_s_names() -> None:
    said = {"size": 100, "type": "io2", "encrypted": True, "kms_key": "alias/k", "iops": 5000}
    disk = Volume(device="/dev/xvdb", delete_on_termination=False, throughput=None, **said)

    assert data_of(volumes=(disk,))["BlockDeviceMappings"] == [
        {
            "DeviceName": "/dev/xvdb",
            "Ebs": {
                "VolumeSize": 100,
                "VolumeType": "io2",
                "Encrypted": True,
                "KmsKeyId": "alias/k",
                "Iops": 5000,
                "DeleteOnTermination": False,
            },
        }
    ]


def test_a_volume_that_is_as_the_image_has_it_is_not_mapped() -> None:
    assert "BlockDeviceMappings" not in data_of(volumes=(Volume(device="/dev/xvda"),))


def test_options_of_the_machine_go_by_ec2_s_names() -> None:
    options = {
        "http_put_response_hop_limit": 2,
        "credit_specification": "unlimited",
        "monitoring": True,
        "ebs_optimized": True,
    }
    data = data_of(options=options)

    assert data["MetadataOptions"]["HttpPutResponseHopLimit"] == 2
    assert data["MetadataOptions"]["HttpTokens"] == "required"
    assert data["CreditSpecification"] == {"CpuCredits": "unlimited"}
    assert (data["Monitoring"], data["EbsOptimized"]) == ({"Enabled": True}, True)


def test_options_that_are_not_set_are_not_sent() -> None:
    assert data_of(options={}) == data_of()
    assert not data_of().keys() & {"CreditSpecification", "Monitoring", "EbsOptimized"}


def test_a_name_that_is_taken_by_our_own_earlier_call_counts_as_made(
    cloud: Ec2Cloud, aws: FakeAws
) -> None:
    code = "InvalidLaunchTemplateName.AlreadyExistsException"
    tags = values.tag_list(TEMPLATE.tags)
    aws.answers["create_launch_template"] = [refusal(code)]
    aws.answers["describe_launch_templates"] = [
        {"LaunchTemplates": [{"LaunchTemplateName": TEMPLATE.name, "Tags": tags}]}
    ]

    cloud.create_template(TEMPLATE)


def test_a_name_that_is_taken_by_another_does_not(cloud: Ec2Cloud, aws: FakeAws) -> None:
    code = "InvalidLaunchTemplateName.AlreadyExistsException"
    aws.answers["create_launch_template"] = [refusal(code)]
    aws.answers["describe_launch_templates"] = [
        {"LaunchTemplates": [{"LaunchTemplateName": TEMPLATE.name}]}
    ]

    with pytest.raises(CloudError, match=code):
        cloud.create_template(TEMPLATE)


# Fleets


def test_a_fleet_is_asked_for_once_over_its_pools(cloud: Ec2Cloud, aws: FakeAws) -> None:
    cloud.create_fleet(FLEET)

    assert aws.asked("create_fleet") == [
        {
            "Type": "instant",
            "ClientToken": "l-1-1",
            "LaunchTemplateConfigs": [
                {
                    "LaunchTemplateSpecification": {
                        "LaunchTemplateName": "rolecall-l-1",
                        "Version": "$Latest",
                    },
                    "Overrides": [
                        {"InstanceType": "c5.large", "SubnetId": "subnet-b", "MaxPrice": "0.04"},
                        {"InstanceType": "c5a.large", "SubnetId": "subnet-a", "MaxPrice": "0.04"},
                    ],
                }
            ],
            "TargetCapacitySpecification": {
                "TotalTargetCapacity": 3,
                "DefaultTargetCapacityType": "spot",
            },
            "SpotOptions": {
                "AllocationStrategy": "price-capacity-optimized",
                "InstanceInterruptionBehavior": "terminate",
            },
            "TagSpecifications": [{"ResourceType": "instance", "Tags": TAGS}],
        }
    ]


def test_an_on_demand_fleet_names_no_price_and_no_spot_option() -> None:
    said = values.fleet_parameters(replace(FLEET, market=Market.ON_DEMAND))

    assert said["OnDemandOptions"] == {"AllocationStrategy": "lowest-price"}
    assert said["TargetCapacitySpecification"]["DefaultTargetCapacityType"] == "on-demand"
    assert "SpotOptions" not in said
    assert "MaxPrice" not in json.dumps(said)


def test_the_identical_request_is_the_identical_call() -> None:
    other_order = replace(FLEET, tags=dict(reversed(FLEET.tags.items())))

    assert json.dumps(values.fleet_parameters(FLEET)) == json.dumps(
        values.fleet_parameters(other_order)
    )


@pytest.mark.parametrize(
    ("action", "parameters"),
    [
        ("CreateFleet", values.fleet_parameters(FLEET)),
        ("CreateFleet", values.fleet_parameters(replace(FLEET, market=Market.ON_DEMAND))),
        (
            "CreateLaunchTemplate",
            template.template_parameters(
                replace(
                    TEMPLATE,
                    public_ip=True,
                    key_name="ops",
                    instance_profile="node",
                    volumes=(Volume(device="/dev/xvdb", size=8, kms_key="k", iops=1),),
                    options={"credit_specification": "standard", "ebs_optimized": True},
                )
            ),
        ),
    ],
)
def test_the_library_knows_every_parameter(action: str, parameters: dict[str, Any]) -> None:
    shape = get_session().get_service_model("ec2").operation_model(action).input_shape

    assert ParamValidator().validate(parameters, shape).generate_report() == ""
