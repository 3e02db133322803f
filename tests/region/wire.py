"""EC2's query protocol: what a request says, and how an answer is written."""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from tests.region import world

NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
_JSON_1_1 = (("Content-Type", "application/x-amz-json-1.1"),)
_SCOPE = re.compile(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request")

# Codes that EC2 sends with another status than 400. Capacity answers are server errors, so an SDK
# retries them: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
STATUS = {
    "AuthFailure": 401,
    "UnauthorizedOperation": 403,
    "DryRunOperation": 412,
    "InternalError": 500,
    "InternalFailure": 500,
    "InsufficientAddressCapacity": 500,
    "InsufficientCapacity": 500,
    "InsufficientHostCapacity": 500,
    "InsufficientInstanceCapacity": 500,
    "ServerInternal": 500,
    "RequestLimitExceeded": 503,
    "EC2ThrottledException": 503,
    "ServiceUnavailable": 503,
    "Unavailable": 503,
}


class ApiError(Exception):
    """EC2 says no."""

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status or STATUS.get(code, 400)


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "text/xml;charset=UTF-8"),)


@dataclass(frozen=True)
class Request:
    """One call of an AWS service. ``flat`` holds the parameters as they came over the wire."""

    service: str
    region: str
    action: str
    flat: dict[str, str]
    json_protocol: bool = False

    @cached_property
    def params(self) -> dict[str, Any]:
        """By the names of boto3, with boto3's types. EC2 only."""
        return world.parse(self.action, self.flat)

    @property
    def dry_run(self) -> bool:
        return self.flat.get("DryRun") == "true"


def read(environ: dict[str, Any], body: bytes) -> Request:
    """What the caller asks for: its signature names service and region."""
    scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    region, service = scope.groups() if scope else ("", "")
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return Request(service, region, target.rpartition(".")[2], _json(body), json_protocol=True)
    text = body.decode("utf-8", "replace")
    flat = dict(parse_qsl(text or environ.get("QUERY_STRING", ""), keep_blank_values=True))
    return Request(service, region, flat.get("Action", ""), flat)


def _json(body: bytes) -> dict[str, str]:
    try:
        said = json.loads(body or b"{}")
    except ValueError:
        return {}
    return {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in said.items()
    }


def answer(action: str, content: dict[str, Any]) -> Reply:
    name = f"{action}Response"
    inner = f"<requestId>{uuid.uuid4()}</requestId>{elements(content)}"
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{NAMESPACE}">{inner}</{name}>'
    return Reply(200, text.encode())


def done(action: str) -> Reply:
    return answer(action, {"return": True})


def refusal(request: Request, error: ApiError) -> Reply:
    """The error as the service's own protocol writes it."""
    if request.json_protocol:
        said = {"__type": error.code, "message": error.message}
        return Reply(error.status, json.dumps(said).encode(), _JSON_1_1)
    inner = f"<Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message>"
    if request.service == "ec2":
        inner = f"<Errors><Error>{inner}</Error></Errors><RequestID>{uuid.uuid4()}</RequestID>"
        text = f"<Response>{inner}</Response>"
    else:
        inner = f"<Error><Type>Sender</Type>{inner}</Error><RequestId>{uuid.uuid4()}</RequestId>"
        text = f"<ErrorResponse>{inner}</ErrorResponse>"
    return Reply(error.status, f'<?xml version="1.0" encoding="UTF-8"?>\n{text}'.encode())


def elements(content: dict[str, Any]) -> str:
    """XML for a dictionary by wire names; None is left out, a list becomes items."""
    return "".join(
        f"<{name}>{_value(value)}</{name}>" for name, value in content.items() if value is not None
    )


def _value(value: Any) -> str:
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, dict):
        return elements(value)
    if isinstance(value, (list, tuple)):
        return "".join(f"<item>{_value(item)}</item>" for item in value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return timestamp(value)
    return escape(str(value))


def timestamp(value: datetime) -> str:
    return value.strftime("%Y-%m-%dT%H:%M:%S.") + f"{value.microsecond // 1000:03d}Z"


def by_wire_names(value: Any) -> Any:
    """boto3's names as EC2 writes them in an answer: the first letter is small."""
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: by_wire_names(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [by_wire_names(inner) for inner in value]
    return value
