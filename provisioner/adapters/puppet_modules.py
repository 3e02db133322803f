"""Which classes there are: by the rules by which Puppet loads them from files.

https://www.puppet.com/docs/puppet/7/lang_namespaces.html: ``a::b::c`` is in the file
``a/manifests/b/c.pp`` of a module path, ``a`` in ``a/manifests/init.pp``. Puppet also finds a class
in the file of one that its name begins with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

_CLASS = re.compile(r"^\s*class\s+(?:::)?([a-z]\w*(?:::\w+)*)", re.MULTILINE)
_NAME = re.compile(r"[a-z]\w*(::[a-z]\w*)*")


def unknown(
    names: Iterable[str], module_path: Sequence[str], beside: Path | None = None
) -> list[str]:
    """Those that no module has; manifests in the folder ``beside`` count, too."""
    around = _in_folder(beside) if beside else frozenset()
    folders = [Path(folder) for folder in module_path]
    return sorted(name for name in set(names) - around if not _there(name, folders))


def _there(name: str, folders: Sequence[Path]) -> bool:
    if not _NAME.fullmatch(name):
        return False
    module, *rest = name.split("::")
    for folder in folders:
        manifests = folder / module / "manifests"
        if any(name in _classes(file) for file in _files(manifests, rest)):
            return True
    return False


def _files(manifests: Path, rest: Sequence[str]) -> Iterator[Path]:
    """Where a class may stand, its own file first."""
    for count in range(len(rest), 0, -1):
        yield manifests.joinpath(*rest[:count]).with_suffix(".pp")
    yield manifests / "init.pp"


def _classes(file: Path) -> frozenset[str]:
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    return frozenset(_CLASS.findall(text))


def _in_folder(folder: Path) -> frozenset[str]:
    return frozenset().union(*(_classes(file) for file in _manifests(folder)))


def siblings(file: Path) -> list[Path]:
    """What Puppet reads with this manifest, where its setting ``manifest`` is their folder."""
    return [other for other in _manifests(file.parent) if other != file]


def _manifests(folder: Path) -> list[Path]:
    """Those in folders below as well.

    https://www.puppet.com/docs/puppet/7/dirs_manifest.html
    """
    return sorted(folder.rglob("*.pp"))
