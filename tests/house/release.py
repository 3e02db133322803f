"""What a release is made of: builds the wheel, the sdist and the module, and looks into them.

    make release-check

Exit 1: something is missing, something is too much, or a version differs; each is named. Nothing is
downloaded, and nothing is left in the tree.
"""

from __future__ import annotations

import configparser
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from puppet import archive
from tests.house.imports import ROOT

CODE = ("enc/", "provisioner/")
SCRIPTS = ("autosign", "enc", "rolecall-inventory", "ship-reports")
PAGES = ("CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "SECURITY.md")
BUILT_BY = ("MANIFEST.in", "pyproject.toml", "setup.cfg")
MODULE = "puppet/rolecall/"
# Where our version stands in a text: a wheel's or module's file name, or what pip is told.
NAMED = re.compile(r"\brolecall(?:-rolecall)?(?:-|==)(\d+\.\d+\.\d+)")
CHANGES = re.compile(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d{2}-\d{2}$", re.MULTILINE)
# setuptools asks for a folder that it may fill, and this runs where `make venv` put setuptools.
BUILD = "import setuptools.build_meta as b, sys; getattr(b, sys.argv[1])(sys.argv[2])"


@dataclass(frozen=True)
class Artifact:
    """``holds`` are the files in it that are ours, by their paths in the repository."""

    path: Path
    holds: frozenset[str]

    def problems(self, wanted: Collection[str]) -> list[str]:
        lacking = [f"{self.path.name} lacks {name}" for name in wanted if name not in self.holds]
        return sorted(lacking) + [
            f"{self.path.name} has {name}, which does not belong there"
            for name in sorted(self.holds - set(wanted))
        ]


def main() -> int:
    names = tracked(ROOT)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        source = copy(ROOT, names, work / "source")
        problems = [*versions(source, names)]
        for artifact, wanted in artifacts(source, names, work / "dist"):
            print(f"{artifact.path.name}: {len(artifact.holds)} files of ours")
            problems += artifact.problems(wanted)
    print(*problems, sep="\n", file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


def tracked(root: Path) -> list[str]:
    """What a commit of the tree as it is would hold."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    return [name for name in filter(None, listed.split("\0")) if (root / name).is_file()]


def copy(root: Path, names: Collection[str], to: Path) -> Path:
    for name in names:
        target = to / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((root / name).read_bytes())
        target.chmod((root / name).stat().st_mode)
    return to


def artifacts(
    source: Path, names: Collection[str], dist: Path
) -> Iterator[tuple[Artifact, set[str]]]:
    """Each, with the files that it must hold, and no others. The wheel is built from the sdist."""
    dist.mkdir()
    scripts = {f"{MODULE}files/{name}" for name in SCRIPTS}
    code = {name for name in names if name.startswith(CODE)} | scripts
    docs = {name for name in names if name.startswith("docs/")}
    sdist = build(source, "build_sdist", dist)
    yield in_sdist(sdist), code | docs | {*PAGES, *BUILT_BY}
    with tarfile.open(sdist) as content:
        content.extractall(dist, filter="data")
    yield in_wheel(build(dist / sdist.name.removesuffix(".tar.gz"), "build_wheel", dist)), code
    module = archive.build(dist)
    parts = (*archive.PAGES, *(f"{part}/" for part in archive.PARTS))
    wanted = {name for name in names if name.removeprefix(MODULE).startswith(parts)}
    yield (
        in_module(module),
        {name for name in wanted if name.startswith(MODULE)} | {*archive.SHARED},
    )


def build(source: Path, what: str, dist: Path) -> Path:
    before = set(dist.iterdir())
    done = subprocess.run(
        [sys.executable, "-c", BUILD, what, str(dist)],
        cwd=source, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"{what} failed: {done.stderr[-2000:]}")
    (made,) = set(dist.iterdir()) - before
    return made


def in_wheel(path: Path) -> Artifact:
    """A script lies in a folder of the wheel's own; the .dist-info is the build's."""
    with zipfile.ZipFile(path) as content:
        names = [name for name in content.namelist() if ".dist-info/" not in name]
    ours = [re.sub(r"^rolecall-[^/]+\.data/scripts/", f"{MODULE}files/", name) for name in names]
    return Artifact(path, frozenset(ours))


def in_sdist(path: Path) -> Artifact:
    made = {"PKG-INFO"}
    found = (name for name in _files(path) if ".egg-info/" not in name)
    return Artifact(path, frozenset(found) - made)


def in_module(path: Path) -> Artifact:
    shared = archive.SHARED
    found = (name if name in shared else f"{MODULE}{name}" for name in _files(path))
    return Artifact(path, frozenset(found))


def version_of(source: Path) -> str:
    settings = configparser.ConfigParser()
    settings.read(source / "setup.cfg")
    return settings["metadata"]["version"]


def versions(source: Path, names: Collection[str]) -> Iterator[str]:
    """What says another version than setup.cfg does."""
    version = version_of(source)
    module = json.loads((source / MODULE / "metadata.json").read_text())["version"]
    newest = CHANGES.findall((source / "CHANGELOG.md").read_text())[:1]
    if module != version:
        yield f"{MODULE}metadata.json says {module}; setup.cfg says {version}"
    if newest != [version]:
        yield f"CHANGELOG.md's newest release is {newest}; setup.cfg says {version}"
    for name in names:
        if name.startswith(("README.md", "docs/", "puppet/")) and not name.endswith(".png"):
            for found in set(NAMED.findall((source / name).read_text())) - {version}:
                yield f"{name} names rolecall {found}; setup.cfg says {version}"


def _files(path: Path) -> list[str]:
    """Without the one folder that all of them are in."""
    with tarfile.open(path) as content:
        return [entry.name.partition("/")[2] for entry in content if entry.isfile()]


if __name__ == "__main__":
    sys.exit(main())
