from __future__ import annotations

import base64

import pytest

from enc.inventory import BadCursorError, Query, connect
from enc.inventory.query import Queries
from tests.servers import free_port


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        *("", "x", "=", "====", "é", "\0", "a" * 10_000, "🙂", "../../etc", "W10=", "-1"),
        *map(encoded, ("", ":", "1:", ":a", "a:a", "1:A", "1:a b", "nan:a", "inf:a", "-inf:a")),
        *map(encoded, ("(1:a", "1e5:a", "0x1:a", "1_0:a", "²:a", "1.:a", "1:..", '[1,"a"]')),
        *map(encoded, ("1.2.3:a", " 1:a", "1 :a", "1:a\n", "True:a", "1:" + "a" * 256)),
        *map(encoded, ("1" * 40 + ":a", "1:a:b", "1:é", "--1:a")),
        *map(encoded, ("newest", "newest:", "newest1:", "newest:a", "newest 1:a", "newest()1:a")),
    ],
)
def test_a_cursor_that_is_none_of_ours_is_refused_before_anything_is_asked(cursor: str) -> None:
    with (
        connect(f"redis://127.0.0.1:{free_port()}/0", timeout=1) as nowhere,
        pytest.raises(BadCursorError, match="not one that this service gave out"),
    ):
        Queries(nowhere).page(Query(), limit=5, cursor=cursor)


@pytest.mark.parametrize("text", ["newest1:a", "launches1:a", "ended-1.5:a", "whatever1:a"])
def test_a_cursor_of_another_list_is_refused_before_anything_is_asked(text: str) -> None:
    with (
        connect(f"redis://127.0.0.1:{free_port()}/0", timeout=1) as nowhere,
        pytest.raises(BadCursorError, match="of another list"),
    ):
        Queries(nowhere).page(Query(), limit=5, cursor=encoded(text))
