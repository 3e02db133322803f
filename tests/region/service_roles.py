"""IAM's word on the roles of EC2 Fleet and Spot; moto gives new ones names that AWS does not."""

from __future__ import annotations

from xml.sax.saxutils import escape

from tests.region import world
from tests.region.config import SERVICE_ROLES
from tests.region.state import State
from tests.region.wire import ApiError, Reply, Request

NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
_SERVICES = dict(zip(SERVICE_ROLES, ("ec2fleet.amazonaws.com", "spot.amazonaws.com"), strict=True))
_ROLES = {service: role for role, service in _SERVICES.items()}


def about(request: Request) -> bool:
    if request.action == "GetRole":
        return request.flat.get("RoleName") in _SERVICES
    return (
        request.action == "CreateServiceLinkedRole" and request.flat.get("AWSServiceName") in _ROLES
    )


def answer(state: State, request: Request) -> Reply:
    made = state.config.service_roles
    if request.action == "GetRole":
        name = request.flat["RoleName"]
        if name not in made:
            text = f"The role with name {name} cannot be found."
            raise ApiError("NoSuchEntity", text, 404)
        return _told(request.action, name)
    name = _ROLES[request.flat["AWSServiceName"]]
    if name in made:
        text = f"Service role name {name} has been taken in this account"
        raise ApiError("InvalidInput", text)
    state.config.service_roles = [*made, name]
    return _told(request.action, name)


def _told(action: str, name: str) -> Reply:
    path = f"/aws-service-role/{_SERVICES[name]}/"
    role = {
        "Path": path,
        "RoleName": name,
        "RoleId": "AROASIMULATED00000000",
        "Arn": f"arn:aws:iam::{world.ACCOUNT}:role{path}{name}",
        "CreateDate": "2026-01-01T00:00:00Z",
    }
    inner = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in role.items())
    text = (
        f'<{action}Response xmlns="{NAMESPACE}"><{action}Result><Role>{inner}</Role>'
        f"</{action}Result></{action}Response>"
    )
    return Reply(200, text.encode())
