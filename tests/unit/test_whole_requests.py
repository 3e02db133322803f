"""When a request is whole, so that a thread that reads it waits for nobody."""

from __future__ import annotations

import pytest

from enc.worker import is_whole

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
POST = b"POST /v1/reports HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(GET + b"\r\n", id="no body"),
        pytest.param(POST + b"Content-Length: 2\r\n\r\n{}", id="a body"),
        pytest.param(POST + b"content-length:2\r\n\r\n{}" + GET, id="a body and the next request"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", id="chunks"),
        pytest.param(
            POST + b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\n0\r\n\r\n00\r\nTrailer: 1\r\n\r\n",
            id="chunks and a trailer",
        ),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n{}\r\n", id="what is no chunk"),
        pytest.param(POST + b"Content-Length: 999999\r\n\r\n" + b"x" * 140_000, id="too large"),
        pytest.param(POST + b"Content-Length: many\r\n\r\n", id="a length that is none"),
        pytest.param(POST + b"Transfer-Encoding: odd\r\n\r\n", id="an encoding that is none"),
    ],
)
def test_it_is_where_all_that_it_promises_is_there(sent: bytes) -> None:
    assert is_whole(sent)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(GET, id="half a head"),
        pytest.param(POST + b"Content-Length: 2\r\n\r\n{", id="half a body"),
        pytest.param(POST + b"Content-Length: 999999999\r\n\r\nx", id="a part of a large one"),
        pytest.param(POST + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", id="no last chunk"),
        pytest.param(
            POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n",
            id="a chunk that looks like the last",
        ),
        pytest.param(
            POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", id="a last without its end"
        ),
        pytest.param(POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", id="it waits"),
    ],
)
def test_it_is_not_where_something_lacks(sent: bytes) -> None:
    assert not is_whole(sent)
