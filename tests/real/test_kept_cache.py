"""The last answers that earlier versions kept on a puppetserver are given by this terminus."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.kept.make import READY
from tests.real.terminusdriver import TerminusDriver, answers, is_warning
from tests.service.store.test_kept_store import VERSIONS


@pytest.mark.parametrize("version", VERSIONS, ids=lambda folder: folder.name)
def test_a_kept_answer_is_given_while_the_service_is_away(
    puppet: TerminusDriver, version: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    shutil.copytree(version / "cache", cache, copy_function=shutil.copy)

    found = puppet.look_up(READY, url="unix:/nonexistent/enc.sock", cache=cache)

    assert answers(found, (cache / READY).read_bytes())
    assert is_warning(found)
