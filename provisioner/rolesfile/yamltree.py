"""YAML to plain values that remember their lines, for a file that anybody may have written.

Not yaml.safe_load: that takes duplicate keys silently, turns dates and base 8 into something else
than was meant, expands aliases without a bound, and forgets the lines. This reads the parser's
events instead, counts what they expand to as it goes, and refuses what two readers of YAML could
take for two different things.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import yaml

from enc.domain.rolefields import shown
from enc.outputs.yamltext import knowing
from provisioner.rolesfile.jsontext import as_yaml
from provisioner.rolesfile.problems import Place, Problem, UnreadableError
from provisioner.rolesfile.scalars import INVISIBLE, YAML, RefusedError, value

MAX_BYTES = 1024 * 1024
# Both are counted with every alias expanded: nine lines of YAML can stand for 10^9 values.
MAX_NODES = 100_000
MAX_CHARACTERS = 4 * MAX_BYTES
# A definition may nest 20 deep inside roles.NAME.classes.NAME; beyond this it is not one.
MAX_DEPTH = 40
MAX_KEY_CHARACTERS = 255

_TAB = re.compile(r"\s*\t")
_MERGE = f"{YAML}merge"
_KINDS = MappingProxyType(
    {
        "bool": "a boolean",
        "int": "a number",
        "float": "a number",
        "number": "a number",
        "null": "nothing",
        "timestamp": "a date",
    }
)
_COLLECTION_TAGS = (None, "!", f"{YAML}map", f"{YAML}seq")
_LOADER: Any = knowing(getattr(yaml, "CSafeLoader", yaml.SafeLoader))


@dataclass(frozen=True, slots=True)
class Tree:
    """A value of the file: None, bool, int, float, str, list of Tree or dict of str to Tree.

    ``line`` is that of the key, where the value has one. ``place`` is where it stands, not where
    an alias took it from.
    """

    value: Any
    line: int
    place: Place

    def plain(self) -> Any:
        """The value without lines, ready for json.dumps."""
        if isinstance(self.value, dict):
            return {key: tree.plain() for key, tree in self.value.items()}
        if isinstance(self.value, list):
            return [tree.plain() for tree in self.value]
        return self.value

    def at(self, place: Place) -> Tree:
        """The same value somewhere else."""
        value = self.value
        if isinstance(value, dict):
            value = {key: tree.at((*place, key)) for key, tree in value.items()}
        elif isinstance(value, list):
            value = [tree.at((*place, i)) for i, tree in enumerate(value)]
        return replace(self, value=value, place=place)


def read(given: str | bytes) -> tuple[Tree, list[Problem]]:
    """The document, and what is wrong with single values of it (they stand as None).

    Raises UnreadableError where reading cannot go on.
    """
    text = as_yaml(_text(given))
    loader = _LOADER(text)
    try:
        return _Reader(loader).document()
    except yaml.MarkedYAMLError as error:
        raise UnreadableError(_syntax(error, text)) from error
    except yaml.YAMLError as error:
        raise UnreadableError(Problem((), None, f"not YAML: {error}")) from error
    finally:
        loader.dispose()


def _text(given: str | bytes) -> str:
    size = len(given if isinstance(given, bytes) else given.encode(errors="surrogatepass"))
    if size > MAX_BYTES:
        message = f"the file has {size} bytes; the limit is {MAX_BYTES}"
        raise UnreadableError(Problem((), None, message, "move what repeats into defaults"))
    text = (_decoded(given) if isinstance(given, bytes) else given).removeprefix("\ufeff")
    found = INVISIBLE.search(text.replace("\r\n", "\n"))
    if found:
        line = found.string.count("\n", 0, found.start()) + 1
        message = f"an invisible character, U+{ord(found[0]):04X}"
        raise UnreadableError(Problem((), line, message, "remove it"))
    return text


def _decoded(given: bytes) -> str:
    try:
        return given.decode()
    except UnicodeDecodeError as error:
        line = given.count(b"\n", 0, error.start) + 1
        message = f"not UTF-8: byte 0x{given[error.start]:02x}"
        raise UnreadableError(Problem((), line, message, "save the file as UTF-8")) from error


def _syntax(error: yaml.MarkedYAMLError, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    if line and _TAB.match("".join(text.split("\n")[line - 1 : line])):
        return Problem((), line, "a tab in the indentation", "indent with spaces")
    # Newer versions of libyaml count by themselves, and stop before we have read anything.
    if "nesting depth" in (error.problem or ""):
        return Problem((), line, f"nested more than {MAX_DEPTH} deep")
    since = error.context_mark
    context = f", {error.context} from line {since.line + 1}" if error.context and since else ""
    hint = ""
    if "mapping values are not allowed" in (error.problem or ""):
        hint = 'a text that has ": " in it needs quotes; or the indentation is off'
    elif "cannot start any token" in (error.problem or ""):
        hint = "put the text in quotes"
    return Problem((), line, f"not YAML: {error.problem}{context}", hint)


@dataclass(frozen=True, slots=True)
class _Size:
    """How much was read, with aliases expanded, and how deep it went."""

    nodes: int
    characters: int
    depth: int


class _Reader:
    """One document's events to a Tree."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._anchors: dict[str, tuple[Tree, _Size] | None] = {}  # None while it is being read
        self._size = _Size(0, 0, 0)
        self.problems: list[Problem] = []

    def document(self) -> tuple[Tree, list[Problem]]:
        self._loader.get_event()
        if self._loader.check_event(yaml.StreamEndEvent):
            raise UnreadableError(Problem((), None, "the file is empty", "write at least one role"))
        self._loader.get_event()
        tree = self._node(self._loader.get_event(), ())
        self._loader.get_event()
        event = self._loader.get_event()
        if not isinstance(event, yaml.StreamEndEvent):
            message = "a second document starts here"
            raise self._refusal(event, (), message, "one file holds one document")
        return tree, self.problems

    def _node(self, event: Any, place: Place) -> Tree:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, place)
        self._count(event, _Size(1, len(getattr(event, "value", "")), len(place)))
        if event.anchor:
            return self._anchored(event, place)
        return Tree(self._value(event, place), _line(event), place)

    def _anchored(self, event: Any, place: Place) -> Tree:
        before, self._size = self._size, replace(self._size, depth=len(place))
        self._anchors[event.anchor] = None
        tree = Tree(self._value(event, place), _line(event), place)
        after = self._size
        self._size = replace(after, depth=max(before.depth, after.depth))
        # One node more than went by in between: the anchored one itself.
        size = _Size(
            after.nodes - before.nodes + 1,
            after.characters - before.characters + len(getattr(event, "value", "")),
            after.depth - len(place),
        )
        self._anchors[event.anchor] = (tree, size)
        return tree

    def _alias(self, event: Any, place: Place) -> Tree:
        if event.anchor not in self._anchors:
            message = f"*{event.anchor} is used, but no &{event.anchor} stands before it"
            raise self._refusal(event, place, message)
        anchored = self._anchors[event.anchor]
        if anchored is None:
            raise self._refusal(event, place, f"*{event.anchor} contains itself")
        tree, size = anchored
        self._count(event, replace(size, depth=len(place) + size.depth))
        return tree.at(place)

    def _count(self, event: Any, more: _Size) -> None:
        """Add ``more``, whose depth counts from the top of the file."""
        self._size = size = _Size(
            self._size.nodes + more.nodes,
            self._size.characters + more.characters,
            max(self._size.depth, more.depth),
        )
        if size.depth > MAX_DEPTH:
            raise self._refusal(event, (), f"nested more than {MAX_DEPTH} deep")
        if size.nodes > MAX_NODES or size.characters > MAX_CHARACTERS:
            message = f"more than {MAX_NODES} values or {MAX_CHARACTERS} characters"
            hint = "aliases (*name) count as what they stand for"
            raise self._refusal(event, (), message, hint)

    def _value(self, event: Any, place: Place) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, place)
        if event.tag not in _COLLECTION_TAGS:
            self._problem(event, place, f"the tag {_short(event.tag)} is not taken", "remove it")
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(place)
        return self._mapping(place)

    def _scalar(self, event: Any, place: Place) -> Any:
        try:
            return value(self._tag(event), event.value)
        except RefusedError as refused:
            self._problem(event, place, refused.message, refused.hint)
            return None

    def _tag(self, event: Any) -> str:
        found: str = self._loader.resolve(yaml.ScalarNode, event.value, event.implicit)
        if event.tag in (None, "!"):
            return found if event.tag is None else f"{YAML}str"
        plain = self._loader.resolve(yaml.ScalarNode, event.value, (True, False))
        # A tag may say what the value is anyhow, never make something else of it.
        return str(event.tag) if event.tag in (f"{YAML}str", plain) else _short(event.tag)

    def _sequence(self, place: Place) -> list[Tree]:
        trees: list[Tree] = []
        while not isinstance(event := self._loader.get_event(), yaml.SequenceEndEvent):
            trees.append(self._node(event, (*place, len(trees))))
        return trees

    def _mapping(self, place: Place) -> dict[str, Tree]:
        own: dict[str, Tree] = {}
        merged: list[Tree] = []
        while not isinstance(event := self._loader.get_event(), yaml.MappingEndEvent):
            if isinstance(event, yaml.ScalarEvent) and self._tag(event) == _MERGE:
                merged += self._merged(self._node(self._loader.get_event(), place))
                continue
            key = self._key(event, place)
            value = self._node(self._loader.get_event(), (*place, key))
            if key in own:
                message = f"written twice, on line {own[key].line} and here"
                self._problem(event, (*place, key), message, "keep one of them")
            own.setdefault(key, replace(value, line=_line(event)))
        for tree in merged:
            for key, value in tree.value.items():
                own.setdefault(key, value.at((*place, key)))
        return own

    def _merged(self, tree: Tree) -> list[Tree]:
        """The maps that ``<<:`` names; the first that has a key wins, the map's own keys before."""
        trees = tree.value if isinstance(tree.value, list) else [tree]
        if all(isinstance(each.value, dict) for each in trees):
            return trees
        message = "<< takes a map, or a list of maps"
        self.problems.append(Problem(tree.place, tree.line, message, "as in <<: *name"))
        return []

    def _key(self, event: Any, place: Place) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise self._refusal(event, place, "a key that is not a text", "put it in quotes")
        self._count(event, _Size(1, len(event.value), len(place)))
        kind = self._tag(event).removeprefix(YAML)
        place = (*place, event.value)
        if kind not in ("str", "value"):
            message = f"the key {event.value or '(nothing)'} is {_KINDS.get(kind, kind)} to YAML"
            self._problem(event, place, message, f"put it in quotes: {shown(event.value)}")
        elif len(event.value) > MAX_KEY_CHARACTERS:
            self._problem(event, place, f"a key of more than {MAX_KEY_CHARACTERS} characters")
        elif INVISIBLE.search(event.value):
            self._problem(event, place, "an invisible character in the key", "remove it")
        return str(event.value)

    def _problem(self, event: Any, place: Place, message: str, hint: str = "") -> None:
        self.problems.append(Problem(place, _line(event), message, hint))

    def _refusal(self, event: Any, place: Place, message: str, hint: str = "") -> UnreadableError:
        return UnreadableError(Problem(place, _line(event), message, hint))


def _short(tag: str) -> str:
    return f"!!{tag.removeprefix(YAML)}" if tag.startswith(YAML) else tag


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
