"""Whatever goes wrong leaves the application as a problem document, and is counted and logged.

Neither carries a traceback to the client, nor anything that the client sent besides the path.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from enc.inventory import CorruptError, StoreError, StoreLostError
from enc.inventory.meta import OtherSiteError, SchemaError
from enc.logs import Log
from enc.web.documents import (
    CORRUPT,
    MEDIA_TYPE,
    OTHER_SITE,
    STORE_CORRUPT,
    STORE_LOST,
    STORE_SCHEMA,
    STORE_UNAVAILABLE,
    Document,
    Kind,
    document,
    of_status,
)
from enc.web.metrics import Metrics
from enc.web.responses import FRESH

# Seconds after which asking again may help: Redis restarts faster, people do not.
RETRY_AFTER = 5
_KEPT_HEADERS = ("Allow", "Retry-After")
_STORE_PROBLEMS: Mapping[type[StoreError], Kind] = {
    StoreLostError: STORE_LOST,
    SchemaError: STORE_SCHEMA,
    OtherSiteError: OTHER_SITE,
}
_log = Log("enc.web")


class ProblemError(Exception):
    """Ends a request with this problem."""

    def __init__(self, kind: Kind, detail: str) -> None:
        self.kind, self.detail = kind, detail
        super().__init__(detail)


def of_store(error: StoreError) -> ProblemError:
    """What an error of the store means for a request that needed the whole of it."""
    if isinstance(error, CorruptError):
        return corrupt(error, STORE_CORRUPT)
    return ProblemError(_STORE_PROBLEMS.get(type(error), STORE_UNAVAILABLE), str(error))


def corrupt(error: CorruptError, kind: Kind = CORRUPT) -> ProblemError:
    """Names the key. The error's own words quote the value, and who knows what was put there."""
    return ProblemError(
        kind,
        f"{error.key} in Redis holds what rolecall did not write; look at it with redis-cli; "
        "docs/redis.md says how to log in, and what it should hold",
    )


def install(app: Flask, counts: Metrics) -> None:
    """Make every error of this application a problem document."""

    @app.errorhandler(ProblemError)
    def ours(error: ProblemError) -> Response:
        note(error, counts)
        return _of(error)

    @app.errorhandler(StoreError)
    def store(error: StoreError) -> Response:
        return ours(of_store(error))

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        return of_http(error)

    @app.errorhandler(Exception)
    def unexpected(error: Exception) -> Response:
        _log.error("request failed", error, path=request.path)
        return _response(of_status(500, _instance()), {})


def of_http(error: HTTPException) -> Response:
    """What Flask refuses by itself, as a problem document."""
    headers = dict(error.get_headers())
    kept = {name: headers[name] for name in _KEPT_HEADERS if name in headers}
    return _response(of_status(error.code or 500, _instance()), kept)


def note(error: ProblemError, counts: Metrics) -> None:
    """Count it and log it."""
    kind = error.kind
    if kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        counts.store_failed(kind.slug)
    level = logging.WARNING if kind.status >= HTTPStatus.UNPROCESSABLE_ENTITY else logging.INFO
    _log.log(level, "request refused", path=request.path, problem=kind.slug, why=error.detail)


def _of(error: ProblemError) -> Response:
    away = error.kind.status == HTTPStatus.SERVICE_UNAVAILABLE
    headers = {"Retry-After": str(RETRY_AFTER)} if away else {}
    return _response(document(error.kind, error.detail, _instance()), headers)


def _instance() -> str:
    """The path alone: a query string may hold anything."""
    return quote(request.path)


def _response(found: Document, headers: Mapping[str, str]) -> Response:
    text = json.dumps(found) + "\n"
    return Response(text, int(found["status"]), {**FRESH, **headers}, content_type=MEDIA_TYPE)
