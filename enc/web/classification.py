"""Who is this node? What the ENC script asks, and Puppet's node terminus."""

from __future__ import annotations

from flask import Blueprint, Response

from enc.domain.certname import ImpossibleCertnameError, check_certname
from enc.domain.classify import UnclassifiableError
from enc.inventory import CorruptError, StoreError, keys
from enc.web.answers import Answers, EndedError, UnknownError
from enc.web.converters import know_anything
from enc.web.documents import (
    ENDED_NODE,
    IMPOSSIBLE_CERTNAME,
    UNCLASSIFIABLE,
    UNKNOWN_NODE,
    Kind,
)
from enc.web.metrics import Metrics
from enc.web.problems import ProblemError, corrupt, of_store
from enc.web.responses import FRESH

_HEADERS = [("Content-Type", "application/yaml; charset=utf-8"), *FRESH.items()]
_PROBLEMS: dict[type[Exception], Kind] = {
    ImpossibleCertnameError: IMPOSSIBLE_CERTNAME,
    UnknownError: UNKNOWN_NODE,
    EndedError: ENDED_NODE,
    UnclassifiableError: UNCLASSIFIABLE,
}
_REFUSALS: tuple[type[Exception], ...] = (StoreError, *_PROBLEMS)


def blueprint(answers: Answers, counts: Metrics) -> Blueprint:
    routes = Blueprint("classification", __name__)
    routes.record_once(know_anything)

    @routes.get("/v1/enc/<certname>")
    def classify(certname: str) -> Response:
        try:
            text = answers.to(check_certname(certname))
        except _REFUSALS as error:
            found = _problem(error)
            counts.looked_up(found.kind.slug)
            raise found from error
        counts.looked_up("classified")
        return Response(text, headers=_HEADERS)

    # Without a certname, or with slashes in it: impossible, rather than a path that is not there.
    @routes.get("/v1/enc/<anything:certname>")
    def refuse(certname: str) -> Response:
        return classify(certname)

    return routes


def _problem(error: Exception) -> ProblemError:
    if isinstance(error, CorruptError) and error.key != keys.META:
        return corrupt(error)
    if isinstance(error, StoreError):
        return of_store(error)
    return ProblemError(_PROBLEMS[type(error)], str(error))
