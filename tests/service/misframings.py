"""What a service may do wrong around any answer: its length, its status, its protocol, its time.

Whatever the answer was to be, a client that gets it like this has none. The tables of whole
programs are made of these lists: misbehaviours.py for who asks about a node, and the tests of
autosign.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum, auto

from tests.service.misbehaving import Act, flood, read, reset, send, stay, trickle

SLOW = 1.0
PROBLEM = "application/problem+json"
# How the types of rolecall's own problems begin.
OURS = "urn:rolecall:problem:"
_CHUNKED = "Transfer-Encoding: chunked"


class Outcome(Enum):
    ANSWERED = auto()  # the answer is printed
    UNKNOWN = auto()  # nothing is printed, the cache stays as it was
    RETIRED = auto()  # nothing is printed, the cached answer is deleted
    UNUSABLE = auto()  # nothing is printed, the cache stays as it was
    NO_ANSWER = auto()  # the cached answer is printed if it is good, otherwise nothing


@dataclass(frozen=True)
class Misbehaviour:
    name: str
    acts: tuple[Act, ...]
    outcome: Outcome
    # What is printed, for ANSWERED.
    text: bytes = b""
    # Never ends by itself: try it with a short time limit.
    late: bool = False


@dataclass(frozen=True)
class Answer:
    """What a well-behaved service would say."""

    body: bytes
    media_type: str

    @property
    def whole(self) -> bytes:
        return response(self.body, "200 OK", self.media_type)

    @property
    def head(self) -> bytes:
        return self.whole[: -len(self.body)]


def header(status: str, *fields: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode()


def response(
    body: bytes, status: str = "200 OK", media_type: str = "application/yaml", *fields: str
) -> bytes:
    stated = (f"Content-Type: {media_type}", f"Content-Length: {len(body)}")
    return header(status, *stated, *fields) + body


def problem(status: str, media_type: str = PROBLEM, **members: object) -> bytes:
    """One of rolecall's own, unless `members` has another type."""
    document = {"type": f"{OURS}some-slug", "title": status, "detail": "because"} | members
    return response(json.dumps(document).encode(), status, media_type)


def strange_problems(*statuses: str) -> list[Misbehaviour]:
    """Of a status that is definite, and not rolecall's own: they are not about what was asked."""
    return [
        *[
            fails(f"{status} as a problem {of}", problem(status, type=kind))
            for status in statuses
            for of, kind in [("of HTTP alone", "about:blank"), ("of nobody's", None)]
        ],
        *[
            fails(f"{statuses[0]} as a problem of type {kind}", problem(statuses[0], type=kind))
            for kind in (
                *("https://gateway.example/no-route", f"https://gateway.example/{OURS}some-slug"),
                *("urn:rolecall:problems:some-slug", [f"{OURS}some-slug"], 404),
            )
        ],
        *[
            fails(
                f"{statuses[0]} as a problem that is {body}", response(body, statuses[0], PROBLEM)
            )
            for body in (b"", b"{}", b"[]", b"null", b'"urn:rolecall:problem:x"', b"\xff", b"no")
        ],
    ]


def without_length(whole: bytes) -> bytes:
    lines = whole.split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.startswith(b"Content-Length"))


def says(outcome: Outcome, name: str, data: bytes) -> Misbehaviour:
    return Misbehaviour(name, (read, send(data)), outcome)


def fails(name: str, data: bytes) -> Misbehaviour:
    return says(Outcome.NO_ANSWER, name, data)


def _hangs(name: str, *acts: Act) -> Misbehaviour:
    return Misbehaviour(name, acts, Outcome.NO_ANSWER, late=True)


def _resets(name: str, *acts: Act) -> Misbehaviour:
    return Misbehaviour(name, (*acts, reset), Outcome.NO_ANSWER)


def not_whole(answer: Answer) -> list[Misbehaviour]:
    size = len(answer.body)
    length = f"Content-Length: {size}"
    stated = f"Content-Type: {answer.media_type}"

    def framed(name: str, *fields: str) -> Misbehaviour:
        return fails(name, header("200 OK", stated, *fields) + answer.body)

    return [
        framed("no Content-Length"),
        fails(
            "chunks",
            header("200 OK", stated, _CHUNKED) + b"%x\r\n%b\r\n0\r\n\r\n" % (size, answer.body),
        ),
        framed("chunks and a Content-Length", _CHUNKED, length),
        framed("two equal Content-Lengths", length, length),
        framed("two different Content-Lengths", length, "Content-Length: 5"),
        framed("a Content-Length of -1", "Content-Length: -1"),
        framed("a Content-Length of +9", f"Content-Length: +{size}"),
        framed("a Content-Length of words", "Content-Length: all of it"),
        framed("a Content-Length of nothing", "Content-Length:"),
        framed("a Content-Length of 5,000 digits", "Content-Length: " + "9" * 5000),
        framed("a Content-Length too small", f"Content-Length: {size - 3}"),
        framed("a Content-Length too large", f"Content-Length: {size + 1}"),
        fails("a short body", answer.head + answer.body[: size // 2]),
        fails("an end in the header", answer.head[:40]),
        fails("an end after the header", answer.head),
        fails("an end without a byte", b""),
    ]


def wrong_statuses(answer: Answer) -> list[Misbehaviour]:
    return [
        *[
            fails(f"{status} as HTML from a proxy", problem(status, "text/html"))
            for status in (
                *("404 Not Found", "410 Gone", "422 Unprocessable Content", "502 Bad Gateway"),
            )
        ],
        *[
            fails(f"{status} as a problem", problem(status))
            for status in ("401 Unauthorized", "500 Error", "503 Unavailable")
        ],
        fails("410 as plain JSON", problem("410 Gone", "application/json")),
        fails("410 without a media type", header("410 Gone", "Content-Length: 2") + b"{}"),
        fails("410 as a problem cut short", problem("410 Gone")[:-5]),
        fails("410 as a problem without a length, cut", without_length(problem("410 Gone"))[:-5]),
        fails(
            "410 as a problem in chunks",
            problem("410 Gone").replace(b"\r\n", b"\r\nTransfer-Encoding: chunked\r\n", 1),
        ),
        *[
            fails(f"{status} with a whole answer", response(answer.body, status, answer.media_type))
            for status in (
                *("100 Continue", "201 Created", "203 Transformed", "206 Partial", "304 Same"),
            )
        ],
        fails(
            "302 to another place",
            response(b"", "302 Found", "text/html", "Location: http://127.0.0.1:1/login"),
        ),
        fails("204", header("204 No Content")),
    ]


def not_http(answer: Answer) -> list[Misbehaviour]:
    head, whole = answer.head, answer.whole
    return [
        fails("garbage", bytes(range(256)) * 4),
        fails("NULs instead of HTTP", b"\0" * 1000),
        fails("HTTP/0.9", answer.body),
        fails("another protocol", b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n"),
        fails("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        fails("another version", whole.replace(b"HTTP/1.1", b"HTTP/2.0")),
        fails("a status of four digits", response(answer.body, "2000 OK", answer.media_type)),
        fails("a status of letters", whole.replace(b"200", b"abc")),
        _without_end("a header without end", b"X-Filler: x\r\n"),
        _without_end("a field without end", b"x", head[:-4]),
        _without_end("a body without end", b"x", header("200 OK", "Content-Length: 999999999")),
        _without_end(
            "a problem without end",
            b"[",
            header("410 Gone", "Content-Type: application/problem+json"),
        ),
    ]


def _without_end(name: str, again: bytes, first: bytes = b"") -> Misbehaviour:
    return Misbehaviour(name, (read, send(first), flood(again)), Outcome.NO_ANSWER)


def resets(answer: Answer) -> list[Misbehaviour]:
    return [
        _resets("a reset before a byte"),
        _resets("a reset in the header", send(answer.head[:40])),
        _resets("a reset in the body", send(answer.head + answer.body[: len(answer.body) // 2])),
    ]


def late(answer: Answer) -> list[Misbehaviour]:
    return [
        _hangs("silence before the request is read", stay),
        _hangs("silence after the request", read, stay),
        _hangs("silence after the header", read, send(answer.head), stay),
        _hangs("a byte a second in the header", read, trickle(answer.head, SLOW)),
        _hangs("a byte a second in the body", read, send(answer.head), trickle(answer.body, SLOW)),
        _hangs("a byte a second in a problem", read, trickle(problem("410 Gone"), SLOW)),
        _hangs("the last byte withheld", read, send(answer.whole[:-1]), stay),
    ]
