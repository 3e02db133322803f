"""Texts that cannot compute it say the same retention as the store keeps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from enc.domain.retention import KEPT

ROOT = Path(__file__).parents[2]
TEXTS = ("README.md", "docs/redis.md", "provisioner/cli/history.py")


@pytest.mark.parametrize("file", TEXTS)
def test_every_text_says_how_long_is_kept(file: str) -> None:
    said = re.findall(r"([0-9]{3}) days", (ROOT / file).read_text())

    assert said
    assert set(said) == {str(KEPT.days)}
