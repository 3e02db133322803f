"""Durations on the command line."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import click


# Before 8.4 click's types take no parameter.
class DurationType(click.ParamType):  # type: ignore[type-arg]
    """``90s``, ``5m``, ``24h``, ``7d``, up to ``most``; with ``zero``, ``0s`` too."""

    name = "duration"

    def __init__(self, most: str, *, zero: bool = False) -> None:
        self._most, self._zero = most, zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, timedelta):
            return value
        if self._zero and value in {"0", "0s"}:
            return timedelta(0)
        return self._parsed(value, param, ctx)

    def _parsed(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        from enc.domain.durations import parse

        try:
            duration = parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if duration > parse(self._most):
            self.fail(f"{value} is longer than {self._most}", param, ctx)
        return duration
