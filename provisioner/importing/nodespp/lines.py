"""Where the node statements of a file stand, and the statements in each.

The parser's dump has no lines. This reads just enough of the language to find them: what is a
comment, a text, a regular expression, a heredoc, and how deep the braces are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    (?P<blank>\s+|\#[^\n]*|/\*.*?\*/)
  | (?P<heredoc>@\(\s*"?(?P<tag>[^:/\r\n)"]+?)"?\s*(?::[^/\n)]*)?(?:/[^\n)]*)?\))
  | (?P<single>'(?:[^'\\]|\\.)*')
  | (?P<double>")
  | (?P<variable>\$(?:::)?\w+(?:::\w+)*)
  | (?P<word>(?:::)?\w[\w-]*(?:(?:::|\.)\w[\w-]*)*)
  | (?P<slash>/)
  | (?P<arrow>=>)
  | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_REGEX = re.compile(r"/(?:[^/\\\n]|\\.)*/")
_INNER = re.compile(r'\\.|\$\{|"', re.DOTALL)
_BRACED = re.compile(r"""'(?:[^'\\]|\\.)*'|"|[{}]""", re.DOTALL)
_OPEN, _CLOSE = frozenset("{[("), frozenset("}])")


@dataclass(frozen=True)
class Token:
    """``depth`` is how many brackets are open around it."""

    text: str
    line: int
    depth: int


@dataclass(frozen=True)
class Statement:
    """A statement: its line, and what stands in its braces."""

    line: int
    inside: tuple[Token, ...] = ()


# Tokens from one word of a statement to its next.
_NEAR = 200


class Finder:
    """Where statements stand, which are asked for in the order of the file.

    ``depth`` is that of the statements themselves.
    """

    def __init__(self, tokens: Sequence[Token], depth: int) -> None:
        self._tokens, self._depth, self._at = tokens, depth, 0

    def line(self, words: Iterable[str]) -> int | None:
        """Of the statement that is spelt so; None where its first word is not to be found."""
        line = None
        for word in words:
            found = self._next(word, first=line is None)
            if found is not None:
                self._at = found + 1
                line = line or self._tokens[found].line
            elif line is None:
                return None
        return line

    def skip(self, keyword: str) -> None:
        """A definition, to behind its braces."""
        if self.line([keyword]):
            ends = (at for at in range(self._at, len(self._tokens)) if self._closes(at))
            self._at = next(ends, len(self._tokens) - 1) + 1

    def _closes(self, at: int) -> bool:
        return self._tokens[at].text == "}" and self._tokens[at].depth == self._depth

    def _next(self, word: str, *, first: bool) -> int | None:
        """Only the first is worth a long way: another that is spelt otherwise is passed over."""
        end = len(self._tokens)
        for at in range(self._at, end if first else min(end, self._at + _NEAR)):
            token = self._tokens[at]
            if token.text in (word, f"'{word}'") and (token.depth == self._depth or not first):
                return at
        return None


def places(source: str) -> tuple[list[Statement], list[Token]]:
    """The node statements in their order, and all that stands outside of them."""
    found: list[Statement] = []
    others: list[Token] = []
    tokens = list(_tokens(source))
    at = 0
    while at < len(tokens):
        if _is_node(tokens, at):
            end = _end(tokens, at)
            inside = tuple(token for token in tokens[at:end] if token.depth)
            found.append(Statement(tokens[at].line, inside))
            at = end
        else:
            others.append(tokens[at])
            at += 1
    return found, others


def _is_node(tokens: Sequence[Token], at: int) -> bool:
    here = tokens[at]
    following = tokens[at + 1].text if at + 1 < len(tokens) else ""
    return here.text == "node" and here.depth == 0 and following != "=>"


def _end(tokens: Sequence[Token], at: int) -> int:
    """Behind the brace that closes the statement."""
    for here in range(at + 1, len(tokens)):
        if tokens[here].text == "}" and tokens[here].depth == 0:
            return here + 1
    return len(tokens)


def _tokens(source: str) -> Iterator[Token]:
    at, line, depth, last = 0, 1, 0, ""
    heredocs: list[str] = []
    while found := _TOKEN.match(source, at):
        kind, text = str(found.lastgroup), found[0]
        if kind == "tag":
            kind = "heredoc"
        end = found.end()
        if kind == "double":
            end = _end_of_text(source, end)
        elif kind == "slash" and _begins_regex(last) and (regex := _REGEX.match(source, at)):
            end = regex.end()
        elif kind == "heredoc":
            heredocs.append(found["tag"].strip())
        if kind != "blank":
            depth -= text in _CLOSE
            yield Token(text, line, max(depth, 0))
            depth += text in _OPEN
            last = text
        elif heredocs and "\n" in text:
            end = _behind(source, at + text.index("\n") + 1, heredocs)
            heredocs = []
        line += source.count("\n", at, end)
        at = end


def _begins_regex(last: str) -> bool:
    """Behind a value a slash divides; behind anything else, and ``node``, it opens a pattern."""
    return last == "node" or not (last and (last[-1].isalnum() or last[-1] in "_)]"))


def _end_of_text(source: str, at: int) -> int:
    """Behind the quote that closes a text, with other texts in its ``${...}``."""
    while found := _INNER.search(source, at):
        at = found.end()
        if found[0] == '"':
            return at
        if found[0] == "${":
            at = _end_of_braces(source, at)
    return len(source)


def _end_of_braces(source: str, at: int) -> int:
    depth = 1
    while depth and (found := _BRACED.search(source, at)):
        at = found.end()
        if found[0] == '"':
            at = _end_of_text(source, at)
        depth += {"{": 1, "}": -1}.get(found[0], 0)
    return at if not depth else len(source)


def _behind(source: str, at: int, tags: Sequence[str]) -> int:
    """Behind the ends of heredocs whose texts begin here."""
    for tag in tags:
        end = re.compile(rf"^[ \t]*\|?[ \t]*-?[ \t]*{re.escape(tag)}[ \t]*\r?$", re.MULTILINE)
        found = end.search(source, at)
        at = found.end() if found else len(source)
    return at
