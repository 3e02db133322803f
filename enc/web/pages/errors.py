"""What goes wrong with a page is told by a page, with the same words as a problem document's."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from enc.inventory import StoreError
from enc.logs import Log
from enc.web import problems
from enc.web.documents import Kind, of_status
from enc.web.metrics import Metrics
from enc.web.pages.rendering import Desk
from enc.web.problems import RETRY_AFTER, ProblemError

_log = Log("enc.web")


def install(routes: Blueprint, desk: Desk, counts: Metrics) -> None:
    @routes.errorhandler(ProblemError)
    def ours(error: ProblemError) -> Response:
        problems.note(error, counts)
        return _page(desk, error.kind, error.detail)

    @routes.errorhandler(StoreError)
    def store(error: StoreError) -> Response:
        return ours(problems.of_store(error))

    @routes.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        return _of_status(desk, error.code or 500)

    @routes.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        _log.error("request failed", error, path=request.path)
        return _of_status(desk, 500)

    @routes.app_errorhandler(404)
    def nothing_here(error: HTTPException) -> Response:
        """For paths of nobody: a browser gets a page, a program its problem document."""
        if request.path.startswith("/v1/") or not _is_a_browser():
            return problems.of_http(error)
        return _of_status(desk, 404)


def _is_a_browser() -> bool:
    """``*/*``, as programs say, is no wish for a page."""
    return "text/html" in request.accept_mimetypes.values()


def _of_status(desk: Desk, status: int) -> Response:
    told = of_status(status)
    return _page(desk, Kind(status, "", str(told["title"])), str(told["detail"]))


def _page(desk: Desk, kind: Kind, detail: str) -> Response:
    away = kind.status == HTTPStatus.SERVICE_UNAVAILABLE
    response = desk.page(
        "error.html", status=kind.status, kind=kind, detail=detail, away=away, wait=RETRY_AFTER
    )
    if away:
        response.headers["Retry-After"] = str(RETRY_AFTER)
    return response
