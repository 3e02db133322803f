"""What a launch asks for, checked against what the region has, in EC2's own codes."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from tests.region import disks, world
from tests.region.capacity import Pool
from tests.region.machines import Spec
from tests.region.state import State, Store
from tests.region.wire import ApiError

USER_DATA_MAX = 16384
Data = dict[str, Any]


def user_data_bytes(text: str, code: str) -> bytes:
    """The text decoded, or EC2's error.

    Too long, RunInstances says InvalidParameterValue and templates InvalidUserData.Malformed:
    https://github.com/hashicorp/terraform-provider-aws/pull/49234
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ApiError(
            "InvalidUserData.Malformed", "Invalid BASE64 encoding of user data."
        ) from None
    if len(raw) > USER_DATA_MAX:
        raise ApiError(code, f"User data is limited to {USER_DATA_MAX} bytes")
    return raw


def template_data(state: State, store: Store, said: Data) -> tuple[Data, Data]:
    """The template's data, and how an answer names it. A new one may be NotFound."""
    template_id, name = said.get("LaunchTemplateId"), said.get("LaunchTemplateName")
    template = world.template(store.region, template_id, name)
    if template is None or _too_new(state, store, template.id):
        raise _no_template(template_id, name)
    wanted = str(said.get("Version") or "$Default")
    number = {
        "$Latest": template.latest_version_number,
        "$Default": template.default_version_number,
    }.get(wanted, wanted)
    if not str(number).isdigit() or not 0 < int(number) <= len(template.versions):
        text = f"Could not find launch template version {number} for {template.id}."
        raise ApiError("InvalidLaunchTemplateId.VersionNotFound", text)
    spec = {"launchTemplateId": template.id, "version": str(number)}
    return dict(template.versions[int(number) - 1].data), spec


def _too_new(state: State, store: Store, template_id: str) -> bool:
    now = state.clock.now()
    if now < store.templates_born.setdefault(template_id, now) + state.config.template_s:
        return True
    seen = store.templates_seen.get(template_id, 0)
    store.templates_seen[template_id] = seen + 1
    return seen < state.config.template_n


def _no_template(template_id: str | None, name: str | None) -> ApiError:
    if template_id:
        text = f"The specified launch template, with template ID {template_id}, does not exist."
        return ApiError("InvalidLaunchTemplateId.NotFound", text)
    text = f"The specified launch template, with template name {name}, does not exist."
    return ApiError("InvalidLaunchTemplateName.NotFoundException", text)


def resolve(store: Store, data: Data, market: str) -> Spec:
    """The machine that the data describes, in the subnet that the data names."""
    region = store.region
    nic = _primary(data)
    subnet = _subnet(region, data, nic)
    instance_type = data.get("InstanceType", "m1.small")
    if instance_type not in world.instance_types():
        text = f"Invalid value '{instance_type}' for InstanceType."
        raise ApiError("InvalidParameterValue", text)
    image = _image(region, data)
    if data.get("UserData"):
        user_data_bytes(str(data["UserData"]), "InvalidParameterValue")
    public = nic.get("AssociatePublicIpAddress")
    volumes = disks.of_launch(world.disks(image), data.get("BlockDeviceMappings") or [])
    tags = tags_by_resource(data.get("TagSpecifications") or [])
    _made(tags, volumes, market)
    return Spec(
        pool=Pool(market, instance_type, subnet.availability_zone),
        image=image.id,
        subnet=subnet.id,
        vpc=subnet.vpc_id,
        groups=_groups(region, data, nic, subnet),
        architecture=image.architecture or "x86_64",
        root_device=image.root_device_name,
        key_name=_key(region, data),
        user_data=str(data["UserData"]) if data.get("UserData") else None,
        profile=_profile(store, data),
        shutdown_behavior=data.get("InstanceInitiatedShutdownBehavior") or "stop",
        metadata=data.get("MetadataOptions") or {},
        volumes=volumes,
        cpu_credits=_credits(data, instance_type),
        public=bool(subnet.map_public_ip_on_launch if public is None else public),
        protected=bool(data.get("DisableApiTermination")),
        monitored=bool((data.get("Monitoring") or {}).get("Enabled")),
        ebs_optimized=bool(data.get("EbsOptimized")),
        tags=tags,
    )


def _made(tags: Data, volumes: Data, market: str) -> None:
    """A kind of thing that is tagged and is not made fails the launch.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_LaunchTemplateTagSpecificationRequest.html
    """
    made = {"volume": bool(volumes), "spot-instances-request": market == "spot"}
    for kind, tagged in tags.items():
        if tagged and not made.get(kind, True):
            text = f"'{kind}' is not a valid taggable resource type for this operation."
            raise ApiError("InvalidParameterValue", text)


def _credits(data: Data, instance_type: str) -> str | None:
    said = (data.get("CreditSpecification") or {}).get("CpuCredits")
    if said and not re.match(r"t\d", instance_type):
        text = f"The instance type {instance_type} does not support CreditSpecification."
        raise ApiError("InvalidParameterCombination", text)
    return said


def tags_by_resource(specifications: list[Data]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for each in specifications:
        tags = {tag["Key"]: tag.get("Value", "") for tag in each.get("Tags", [])}
        found.setdefault(each["ResourceType"], {}).update(tags)
    return found


def _primary(data: Data) -> Data:
    nics = data.get("NetworkInterfaces") or []
    if nics and (data.get("SecurityGroupIds") or data.get("SecurityGroups")):
        text = (
            "Network interfaces and an instance-level security groups may not be specified "
            "on the same request"
        )
        raise ApiError("InvalidParameterCombination", text)
    return next((nic for nic in nics if int(nic.get("DeviceIndex") or 0) == 0), {})


def _subnet(region: str, data: Data, nic: Data) -> Any:
    wanted = data.get("SubnetId") or nic.get("SubnetId")
    zone = (data.get("Placement") or {}).get("AvailabilityZone") or data.get("AvailabilityZone")
    if not wanted:
        found = world.default_subnet(region, zone)
        if found is None:
            text = "No default subnet for the zone: name a subnet."
            raise ApiError("MissingInput", text)
        return found
    found = world.subnet(region, wanted)
    if found is None:
        text = f"The subnet ID '{wanted}' does not exist"
        raise ApiError("InvalidSubnetID.NotFound", text)
    return found


def _image(region: str, data: Data) -> Any:
    wanted = data.get("ImageId")
    if not wanted:
        raise ApiError("MissingParameter", "The request must contain the parameter ImageId")
    if wanted.startswith("resolve:ssm:"):
        wanted = _parameter(region, wanted.removeprefix("resolve:ssm:"))
    if not wanted.startswith("ami-"):
        text = f'Invalid id: "{wanted}" (expecting "ami-...")'
        raise ApiError("InvalidAMIID.Malformed", text)
    found = world.image(region, wanted)
    if found is None:
        text = f"The image id '[{wanted}]' does not exist"
        raise ApiError("InvalidAMIID.NotFound", text)
    return found


def _parameter(region: str, name: str) -> str:
    value = world.parameter(region, name)
    if value is None:
        text = f"The Systems Manager parameter {name} does not exist."
        raise ApiError("InvalidParameterValue", text)
    return value


def _groups(region: str, data: Data, nic: Data, subnet: Any) -> tuple[tuple[str, str], ...]:
    wanted = nic.get("Groups") or data.get("SecurityGroupIds") or data.get("SecurityGroups")
    if not wanted:
        default = world.default_group(region, subnet.vpc_id)
        return ((default.id, default.name),)
    found = []
    for each in wanted:
        group = world.group(region, each)
        if group is None:
            text = f"The security group '{each}' does not exist"
            raise ApiError("InvalidGroup.NotFound", text)
        if group.vpc_id != subnet.vpc_id:
            text = f"Security group {each} and subnet {subnet.id} belong to different networks."
            raise ApiError("InvalidParameter", text)
        found.append((group.id, group.name))
    return tuple(found)


def _key(region: str, data: Data) -> str | None:
    name = data.get("KeyName")
    if name and not world.has_key(region, name):
        raise ApiError("InvalidKeyPair.NotFound", f"The key pair '{name}' does not exist")
    return name


def _profile(store: Store, data: Data) -> str | None:
    said = data.get("IamInstanceProfile") or {}
    name = said.get("Name") or said.get("Arn", "").rpartition("/")[2]
    if name and name not in store.profiles:
        text = f"Value ({name}) for parameter iamInstanceProfile.name is invalid."
        raise ApiError("InvalidParameterValue", f"{text} Invalid IAM Instance Profile name")
    return name or None
