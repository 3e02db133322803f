"""The ENC service on this machine: whether it answers, and for our site."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from provisioner.doctor.finding import Finding, broken, ok, warning
from provisioner.ports.checks import EncService

WHAT = "ENC service"
_LOOK = "see its log: journalctl -u rolecall-enc, or where gunicorn was started"
_NAME_IT = "set ENC_BIND as the service has it: unix:/path, or a loopback address with its port"


def examine(service: EncService, bind: str, site: str, *, named: bool) -> Iterator[Finding]:
    """``named``: ENC_BIND was set. Where it was not, the service may be on another machine."""
    try:
        status, body = service.ready()
    except PermissionError as error:
        remedy = "look as root, or as a member of the socket's group (the puppetserver's)"
        yield warning(WHAT, f"{bind}: {error.strerror}", remedy)
    except OSError as error:
        yield _away(bind, error, named=named)
    else:
        yield judged(bind, status, body, site)


def judged(bind: str, status: int, body: bytes, site: str) -> Finding:
    """Pure."""
    said = _document(body)
    if status == HTTPStatus.OK and said.get("status") == "ready":
        if said.get("site") == site:
            return ok(WHAT, f"ready at {bind}")
        remedy = "give both the same ROLECALL_SITE and REDIS_URL"
        return broken(WHAT, f"its site is {said.get('site')}, ours is {site}", remedy)
    if status == HTTPStatus.SERVICE_UNAVAILABLE and said.get("detail"):
        return broken(WHAT, f"not ready: {said['detail']}", f"mend Redis first; else {_LOOK}")
    remedy = "something else listens there: set ENC_BIND as the service has it"
    return broken(WHAT, f"{bind} answers {status}, but it is not the ENC service", remedy)


def _away(bind: str, error: OSError, *, named: bool) -> Finding:
    said = f"{bind}: {error.strerror or error}"
    if named or not isinstance(error, FileNotFoundError):
        return broken(WHAT, said, f"start it (systemctl start rolecall-enc); {_LOOK}")
    return warning(WHAT, said, f"start it if it is to run here; otherwise {_NAME_IT}")


def _document(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}
