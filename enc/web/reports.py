"""What Puppet did on a node: the summary of each run, as ship-reports posts it."""

from __future__ import annotations

from flask import Blueprint, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from enc.domain.reports import BadReportError, Report, read
from enc.inventory import CorruptError, StoreError, keys
from enc.inventory.reports import Reports, Taken
from enc.web.documents import (
    BAD_REPORT,
    ENDED_NODE,
    NOT_JSON,
    REPORT_TOO_LARGE,
    UNKNOWN_NODE,
)
from enc.web.metrics import Metrics
from enc.web.problems import ProblemError, corrupt, of_store
from enc.web.responses import FRESH

# The processor's lines have 4 KiB at most.
LARGEST = 8 * 1024
# Who is named in the audit log.
_WHO = "ship-reports"


def blueprint(reports: Reports, site: str, counts: Metrics) -> Blueprint:
    routes = Blueprint("reports", __name__)

    @routes.post("/v1/reports")
    def take() -> Response:
        try:
            taken = _take(reports, site)
        except ProblemError as problem:
            counts.reported(problem.kind.slug)
            raise
        counts.reported(taken.value)
        nothing = Response(status=204, headers=FRESH)
        del nothing.headers["Content-Type"]
        return nothing

    return routes


def _take(reports: Reports, site: str) -> Taken:
    report = _report()
    try:
        taken = reports.take(report, site=site, who=_WHO)
    except StoreError as error:
        raise _problem(error) from error
    if taken is Taken.UNKNOWN:
        raise ProblemError(
            UNKNOWN_NODE,
            f"{report.certname} is not in the inventory; 'provisioner assign {report.certname} "
            "ROLE' makes it known",
        )
    if taken is Taken.ENDED:
        raise ProblemError(ENDED_NODE, f"{report.certname} has ended and is archived")
    return taken


def _report() -> Report:
    if request.mimetype != "application/json":
        raise ProblemError(NOT_JSON, "a report is sent as application/json")
    try:
        return read(_body())
    except BadReportError as error:
        raise ProblemError(BAD_REPORT, f"this is not the summary of a report: {error}") from error


def _body() -> bytes:
    too_large = ProblemError(REPORT_TOO_LARGE, f"a report's summary has at most {LARGEST} bytes")
    try:
        body = request.get_data(cache=False)
    except RequestEntityTooLarge as error:
        # Larger than anything that this service takes: it is not read to its end.
        raise too_large from error
    if len(body) > LARGEST:
        raise too_large
    return body


def _problem(error: StoreError) -> ProblemError:
    """Only what is spoilt for every node keeps all reports waiting."""
    if isinstance(error, CorruptError) and not _is_everybodys(error.key):
        return corrupt(error)
    return of_store(error)


def _is_everybodys(key: str) -> bool:
    return key in _EVERYBODYS or key.startswith(f"{keys.NODES}:")


_EVERYBODYS = frozenset({keys.META, keys.NODES, keys.EVENTS, keys.ARCHIVED})
