"""Is this certificate request ours? What the policy autosign script asks."""

from __future__ import annotations

from flask import Blueprint, Response, request

from enc.domain.certname import ImpossibleCertnameError
from enc.domain.trust import Verdict
from enc.inventory import CorruptError, keys
from enc.inventory.signing import Signing
from enc.web.converters import know_anything
from enc.web.documents import CSR_REFUSED, IMPOSSIBLE_CERTNAME
from enc.web.metrics import Metrics
from enc.web.problems import ProblemError, corrupt, of_store
from enc.web.responses import FRESH

# Who is named in the audit log: the puppetserver, through its policy.
_WHO = "autosign"


def blueprint(signing: Signing, site: str, counts: Metrics) -> Blueprint:
    routes = Blueprint("trust", __name__)
    routes.record_once(know_anything)

    @routes.post("/v1/autosign/<certname>")
    def autosign(certname: str) -> Response:
        verdict = _judged(certname)
        counts.judged(verdict.reason.value)
        if not verdict.sign:
            raise ProblemError(CSR_REFUSED, verdict.why)
        return Response(f"sign {certname}\n", content_type="text/plain", headers=FRESH)

    @routes.post("/v1/autosign/<anything:certname>")
    def refuse(certname: str) -> Response:
        return autosign(certname)

    def _judged(certname: str) -> Verdict:
        try:
            return signing.judge(certname, request.get_data(), site=site, who=_WHO)
        except ImpossibleCertnameError as error:
            raise ProblemError(IMPOSSIBLE_CERTNAME, str(error)) from error
        except CorruptError as error:
            # Of the whole store, that is no answer about this node.
            raise (of_store(error) if error.key == keys.META else corrupt(error)) from error

    return routes
