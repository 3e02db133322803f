"""Node definitions as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Classes = Mapping[str, Mapping[str, Any]]


class Match(StrEnum):
    """What a node statement goes by."""

    NAME = "name"
    PATTERN = "pattern"
    DEFAULT = "default"


@dataclass(frozen=True, kw_only=True)
class Remark:
    """Something about one statement. ``line`` is None where it could not be found."""

    line: int | None
    what: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}" if self.line else self.what


@dataclass(frozen=True, kw_only=True)
class Definition:
    """One name of a node statement; a statement with a list has several.

    ``name`` is in lower case, as Puppet compares it. ``problems`` are what an ENC cannot say;
    ``notes`` what it says otherwise. ``empty``: nothing stands in it. ``parent`` is whom it
    inherits from. ``file`` "" is the one that is imported.
    """

    name: str
    line: int | None
    match: Match = Match.NAME
    classes: Classes = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()
    empty: bool = False
    parent: str = ""
    file: str = ""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A whole file. ``outside`` are statements for every node; it defines ``own_classes``.

    ``beside`` are the node statements without a name of other manifests that Puppet may read.
    ``elsewhere`` says where nodes have their classes from, where this file names none.
    """

    definitions: tuple[Definition, ...]
    outside: tuple[Remark, ...] = ()
    own_classes: frozenset[str] = frozenset()
    beside: tuple[Definition, ...] = ()
    elsewhere: str = ""


class UnreadableDumpError(ValueError):
    """What the parser printed is not what we know of its dumps."""
