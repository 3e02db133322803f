"""No command that we show has a password among its words: `ps` shows those to everybody."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHOWN = ("README.md", "docs/**/*.md", "puppet/**/*.*", "enc/**/*.*", "provisioner/**/*.*")
# The options by which these take a login: redis-cli's URL has one, too.
WORDS = re.compile(
    r"\b(?:redis|valkey)-cli\b[^`\n]*\s(?:-u|-a|--pass|--no-auth-warning)\b"
    r"|\bcurl\b[^`\n]*\s(?:-u|--user)\b"
    r"|\b\w+://[^\s/]*:\$[^\s/]*@"
)


def texts() -> Iterator[tuple[Path, str]]:
    for pattern in SHOWN:
        for path in ROOT.glob(pattern):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path, path.read_text(encoding="utf-8", errors="replace")


def test_no_command_that_we_show_has_a_password_in_it() -> None:
    found = [f"{path}: {m[0]}" for path, text in texts() for m in WORDS.finditer(text)]
    assert found == []


@pytest.mark.parametrize(
    "line",
    ['redis-cli -u "$REDIS_URL"', "valkey-cli --pass secret get meta", "curl -u alice:x https://x"],
)
def test_one_that_has_is_found(line: str) -> None:
    assert WORDS.search(line)


@pytest.mark.parametrize(
    "line", ["redis-cli -p 6390 --user rolecall-reader", "curl -H 'a: b' https://x"]
)
def test_one_that_has_not_is_not(line: str) -> None:
    assert not WORDS.search(line)
