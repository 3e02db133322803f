"""What EC2 would let us do, as provisioner.ports.checks.Permissions; and what else AWS tells.

A dry run does nothing and ends in an error: DryRunOperation for a yes. EC2 asks about rights before
it looks for the template and the subnets of a CreateFleet; RunInstances is looked through, so that
it must name things that are there (both as Karpenter's validation of a node class lives by:
https://github.com/aws/karpenter-provider-aws, pkg/controllers/nodeclass/validation.go).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from provisioner.adapters import ec2_template as template
from provisioner.adapters import ec2_values as values
from provisioner.adapters.aws import Calls
from provisioner.ports.checks import QueueState
from provisioner.ports.ec2 import FleetRequest, TemplateRequest
from provisioner.ports.errors import CloudError, Trouble
from provisioner.ports.notices import place_of
from provisioner.ports.tags import SITE_TAG

_ALIVE = ["pending", "running", "stopping", "stopped"]
_NO_ROLE = frozenset({"NoSuchEntity"})
_WAITING, _TAKEN = "ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"


class DryRuns:
    """Implements provisioner.ports.checks.Permissions; may be used from several threads."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def are_dry(self, region: str) -> bool:
        try:
            self._calls.repeated(region, "DescribeInstances", DryRun=True)
        except CloudError:
            return True
        return False

    def create_template(self, request: TemplateRequest) -> None:
        parameters = template.template_parameters(request)
        self._calls.repeated(request.region, "CreateLaunchTemplate", DryRun=True, **parameters)

    def create_fleet(self, request: FleetRequest) -> None:
        parameters = values.fleet_parameters(request)
        self._calls.repeated(request.region, "CreateFleet", DryRun=True, **parameters)

    def run_instances(self, request: TemplateRequest, instance_type: str, subnet: str) -> None:
        parameters = template.run_parameters(request, instance_type, subnet)
        self._calls.repeated(request.region, "RunInstances", DryRun=True, **parameters)

    def terminate(self, region: str, instance: str) -> None:
        self._calls.repeated(region, "TerminateInstances", DryRun=True, InstanceIds=[instance])

    def tag(self, region: str, instance: str, tags: Mapping[str, str]) -> None:
        listed = values.tag_list(tags)
        self._calls.repeated(region, "CreateTags", DryRun=True, Resources=[instance], Tags=listed)

    def delete_template(self, region: str, name: str) -> None:
        self._calls.repeated(region, "DeleteLaunchTemplate", DryRun=True, LaunchTemplateName=name)

    def machine(self, region: str, site: str) -> str:
        alive = {"Name": "instance-state-name", "Values": _ALIVE}
        wanted = [*values.tag_filters({SITE_TAG: site}), alive]
        pages = self._calls.pages(region, "DescribeInstances", Filters=wanted, MaxResults=1000)
        found = (one for page in pages for one in values.instances_of(region, page))
        return next((one.id for one in found if one.tags.get(SITE_TAG) == site), "")

    def template(self, region: str, site: str) -> str:
        wanted = values.tag_filters({SITE_TAG: site})
        pages = self._calls.pages(region, "DescribeLaunchTemplates", Filters=wanted, MaxResults=200)
        found = (one for page in pages for one in page.get("LaunchTemplates", ()))
        ours = (one for one in found if values.tags_of(one).get(SITE_TAG) == site)
        return next((str(one["LaunchTemplateName"]) for one in ours), "")


class AwsFacts:
    """Implements provisioner.ports.checks.Aws; may be used from several threads."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def account(self) -> str:
        said = self._calls.repeated("", "GetCallerIdentity", service="sts")
        return str(said["Account"])

    def regions(self) -> tuple[tuple[str, ...], datetime | None]:
        said = self._calls.repeated("", "DescribeRegions", AllRegions=False)
        return tuple(sorted(one["RegionName"] for one in said["Regions"])), _date(said)

    def has_role(self, name: str) -> bool:
        try:
            self._calls.repeated("", "GetRole", service="iam", RoleName=name)
        except CloudError as error:
            if error.code in _NO_ROLE:
                return False
            raise
        return True

    def role_in(self, profile: str) -> str:
        said = self._calls.repeated(
            "", "GetInstanceProfile", service="iam", InstanceProfileName=profile
        )
        roles = said["InstanceProfile"].get("Roles") or ()
        return str(roles[0]["Arn"]) if roles else ""

    def queue(self, url: str) -> QueueState:
        place = place_of(url)
        said = self._calls.repeated(
            place.region if place else "",
            "GetQueueAttributes",
            service="sqs",
            QueueUrl=url,
            AttributeNames=[_WAITING, _TAKEN],
        )
        attributes = said.get("Attributes", {})
        try:
            waiting, taken = int(attributes[_WAITING]), int(attributes[_TAKEN])
        except (KeyError, ValueError) as error:
            message = "an answer without the numbers of messages; is SPOT_QUEUE_URL a queue's?"
            raise CloudError(
                Trouble.MALFORMED, "UnexpectedAnswer", message, action="GetQueueAttributes"
            ) from error
        return QueueState(waiting=waiting, taken=taken)


def _date(said: Mapping[str, Any]) -> datetime | None:
    """Of the answer's Date header: the time of who answered."""
    headers = said.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        return parsedate_to_datetime(headers["date"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return None
