"""What a service may do to a client that asks it who a node is, and what must come of it.

Every client of /v1/enc runs through this one table: the script, and whatever else the
puppetmaster calls. The misbehaviours of TLS itself are with the tests of TLS.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum, auto

from tests.service.misbehaving import Act, dribble, flood, read, reset, send, stay, trickle

NODE = "i-0123456789abcdef0"
WHOLE = f"""---
classes:
  "role::pdf2swf": {{"workers": 4}}
parameters:
  "tier": "conversion 変換"
  "role": "pdf2swf"
environment: "production"
# end {NODE}
""".encode()
LARGE = WHOLE.replace(b"parameters:\n", b"parameters:\n" + b'  "x": "y"\n' * 50_000)
SLOW = 1.0


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


def header(status: str, *fields: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", ""]).encode()


def response(
    body: bytes, status: str = "200 OK", media_type: str = "application/yaml", *fields: str
) -> bytes:
    stated = (f"Content-Type: {media_type}", f"Content-Length: {len(body)}")
    return header(status, *stated, *fields) + body


def problem(status: str, media_type: str = "application/problem+json", **members: str) -> bytes:
    document = {"title": status, "status": int(status[:3]), "detail": "because"} | members
    return response(json.dumps(document).encode(), status, media_type)


def without_length(whole: bytes) -> bytes:
    lines = whole.split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.startswith(b"Content-Length"))


def _answers(name: str, *acts: Act, text: bytes = WHOLE) -> Misbehaviour:
    return Misbehaviour(name, (read, *acts), Outcome.ANSWERED, text)


def _says(outcome: Outcome, name: str, data: bytes) -> Misbehaviour:
    return Misbehaviour(name, (read, send(data)), outcome)


def _fails(name: str, data: bytes) -> Misbehaviour:
    return _says(Outcome.NO_ANSWER, name, data)


def _hangs(name: str, *acts: Act) -> Misbehaviour:
    return Misbehaviour(name, acts, Outcome.NO_ANSWER, late=True)


def _resets(name: str, *acts: Act) -> Misbehaviour:
    return Misbehaviour(name, (*acts, reset), Outcome.NO_ANSWER)


def _body(name: str, text: str) -> Misbehaviour:
    return _fails(name, response(text.encode()))


def _framed(name: str, *fields: str) -> Misbehaviour:
    return _fails(name, header("200 OK", "Content-Type: application/yaml", *fields) + WHOLE)


_LENGTH = f"Content-Length: {len(WHOLE)}"
_CHUNKED = "Transfer-Encoding: chunked"
_HALF = WHOLE[: len(WHOLE) // 2]
_END = f"# end {NODE}\n"
_CLASS = '  "role::x": {}\n'
_HEAD = response(WHOLE)[: -len(WHOLE)]

WHOLE_ANSWERS = [
    _answers("a whole answer", send(response(WHOLE))),
    _answers("a whole answer in pieces of seven bytes", dribble(response(WHOLE), 7)),
    _answers("a whole answer, and the connection left open", send(response(WHOLE)), stay),
    _answers(
        "a whole answer without the last newline", send(response(WHOLE[:-1])), text=WHOLE[:-1]
    ),
    _answers("a whole answer of half a megabyte", send(response(LARGE)), text=LARGE),
    _answers("a whole answer, and more than was stated", send(response(WHOLE) + b"\n<html>")),
    _answers("field names in lower case", send(_HEAD.lower().replace(b"http", b"HTTP") + WHOLE)),
]

DEFINITE = [
    _says(Outcome.UNKNOWN, "404 as a problem", problem("404 Not Found")),
    _says(Outcome.RETIRED, "410 as a problem", problem("410 Gone")),
    _says(Outcome.UNUSABLE, "422 as a problem", problem("422 Unprocessable Content")),
    _says(
        Outcome.UNKNOWN,
        "404 as a problem with a parameter, in capitals",
        problem("404 Not Found", "Application/Problem+JSON; charset=utf-8"),
    ),
    _says(
        Outcome.RETIRED,
        "410 as a problem without a length, but whole",
        without_length(problem("410 Gone")),
    ),
    _says(
        Outcome.UNKNOWN,
        "404 as a problem that tries to write lines and colours",
        problem("404 Not Found", detail="\x1b[2J\nenc: all is well\r\x07\u202e\x00"),
    ),
]

NOT_WHOLE = [
    _framed("no Content-Length"),
    _fails(
        "chunks",
        header("200 OK", _CHUNKED) + b"%x\r\n%b\r\n0\r\n\r\n" % (len(WHOLE), WHOLE),
    ),
    _framed("chunks and a Content-Length", _CHUNKED, _LENGTH),
    _framed("two equal Content-Lengths", _LENGTH, _LENGTH),
    _framed("two different Content-Lengths", _LENGTH, "Content-Length: 5"),
    _framed("a Content-Length of -1", "Content-Length: -1"),
    _framed("a Content-Length of +9", f"Content-Length: +{len(WHOLE)}"),
    _framed("a Content-Length of words", "Content-Length: all of it"),
    _framed("a Content-Length of nothing", "Content-Length:"),
    _framed("a Content-Length of 5,000 digits", "Content-Length: " + "9" * 5000),
    _framed("a Content-Length too small", f"Content-Length: {len(WHOLE) - 3}"),
    _framed("a Content-Length too large", f"Content-Length: {len(WHOLE) + 1}"),
    _fails("a short body", _HEAD + _HALF),
    _fails("an end in the header", _HEAD[:40]),
    _fails("an end after the header", _HEAD),
    _fails("an end without a byte", b""),
]

WRONG_BODIES = [
    _body("the answer for another node", WHOLE.decode().replace(NODE, "i-0fedcba9876543210")),
    _body("the answer for a node whose name ends so", WHOLE.decode().replace(NODE, "x" + NODE)),
    _body("the answer for a node whose name begins so", WHOLE.decode().replace(NODE, NODE + "0")),
    _body("no end line", WHOLE.decode().replace(_END, "")),
    _body("an end line that is not the last", WHOLE.decode() + "parameters: {}\n"),
    _body("an end line and two newlines", WHOLE.decode() + "\n"),
    _body("no classes", f"---\nparameters: {{}}\n{_END}"),
    _body("classes and nothing below", f"---\nclasses:\n{_END}"),
    _body("classes and a blank line below", f"---\nclasses:\n  \n{_END}"),
    _body("classes and a comment below", f"---\nclasses:\n  # none\n{_END}"),
    _body("classes and an empty map below", f"---\nclasses:\n  {{}}\n{_END}"),
    _body("classes on one line", f"---\nclasses: {{}}\n{_END}"),
    _body("classes that are not indented", f'---\nclasses:\n"role::x": {{}}\n{_END}'),
    _body("an empty map", "{}"),
    _body("an empty body", ""),
    _body("a newline", "\n"),
    _body("no first line", f"classes:\n{_CLASS}{_END}"),
    _body("a first line that has more", f"--- # x\nclasses:\n{_CLASS}{_END}"),
    _body("a byte order mark", "\ufeff" + WHOLE.decode()),
    _body("Windows line ends", WHOLE.decode().replace("\n", "\r\n")),
    _body("NULs", f"---\nclasses:\n{_CLASS}\0\0\n{_END}"),
    _fails("no UTF-8", response(WHOLE.replace("変".encode(), b"\xff\xfe"))),
    _fails("HTML", response(b"<html><body>It works!</body></html>", "200 OK", "text/html")),
    _fails(
        "a login page",
        response(b"<form action=/login><input name=password>", "200 OK", "text/html"),
    ),
    _fails("200 with a problem in it", problem("200 OK")),
]

WRONG_STATUSES = [
    *[
        _fails(f"{status} as HTML from a proxy", problem(status, "text/html"))
        for status in ("404 Not Found", "410 Gone", "422 Unprocessable Content", "502 Bad Gateway")
    ],
    *[
        _fails(f"{status} as a problem", problem(status))
        for status in ("401 Unauthorized", "403 Forbidden", "500 Error", "503 Unavailable")
    ],
    _fails("410 as plain JSON", problem("410 Gone", "application/json")),
    _fails("410 without a media type", header("410 Gone", "Content-Length: 2") + b"{}"),
    _fails("410 as a problem cut short", problem("410 Gone")[:-5]),
    _fails("410 as a problem without a length, cut", without_length(problem("410 Gone"))[:-5]),
    _fails(
        "410 as a problem in chunks",
        problem("410 Gone").replace(b"\r\n", b"\r\nTransfer-Encoding: chunked\r\n", 1),
    ),
    *[
        _fails(f"{status} with a whole answer", response(WHOLE, status))
        for status in ("100 Continue", "201 Created", "203 Transformed", "206 Partial", "304 Same")
    ],
    _fails(
        "302 to another place",
        response(b"", "302 Found", "text/html", "Location: http://127.0.0.1:1/login"),
    ),
    _fails("204", header("204 No Content")),
]

NOT_HTTP = [
    _fails("garbage", bytes(range(256)) * 4),
    _fails("NULs instead of HTTP", b"\0" * 1000),
    _fails("HTTP/0.9", WHOLE),
    _fails("another protocol", b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n"),
    _fails("HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    _fails("another version", response(WHOLE).replace(b"HTTP/1.1", b"HTTP/2.0")),
    _fails("a status of four digits", response(WHOLE, "2000 OK")),
    _fails("a status of letters", response(WHOLE).replace(b"200", b"abc")),
    _fails("a header with bare newlines", _HEAD.replace(b"\r\n", b"\n") + WHOLE),
    Misbehaviour("a header without end", (read, flood(b"X-Filler: x\r\n")), Outcome.NO_ANSWER),
    Misbehaviour("a field without end", (read, send(_HEAD[:-4]), flood(b"x")), Outcome.NO_ANSWER),
    Misbehaviour(
        "a body without end",
        (read, send(header("200 OK", "Content-Length: 999999999")), flood(b"x")),
        Outcome.NO_ANSWER,
    ),
    Misbehaviour(
        "a problem without end",
        (read, send(header("410 Gone", "Content-Type: application/problem+json")), flood(b"[")),
        Outcome.NO_ANSWER,
    ),
]

RESETS = [
    _resets("a reset before a byte"),
    _resets("a reset in the header", send(_HEAD[:40])),
    _resets("a reset in the body", send(_HEAD + _HALF)),
]

LATE = [
    _hangs("silence before the request is read", stay),
    _hangs("silence after the request", read, stay),
    _hangs("silence after the header", read, send(_HEAD), stay),
    _hangs("a byte a second in the header", read, trickle(_HEAD, SLOW)),
    _hangs("a byte a second in the body", read, send(_HEAD), trickle(WHOLE, SLOW)),
    _hangs("a byte a second in a problem", read, trickle(problem("410 Gone"), SLOW)),
    _hangs("the last byte withheld", read, send(response(WHOLE)[:-1]), stay),
]

TABLE = [
    *WHOLE_ANSWERS,
    *DEFINITE,
    *NOT_WHOLE,
    *WRONG_BODIES,
    *WRONG_STATUSES,
    *NOT_HTTP,
    *RESETS,
    *LATE,
]
