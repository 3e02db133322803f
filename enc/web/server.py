"""What we change about gunicorn: its worker and its logger.

gunicorn answers malformed requests itself, in HTML, and repeats to the client and in its log the
line that it did not understand, which may be an Authorization header. Ours say less.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

from gunicorn import util
from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.http import errors

from enc.logs import JsonFormatter, Log
from enc.web.documents import raw_problem
from enc.web.settings import Settings
from enc.worker import PatientWorker

_STATUS = {errors.LimitRequestLine: 414, errors.LimitRequestHeaders: 431}
_log = Log("enc.gunicorn")


class Worker(PatientWorker):
    """Threads, so that a Redis that is slow for one request does not stop the others."""

    def handle_error(self, _req: Any, client: Any, _addr: Any, exc: BaseException) -> None:
        """Answer what never reached the application, or what it let fall."""
        status = _status(exc)
        if status >= 500:  # noqa: PLR2004  # server errors begin here (RFC 9110)
            _log.error("request failed", exc)
        else:
            _log.info("malformed request", status=status, error=type(exc).__name__)
        with suppress(OSError):  # the client is gone
            util.write_nonblock(client, raw_problem(status))


class Logger(GunicornLogger):
    """gunicorn's own messages as lines of JSON; its exceptions quote what clients sent."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        formatter = JsonFormatter(Settings.from_environment(os.environ).secrets, words=False)
        for handler in self.error_log.handlers:
            handler.setFormatter(formatter)


def _status(exc: BaseException) -> int:
    if not isinstance(exc, errors.ParseException):
        return 500
    return next((status for kind, status in _STATUS.items() if isinstance(exc, kind)), 400)
