"""Structured logs: one JSON object a line, for the service and the provisioner alike.

Everything beyond ASCII and every control character leaves as a JSON escape, so no value can
forge a line or steer a terminal. What may be logged: names, states, outcomes. What may not:
passwords, keys, headers, bodies, query strings, parameters of classes.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from traceback import extract_tb
from typing import Any, TextIO

_LONGEST_TEXT = 1000
# A shorter one would blank out half of every line, and hides nothing.
_SHORTEST_SECRET = 4


class Log:
    """Events of one part of rolecall: a short fixed sentence, and fields that say which."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(f"rolecall.{name}")

    def debug(self, event: str, **fields: Any) -> None:
        self.log(logging.DEBUG, event, **fields)

    def info(self, event: str, **fields: Any) -> None:
        self.log(logging.INFO, event, **fields)

    def warning(self, event: str, **fields: Any) -> None:
        self.log(logging.WARNING, event, **fields)

    def error(self, event: str, error: BaseException | None = None, **fields: Any) -> None:
        self._logger.error("%s", event, extra={"fields": fields}, exc_info=error)

    def log(self, level: int, event: str, **fields: Any) -> None:
        # The event is an argument, not a format: it may hold a '%'.
        self._logger.log(level, "%s", event, extra={"fields": fields})


class JsonFormatter(logging.Formatter):
    """``{"time": ..., "level": ..., "event": ..., "part": ..., <fields>}`` in one line.

    Without ``words`` of an exception only its kind is told, where its words may be a client's.
    """

    def __init__(self, secrets: Collection[str] = (), *, words: bool = True) -> None:
        super().__init__()
        self._words = words
        self._secrets = sorted((s for s in secrets if len(s) >= _SHORTEST_SECRET), key=len)

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _iso(record.created),
            "level": record.levelname.lower(),
            "event": record.getMessage()[:_LONGEST_TEXT],
            "part": record.name,
            "pid": record.process,
            **getattr(record, "fields", {}),
            **_failure(record, words=self._words),
        }
        return self._redacted(json.dumps(line, default=str))

    def _redacted(self, line: str) -> str:
        for secret in reversed(self._secrets):
            line = line.replace(json.dumps(secret)[1:-1], "***")
        return line


def configure(level: str, *, secrets: Collection[str] = (), stream: TextIO | None = None) -> None:
    """Send everything that is logged in this process to ``stream`` (stderr) as JSON.

    ``secrets`` are blanked wherever they appear: the last fence, should one slip into a message.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter(secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # A library's warning, too, is one line of JSON.
    logging.captureWarnings(True)


def _iso(epoch: float) -> str:
    time = datetime.fromtimestamp(epoch, UTC)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _failure(record: logging.LogRecord, *, words: bool) -> dict[str, Any]:
    """What was raised and where. No source lines and no locals: they hold values."""
    if not record.exc_info or record.exc_info[1] is None:
        return {}
    error = record.exc_info[1]
    frames = extract_tb(error.__traceback__)
    said = f": {error}" if words else ""
    return {
        "error": f"{type(error).__name__}{said}"[:_LONGEST_TEXT],
        "trace": [f"{Path(f.filename).name}:{f.lineno} {f.name}" for f in frames],
    }
