"""One export: read, compare, verify, put in place, tell who reads it. To be killed anywhere.

What Nagios has loaded is written down after its reload has succeeded, and taken back before the
file is replaced. So a reload is due whenever that is not the file's own sum: whoever dies, or
fails, in between, the next export makes up for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from enc.inventory import Inventory
from enc.outputs.nagios import HEADER, Last, Objects, Style, objects, read_last
from provisioner.exporting.reading import Reading, read
from provisioner.ports.exports import Commands, ExportError, ExportFile, Ran

# In --verify-command: a folder that holds what the real one would.
CANDIDATE = "{}"
_OURS = HEADER.partition(" from ")[0]
_LINES = 5


@dataclass(frozen=True, kw_only=True)
class ExportResult:
    """What an export did. ``warnings``: what is not in the file as it is now, and why."""

    hosts: int
    written: bool
    reloaded: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Export:
    inventory: Inventory
    site: str
    place: ExportFile
    commands: Commands
    style: Style
    forget: bool = False

    def once(self) -> ExportResult:
        """Raises StoreError's kinds and ExportError; then the file stands as it stood."""
        with self.place.locked():
            old = self.place.current()
            last = self._last(old)
            reading = read(self.inventory, self.site, last, forget=self.forget)
            made = objects(
                reading.nodes, reading.roles, style=self.style, last=last, kept=reading.kept
            )
            data = made.text.encode()
            if data != old:
                self._replace(data)
            reloaded = self._reload(hashlib.sha256(data).hexdigest())
        return ExportResult(
            hosts=made.hosts,
            written=data != old,
            reloaded=reloaded,
            warnings=tuple(_warnings(reading, made)),
        )

    def _last(self, old: bytes | None) -> Last:
        text = (old or b"").decode(errors="replace")
        if text and not text.startswith(_OURS):
            raise ExportError(
                f"rolecall did not write {self.place.name}, and leaves it as it is; move it away"
            )
        return read_last(text)

    def _replace(self, data: bytes) -> None:
        """The old one stays where the new one would not be taken."""
        if self.commands.verify:
            with self.place.staged(data) as folder:
                command = self.commands.verify.replace(CANDIDATE, self.commands.quoted(folder))
                ran = self.commands.run(command, self.commands.deadline)
            if ran.code != 0:
                raise ExportError(
                    f"--verify-command {_how(ran, self.commands)}: {self.place.name} stays as it is"
                    f"{_said(ran)}"
                )
        self.place.forget_loaded()
        self.place.put(data)

    def _reload(self, what: str) -> bool:
        """Whether it was due, and done."""
        due = self.place.loaded() != what
        if due and self.commands.reload:
            ran = self.commands.run(self.commands.reload, self.commands.deadline)
            if ran.code != 0:
                raise ExportError(
                    f"--reload-command {_how(ran, self.commands)}: {self.place.name} is written, "
                    f"and the next export tries to reload again{_said(ran)}"
                )
        # Also where nothing was due: it says when the file was last known to be right.
        self.place.note_loaded(what if self.commands.reload else "")
        return due and bool(self.commands.reload)


def _warnings(reading: Reading, made: Objects) -> Iterator[str]:
    yield from _sorted(reading.kept, "its last definition stays")
    yield from _sorted(reading.spoilt, "it is left out")
    yield from sorted(f"{one.certname}: {one.why}" for one in made.refused)
    yield from made.notes


def _sorted(found: Mapping[str, str], what: str) -> Iterator[str]:
    for name, why in sorted(found.items()):
        yield f"{name}: {why}" if name.startswith("role ") else f"{name}: {why}; {what}"


def _how(ran: Ran, commands: Commands) -> str:
    if ran.code is None:
        return f"did not end within {commands.deadline.total_seconds():.0f} s (--deadline)"
    return f"ended with {ran.code}"


def _said(ran: Ran) -> str:
    """The lines that tell: those of errors, else the last ones."""
    lines = [line.strip() for line in ran.said.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    shown = errors[:_LINES] or lines[-_LINES:]
    return "".join(f"\n  {line}" for line in shown)
