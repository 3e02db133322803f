"""A spool, and a service that takes what is shipped from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.reports_sink import Sink, sink


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    (folder := tmp_path / "spool").mkdir()
    return folder


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Sink]:
    with sink(tmp_path) as made:
        yield made
