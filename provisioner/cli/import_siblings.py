"""The manifests that Puppet may read together with the one that is imported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioner.ports.puppet import Puppet

# The parser takes about a second for each.
_MOST = 30


def siblings(command: Puppet, file: Path) -> dict[str, str | None]:
    """Their dumps by name; None for one that the parser does not read, or is one too many."""
    from provisioner.wiring import sibling_manifests

    own = file.absolute()
    found = sibling_manifests(own)
    return {
        str(other.relative_to(own.parent)): _dump(command, other) if count < _MOST else None
        for count, other in enumerate(found)
    }


def _dump(command: Puppet, file: Path) -> str | None:
    from provisioner.ports.errors import PuppetCommandError

    try:
        return command.dump(file)
    except PuppetCommandError:
        return None
