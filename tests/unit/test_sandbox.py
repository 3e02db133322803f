"""What `make run` tells to type."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox import CLIENTS, look_up


@pytest.mark.parametrize("client", CLIENTS)
def test_the_store_is_asked_by_the_client_that_is_there(tmp_path: Path, client: str) -> None:
    (tmp_path / client).touch(mode=0o755)

    assert look_up(6379, "i-1", str(tmp_path)) == f"{client} -p 6379 hgetall node:i-1"


def test_where_no_client_is_there_it_says_how_to_get_one(tmp_path: Path) -> None:
    said = look_up(6379, "i-1", str(tmp_path))

    assert said.startswith("redis-cli -p 6379")
    assert "apt-get install redis-tools" in said
