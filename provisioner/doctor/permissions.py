"""Whether EC2 lets us make our calls in a region: by dry run of the very calls."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass

from enc.domain.model import Market
from enc.domain.rolespec import LaunchSpec, RoleSpec
from provisioner.doctor.finding import Finding, broken, ok, refused, skipped, warning
from provisioner.domain.ground import request as ground_of
from provisioner.domain.volumes import planned
from provisioner.ports.checks import Permissions
from provisioner.ports.ec2 import Cloud, FleetRequest, Ground, TemplateRequest
from provisioner.ports.errors import CloudError, Trouble
from provisioner.ports.tags import ENVIRONMENT_TAG, ROLE_TAG, SITE_TAG

NAME = "rolecall-doctor"
# EC2's word for "yes, and nothing was done".
ALLOWED = "DryRunOperation"
# They are about a thing, not about our rights.
_OF_THE_THING = frozenset({"OperationNotPermitted"})
_NOBODYS_SUBNET = "subnet-00000000000000000"


@dataclass(frozen=True, kw_only=True)
class LaunchPlace:
    """A region, "" for the session's own, and what launches there."""

    region: str
    site: str
    specs: Sequence[RoleSpec] = ()

    def what(self, action: str) -> str:
        return f"EC2 {self.region}: {action}" if self.region else f"EC2: {action}"


def examine(permissions: Permissions, cloud: Cloud, place: LaunchPlace) -> Iterator[Finding]:
    machine = yield from _looked(place, "DescribeInstances", permissions.machine)
    template = yield from _looked(place, "DescribeLaunchTemplates", permissions.template)
    # Who does not know a dry run would do it: end a machine, that is.
    if not permissions.are_dry(place.region):
        said = "not checked: the endpoint (AWS_ENDPOINT_URL) does not support dry runs"
        yield skipped(place.what("permissions"), said)
        return
    yield from _launching(permissions, place, template)
    yield from _instances(permissions, cloud, place)
    yield from _on_machines(permissions, place, machine)
    yield _deleting(permissions, place, template)


def _looked(
    place: LaunchPlace, action: str, ask: Callable[[str, str], str]
) -> Generator[Finding, None, str]:
    """Reading is not tried but done. Returns what was found."""
    what = place.what(action)
    try:
        found = ask(place.region, place.site)
    except CloudError as error:
        yield refused(what, error)
        return ""
    yield ok(what, f"allowed; of site {place.site}: {found or 'none'}")
    return found


def _launching(permissions: Permissions, place: LaunchPlace, template: str) -> Iterator[Finding]:
    made = template_request(place)
    yield tried(place.what("CreateLaunchTemplate"), lambda: permissions.create_template(made))
    fleet = fleet_request(place, template or NAME)
    yield tried(place.what("CreateFleet"), lambda: permissions.create_fleet(fleet))


def _instances(permissions: Permissions, cloud: Cloud, place: LaunchPlace) -> Iterator[Finding]:
    specs = by_profile(place.specs)
    for spec in specs:
        launch = launch_of(spec)
        with_ = f" with profile {launch.instance_profile}" if launch.instance_profile else ""
        what = place.what(f"RunInstances{with_} ({spec.name})")
        try:
            found = cloud.ground(ground_of(launch))
            request = template_request(place, spec, found)
        except CloudError as error:
            said = f"not proven: its ground cannot be looked up ({error.code})"
            yield skipped(what, said, "see the line about its launch ground")
        else:
            yield _running(permissions, what, request, launch)
    if not specs:
        said = "not proven: no role is stored that launches there"
        yield skipped(place.what("RunInstances"), said, "'provisioner roles apply FILE' first")


def _running(
    permissions: Permissions, what: str, request: TemplateRequest, launch: LaunchSpec
) -> Finding:
    kind, subnet = launch.instance_types[0], launch.subnets[0]
    return tried(what, lambda: permissions.run_instances(request, kind, subnet))


def _on_machines(permissions: Permissions, place: LaunchPlace, machine: str) -> Iterator[Finding]:
    tags = {ROLE_TAG: NAME, ENVIRONMENT_TAG: ""}
    for action, call in {
        "TerminateInstances": lambda: permissions.terminate(place.region, machine),
        "CreateTags": lambda: permissions.tag(place.region, machine, tags),
    }.items():
        what = place.what(action)
        yield tried(what, call) if machine else _unproven(what, "machine")


def _deleting(permissions: Permissions, place: LaunchPlace, template: str) -> Finding:
    what = place.what("DeleteLaunchTemplate")
    if not template:
        return _unproven(what, "launch template")
    return tried(what, lambda: permissions.delete_template(place.region, template))


def _unproven(what: str, thing: str) -> Finding:
    said = f"not proven: there is no {thing} of this site there to try it on"
    return skipped(what, said, "'provisioner doctor --aws-policy' has what it needs")


def tried(what: str, call: Callable[[], None]) -> Finding:
    """A dry run always ends in an error: EC2's own says which."""
    try:
        call()
    except CloudError as error:
        return judged(what, error)
    return ok(what, "allowed")


def judged(what: str, error: CloudError) -> Finding:
    """Pure."""
    if error.code == ALLOWED:
        return ok(what, "allowed")
    if error.trouble is Trouble.DENIED and error.code not in _OF_THE_THING:
        return broken(what, f"denied: {error.code}: {error.message}", error.hint)
    if error.trouble is Trouble.NO_CREDENTIALS:
        return refused(what, error)
    said = f"not proven: {error.code}: {error.message}"
    advice = "it may pass by itself: try again in a minute" if error.passing else ""
    return warning(what, said, error.hint or advice or "correct what EC2 names, and look again")


# The calls, as a launch makes them.


def by_profile(specs: Sequence[RoleSpec]) -> list[RoleSpec]:
    """One role for each instance profile: PassRole is allowed or not by profile."""
    found = {spec.launch.instance_profile: spec for spec in reversed(specs) if spec.launch}
    return list(reversed(found.values()))


def launch_of(spec: RoleSpec) -> LaunchSpec:
    if spec.launch is None:
        raise ValueError(f"role {spec.name} has no launch section")
    return spec.launch


def template_request(
    place: LaunchPlace, spec: RoleSpec | None = None, found: Ground | None = None
) -> TemplateRequest:
    """Without its user-data: that may hold secrets, and no right depends on it.

    Raises CloudError for volumes that the image cannot have, where ``found`` is given.
    """
    spec = spec or next((each for each in place.specs if each.launch), None)
    launch = spec.launch if spec else None
    return TemplateRequest(
        region=place.region,
        name=NAME,
        token=NAME,
        image=found.image if found else _image(launch),
        security_groups=launch.security_groups if launch else (),
        user_data="",
        key_name=launch.key_name if launch else None,
        instance_profile=launch.instance_profile if launch else None,
        public_ip=launch.public_ip if launch else None,
        ipv6=any(subnet.ipv6_only for subnet in found.subnets) if found else False,
        volumes=planned(launch.volumes, found) if launch and found else (),
        options=launch.options if launch else {},
        tags=_tags(place),
    )


def _image(launch: LaunchSpec | None) -> str:
    return launch.image if launch else "ami-00000000000000000"


def fleet_request(place: LaunchPlace, template: str) -> FleetRequest:
    """EC2 asks about rights before it looks for what is named: nothing of it need be there."""
    launches = [spec.launch for spec in place.specs if spec.launch]
    pools = [(each.instance_types[0], each.subnets[0]) for each in launches[:1]]
    return FleetRequest(
        region=place.region,
        token=NAME,
        template=template,
        market=launches[0].market if launches else Market.SPOT,
        count=1,
        overrides=tuple(pools) or (("t3.micro", _NOBODYS_SUBNET),),
        tags=_tags(place),
    )


def _tags(place: LaunchPlace) -> dict[str, str]:
    return {SITE_TAG: place.site, ROLE_TAG: NAME}
