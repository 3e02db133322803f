"""Problem documents (RFC 9457): what happened to which thing, and the next step.

gunicorn's parent process reads this module before it knows where metrics go, so nothing here may
import prometheus-client, which looks for that place when it is imported.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus

MEDIA_TYPE = "application/problem+json"
Document = dict[str, str | int]


@dataclass(frozen=True)
class Kind:
    """A sort of problem; ``slug`` names it for programs and must not change."""

    status: int
    slug: str
    title: str


IMPOSSIBLE_CERTNAME = Kind(400, "impossible-certname", "No machine can have this certname")
BAD_PARAMETER = Kind(400, "bad-parameter", "A query parameter cannot be used")
BAD_REPORT = Kind(400, "bad-report", "The body is not the summary of a report")
CSR_REFUSED = Kind(403, "csr-refused", "This certificate request is not signed")
UNKNOWN_NODE = Kind(404, "unknown-node", "Not in the inventory")
UNKNOWN_ROLE = Kind(404, "unknown-role", "No such role")
UNKNOWN_LAUNCH = Kind(404, "unknown-launch", "No such launch")
ENDED_NODE = Kind(410, "ended-node", "This machine's life is over")
REPORT_TOO_LARGE = Kind(413, "report-too-large", "The summary of a report is too large")
NOT_JSON = Kind(415, "not-json", "The request is not JSON")
UNCLASSIFIABLE = Kind(422, "unclassifiable-node", "The node is known, but has no usable role")
CORRUPT = Kind(422, "corrupt-value", "The store holds what rolecall did not write")
STORE_UNAVAILABLE = Kind(503, "store-unavailable", "The store cannot be asked")
STORE_LOST = Kind(503, "store-lost", "The store has no inventory")
STORE_SCHEMA = Kind(503, "store-schema", "The store is of another version")
STORE_CORRUPT = Kind(503, "store-corrupt", "The store holds what rolecall did not write")
OTHER_SITE = Kind(503, "other-site", "The store is of another site")


def document(kind: Kind, detail: str, instance: str = "") -> Document:
    found: Document = {
        "type": f"urn:rolecall:problem:{kind.slug}" if kind.slug else "about:blank",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
    }
    return found | ({"instance": instance} if instance else {})


def of_status(status: int, instance: str = "") -> Document:
    known = HTTPStatus(status)
    kind = Kind(status, "", known.phrase)
    return document(kind, _DETAILS.get(status, known.description or known.phrase), instance)


def raw_problem(status: int) -> bytes:
    """A whole HTTP answer, for requests that never become one of Flask's."""
    body = json.dumps(of_status(status)).encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {MEDIA_TYPE}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + body


_DETAILS = {
    400: "The request is malformed.",
    404: "There is nothing at this path; see /v1/ for what there is.",
    405: "This path does not take that method; the Allow header names those it takes.",
    413: "The body of the request is larger than this service accepts.",
    414: "The request line is longer than this service takes.",
    431: "The headers are larger than this service accepts.",
    500: "Something went wrong in the service; its log says what.",
}
