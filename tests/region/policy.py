"""The caller's IAM policy, as far as it is narrowed by ``aws:ResourceTag/rolecall:site``.

EC2 asks about rights first, by the tags that it can see. Of what is gone, or too young to be seen,
it sees none, and denies where it would have said NotFound:
https://github.com/aws/karpenter-provider-aws/issues/2100
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tests.region import templates, world
from tests.region.state import State, Store
from tests.region.wire import ApiError, Request

TAG = "rolecall:site"
ON_MACHINES = {"TerminateInstances": "InstanceIds", "CreateTags": "Resources"}
ON_TEMPLATES = {"DeleteLaunchTemplate", "CreateFleet"}


def check(state: State, store: Store, request: Request) -> None:
    site = state.config.policy_site
    if not site:
        return
    for name, tags in _resources(state, store, request):
        if tags.get(TAG) != site:
            action = f"ec2:{request.action}"
            raise ApiError(
                "UnauthorizedOperation",
                "You are not authorized to perform this operation. User: "
                f"arn:aws:iam::{world.ACCOUNT}:user/ops is not authorized to perform: {action} on "
                f"resource: arn:aws:ec2:{store.region}:{world.ACCOUNT}:{name} because no "
                f"identity-based policy allows the {action} action.",
            )


def _resources(
    state: State, store: Store, request: Request
) -> Iterator[tuple[str, Mapping[str, str]]]:
    """What the call is about, and the tags of it that can be seen."""
    now = state.clock.now()
    for each in request.params.get(ON_MACHINES.get(request.action, ""), ()):
        if each.startswith("i-"):
            machine = store.machines.get(each)
            seen = machine and not machine.forgotten(now) and now >= machine.known_at
            yield f"instance/{each}", machine.tags if machine and seen else {}
    if request.action in ON_TEMPLATES:
        for name in _template_names(request):
            yield f"launch-template/{name}", _template_tags(state, store, name)


def _template_names(request: Request) -> list[str]:
    configs = request.params.get("LaunchTemplateConfigs") or []
    sources = [each.get("LaunchTemplateSpecification") or {} for each in configs]
    named = [each.get("LaunchTemplateName") for each in (*sources, request.params)]
    return [name for name in named if name]


def _template_tags(state: State, store: Store, name: str) -> Mapping[str, str]:
    found = world.template(store.region, None, name)
    young = found and state.clock.now() < (
        store.templates_born.get(found.id, 0.0) + state.config.template_s
    )
    return templates.tags(found) if found and not young else {}
