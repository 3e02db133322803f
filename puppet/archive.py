"""Builds the module's archive as the Forge takes it: `python puppet/archive.py FOLDER`.

The same sources make the same bytes. Prints the archive's path.
"""

from __future__ import annotations

import gzip
import io
import json
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
MODULE = HERE / "rolecall"
PARTS = ("data", "files", "functions", "lib", "manifests", "templates", "types")
PAGES = ("README.md", "REFERENCE.md", "hiera.yaml", "metadata.json")
# The product's own: the module has the same licence, and changes with it.
SHARED = ("CHANGELOG.md", "LICENSE")


def build(folder: Path) -> Path:
    """Returns the archive. Raises FileNotFoundError for a page that is missing."""
    metadata = json.loads((MODULE / "metadata.json").read_text())
    name = f"{metadata['name']}-{metadata['version']}"
    path = folder / f"{name}.tar.gz"
    folder.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for inside, source in sorted(contents()):
            archive.add(source, f"{name}/{inside}", filter=anonymous)
    path.write_bytes(gzip.compress(content.getvalue(), mtime=0))
    return path


def contents() -> Iterator[tuple[str, Path]]:
    """(path in the module, file) of each; the Forge takes no links."""
    for page in PAGES:
        yield page, MODULE / page
    for page in SHARED:
        yield page, HERE.parent / page
    for part in PARTS:
        for path in (MODULE / part).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                yield str(path.relative_to(MODULE)), path


def anonymous(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without who built it and when."""
    entry.uid = entry.gid = entry.mtime = 0
    entry.uname = entry.gname = "root"
    entry.mode = 0o755 if entry.mode & 0o100 else 0o644
    return entry


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))
