"""Writes the module's REFERENCE.md from its manifests' comments: `python puppet/reference.py`.

With --check it writes nothing, and exits 1 where the page is not what it would be. A public class,
define, function or type, or one of its parameters, without a description is an error.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

MODULE = Path(__file__).parent / "rolecall"
PAGE = MODULE / "REFERENCE.md"
KINDS = {"class": "Classes", "define": "Defined types", "function": "Functions", "type": "Types"}
HEADER = re.compile(
    r"(?P<comment>(?:^#.*\n)+)(?P<kind>class|define|function|type) (?P<name>[\w:]+)", re.MULTILINE
)
PARAMETER = re.compile(r"^ *(?P<type>[A-Z].*?)? *\$(?P<name>\w+)(?: *= *(?P<default>.*?))?,?$")
TAG = re.compile(r"^@(?P<tag>\w+) ?(?P<rest>.*)$")
# The keys of the module's data say the defaults of parameters.
DATA = re.compile(r"^(?P<key>rolecall::[\w:]+): (?P<value>.+)$", re.MULTILINE)


class UndocumentedError(Exception):
    """Something public has no description; the text names it."""


@dataclass
class Entry:
    """What one manifest says of itself."""

    kind: str
    name: str
    summary: str = ""
    text: str = ""
    private: bool = False
    examples: list[tuple[str, str]] = field(default_factory=list)
    described: dict[str, str] = field(default_factory=dict)
    returns: str = ""
    parameters: dict[str, tuple[str, str]] = field(default_factory=dict)
    alias: str = ""


def read(path: Path) -> Entry:
    text = path.read_text()
    found = HEADER.search(text)
    if not found:
        raise UndocumentedError(f"{path.name}: no comment above what it defines")
    entry = Entry(found["kind"], found["name"])
    _comment(entry, [line[1:].removeprefix(" ") for line in found["comment"].splitlines()])
    rest = text[found.end() :]
    if entry.kind == "type":
        entry.alias = rest.partition("=")[2].strip()
    elif match := re.match(r"\s*\(\n(.*?)^\)", rest, re.DOTALL | re.MULTILINE):
        _parameters(entry, match[1])
    _check(entry)
    return entry


def _comment(entry: Entry, lines: list[str]) -> None:
    """YARD's tags, as puppet-strings reads them: what is indented below a tag belongs to it."""
    tag, subject, kept = "text", "", []
    for line in [*lines, "@end"]:
        found = TAG.match(line)
        if not found and (tag == "text" or line.startswith("  ") or not line.strip()):
            kept.append(line)
            continue
        _store(entry, tag, subject, kept)
        if found:
            tag, subject, kept = found["tag"], found["rest"], []
        else:
            tag, subject, kept = "text", "", [line]


def _store(entry: Entry, tag: str, subject: str, lines: list[str]) -> None:
    body = "\n".join(line.removeprefix("  ") for line in lines).strip()
    if tag == "text":
        entry.text = "\n\n".join(part for part in (entry.text, body) if part)
    elif tag == "summary":
        entry.summary = " ".join(f"{subject} {body}".split())
    elif tag == "param":
        name, _, start = subject.partition(" ")
        entry.described[name] = " ".join(f"{start} {body}".split())
    elif tag == "return":
        entry.returns = " ".join(f"{subject} {body}".split())
    elif tag == "example":
        entry.examples.append((subject, body))
    elif tag == "api":
        entry.private = subject == "private"


def _parameters(entry: Entry, text: str) -> None:
    for line in _whole_lines(text):
        if found := PARAMETER.match(line):
            kind = " ".join((found["type"] or "Any").split())
            entry.parameters[found["name"]] = (kind, found["default"] or "")


def _whole_lines(text: str) -> list[str]:
    """A parameter's type may be broken into several lines: brackets tell."""
    whole: list[str] = []
    depth = 0
    for line in text.splitlines():
        if depth and whole:
            whole[-1] += " " + line.strip()
        else:
            whole.append(line)
        depth += sum(map(line.count, "[{(")) - sum(map(line.count, "]})"))
    return whole


def _check(entry: Entry) -> None:
    if entry.private:
        return
    missing = sorted(entry.parameters.keys() - entry.described.keys())
    unknown = sorted(entry.described.keys() - entry.parameters.keys())
    if not entry.summary:
        raise UndocumentedError(f"{entry.name}: no @summary")
    if missing or unknown:
        raise UndocumentedError(f"{entry.name}: @param missing {missing}, without use {unknown}")


def entries() -> list[Entry]:
    folders = ("manifests", "functions", "types")
    paths = [path for folder in folders for path in sorted((MODULE / folder).rglob("*.pp"))]
    return [entry for entry in map(read, paths) if not entry.private]


def defaults() -> dict[str, str]:
    data = "".join(path.read_text() for path in sorted((MODULE / "data").glob("*.yaml")))
    return {found["key"]: found["value"] for found in DATA.finditer(data)}


def render(found: list[Entry], data: dict[str, str]) -> str:
    lines = ["# Reference", "", "<!-- Made by puppet/reference.py from the manifests. -->"]
    for kind, title in KINDS.items():
        chosen = [entry for entry in found if entry.kind == kind]
        if chosen:
            lines += ["", f"## {title}"]
        for entry in chosen:
            lines += ["", *_entry(entry, data)]
    return "\n".join(lines) + "\n"


def _entry(entry: Entry, data: dict[str, str]) -> list[str]:
    lines = [f"### `{entry.name}`", "", entry.summary]
    if entry.text:
        lines += ["", entry.text]
    for title, code in entry.examples:
        lines += ["", *([f"{title}:", ""] if title else []), "```puppet", code, "```"]
    for name, (kind, default) in entry.parameters.items():
        value = default or data.get(f"{entry.name}::{name}", "")
        said = f" Default: `{value}`." if value else ""
        lines += ["", f"#### `{name}`", "", f"`{kind}`.{said}", "", entry.described[name]]
    if entry.returns:
        lines += ["", f"Returns: {entry.returns}"]
    if entry.alias:
        lines += ["", "```puppet", entry.alias, "```"]
    return lines


def main(arguments: list[str]) -> int:
    try:
        text = render(entries(), defaults())
    except UndocumentedError as error:
        print(f"reference: {error}", file=sys.stderr)
        return 1
    if arguments == ["--check"]:
        if PAGE.exists() and PAGE.read_text() == text:
            return 0
        print("reference: REFERENCE.md is old; run: make reference", file=sys.stderr)
        return 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
