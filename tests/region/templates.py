"""Launch templates: kept by moto, listed in pages and checked as EC2 does."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from tests.region import world
from tests.region.listing import paged
from tests.region.specs import user_data_bytes
from tests.region.state import State, Store
from tests.region.views import tag_set
from tests.region.wire import ApiError, Reply, Request, answer

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeLaunchTemplates.html
PAGE_MAX = 200
_BY_IDS, _BY_NAMES = "LaunchTemplateIds", "LaunchTemplateNames"
_NO_NAME = "InvalidLaunchTemplateName.NotFoundException"


def check(store: Store, request: Request) -> None:
    """What moto lets pass: user-data that no launch could use, and ids that are not there."""
    if request.action == "DeleteLaunchTemplate":
        _must_exist(store, request.params)
    if not request.action.startswith("CreateLaunchTemplate"):
        return
    data = request.params.get("LaunchTemplateData") or {}
    if data.get("UserData"):
        user_data_bytes(data["UserData"], "InvalidUserData.Malformed")


def _must_exist(store: Store, said: dict[str, Any]) -> None:
    for one, many in (("LaunchTemplateId", _BY_IDS), ("LaunchTemplateName", _BY_NAMES)):
        if one in said:
            _found(store, {many: [said[one]]})


def note_births(store: Store, now: float) -> None:
    """A launch may not find a template that was made a moment ago."""
    for each in world.templates(store.region):
        store.templates_born.setdefault(each.id, now)


def describe(state: State, store: Store, request: Request) -> Reply:
    params = request.params
    found = _found(store, params)
    for said in params.get("Filters") or []:
        found = [each for each in found if _passes(each, said)]
    size = params.get("MaxResults")
    if size is None and not params.get(_BY_IDS):
        params = {**params, "MaxResults": PAGE_MAX}
    page, token = paged(found, params, floor=1)
    content = {"launchTemplates": [_view(each) for each in page], "nextToken": token}
    return answer("DescribeLaunchTemplates", content)


def _found(store: Store, params: dict[str, Any]) -> list[Any]:
    ids, names = params.get(_BY_IDS) or [], params.get(_BY_NAMES) or []
    if not ids and not names:
        return world.templates(store.region)
    found = [world.template(store.region, each, None) for each in ids]
    found += [world.template(store.region, None, each) for each in names]
    if None in found:
        code = "InvalidLaunchTemplateId.NotFound" if ids else _NO_NAME
        text = "At least one of the launch templates specified in the request does not exist."
        raise ApiError(code, text)
    return found


def tags(template: Any) -> dict[str, str]:
    return {each["key"]: each["value"] for each in template.get_tags()}


def _passes(template: Any, said: dict[str, Any]) -> bool:
    name, patterns = said["Name"], said.get("Values") or []
    if name == "launch-template-name":
        values = [template.name]
    elif name == "tag-key":
        values = list(tags(template))
    elif name.startswith("tag:"):
        values = [tags(template).get(name.removeprefix("tag:"))]
    else:
        raise ApiError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return any(fnmatchcase(each, one) for each in values if each is not None for one in patterns)


def _view(template: Any) -> dict[str, Any]:
    return {
        "launchTemplateId": template.id,
        "launchTemplateName": template.name,
        "createTime": template.create_time,
        "createdBy": f"arn:aws:iam::{world.ACCOUNT}:root",
        "defaultVersionNumber": template.default_version_number,
        "latestVersionNumber": template.latest_version_number,
        "tagSet": tag_set(tags(template)),
    }
