"""What a service may do to a client that asks it who a node is, and what must come of it.

Every client of /v1/enc runs through this one table: the script, and whatever else the
puppetmaster calls. The misbehaviours of TLS itself are with the tests of TLS.
"""

from __future__ import annotations

from tests.service.misbehaving import Act, dribble, read, send, stay
from tests.service.misframings import (
    Answer,
    Misbehaviour,
    Outcome,
    fails,
    late,
    not_http,
    not_whole,
    problem,
    resets,
    response,
    says,
    strange_problems,
    without_length,
    wrong_statuses,
)

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
ANSWER = Answer(WHOLE, "application/yaml")


def _answers(name: str, *acts: Act, text: bytes = WHOLE) -> Misbehaviour:
    return Misbehaviour(name, (read, *acts), Outcome.ANSWERED, text)


def _body(name: str, text: str) -> Misbehaviour:
    return fails(name, response(text.encode()))


_END = f"# end {NODE}\n"
_CLASS = '  "role::x": {}\n'
_HEAD = ANSWER.head

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
    says(Outcome.UNKNOWN, "404 as a problem", problem("404 Not Found")),
    says(Outcome.RETIRED, "410 as a problem", problem("410 Gone")),
    says(Outcome.UNUSABLE, "422 as a problem", problem("422 Unprocessable Content")),
    says(
        Outcome.UNKNOWN,
        "404 as a problem with a parameter, in capitals",
        problem("404 Not Found", "Application/Problem+JSON; charset=utf-8"),
    ),
    says(
        Outcome.RETIRED,
        "410 as a problem without a length, but whole",
        without_length(problem("410 Gone")),
    ),
    says(
        Outcome.UNKNOWN,
        "404 as a problem that tries to write lines and colours",
        problem("404 Not Found", detail="\x1b[2J\nenc: all is well\r\x07\u202e\x00"),
    ),
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
    fails("no UTF-8", response(WHOLE.replace("変".encode(), b"\xff\xfe"))),
    fails("HTML", response(b"<html><body>It works!</body></html>", "200 OK", "text/html")),
    fails(
        "a login page",
        response(b"<form action=/login><input name=password>", "200 OK", "text/html"),
    ),
    fails("200 with a problem in it", problem("200 OK")),
]

LATE = late(ANSWER)
NOT_WHOLE = not_whole(ANSWER)
RESETS = resets(ANSWER)
TABLE = [
    *WHOLE_ANSWERS,
    *DEFINITE,
    *strange_problems("404 Not Found", "410 Gone", "422 Unprocessable Content"),
    *NOT_WHOLE,
    *WRONG_BODIES,
    *wrong_statuses(ANSWER),
    fails("403 as a problem", problem("403 Forbidden")),
    *not_http(ANSWER),
    fails("a header with bare newlines", _HEAD.replace(b"\r\n", b"\n") + WHOLE),
    *RESETS,
    *LATE,
]
