"""Builds what a release is, and looks into it: ``make release-check``.

Raises SystemExit with everything that is wrong.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.house.imports import ROOT

# What an installed rolecall reads, and cannot do without.
CARRIED = ("*.lua", "*.html", "*.css", "*.js", "*.svg", "py.typed")
SCRIPTS = ("enc", "autosign", "ship-reports", "rolecall-inventory")
_BUILD = "import sys, setuptools.build_meta as b; b.{what}(sys.argv[1])"


def versions() -> dict[str, str]:
    """Each place that says which version this is."""
    settings = (ROOT / "setup.cfg").read_text()
    notes = (ROOT / "CHANGELOG.md").read_text()
    readme = (ROOT / "README.md").read_text()
    return {
        "setup.cfg": re.findall(r"^version = (\S+)$", settings, re.MULTILINE)[0],
        "metadata.json": json.loads((ROOT / "puppet/rolecall/metadata.json").read_text())[
            "version"
        ],
        "CHANGELOG.md": re.findall(r"^## \[([0-9.]+)\]", notes, re.MULTILINE)[0],
        "README.md": re.findall(r"rolecall-([0-9.]+)-py3-none-any\.whl", readme)[0],
    }


def missing(names: Iterable[str]) -> Iterator[str]:
    """Files that the programs read and that are not among ``names``."""
    there = set(names)
    for package in ("enc", "provisioner"):
        for pattern in CARRIED:
            for file in (ROOT / package).rglob(pattern):
                if not any(name.endswith(str(file.relative_to(ROOT))) for name in there):
                    yield f"lacks {file.relative_to(ROOT)}"
    yield from (f"lacks {one}" for one in SCRIPTS if not _has(there, one))


def strange(names: Iterable[str]) -> Iterator[str]:
    """What is no part of a release."""
    for name in names:
        if re.search(r"(^|/)(tests|__pycache__|\.venv|spec)/|\.pyc$", name):
            yield f"has {name}"


def main() -> None:
    wrong = [f"{file} says {one}" for file, one in versions().items() if one != _version()]
    with tempfile.TemporaryDirectory() as folder:
        for what, names in _built(Path(folder)).items():
            looked = strange(names) if what == "module" else (*missing(names), *strange(names))
            wrong += [f"{what}: {one}" for one in looked]
            print(f"{what}: {len(names)} files")
    if wrong:
        raise SystemExit("\n".join(wrong))
    print(f"rolecall {_version()} can be released")


def _built(folder: Path) -> dict[str, list[str]]:
    for what in ("build_wheel", "build_sdist"):
        command = [sys.executable, "-c", _BUILD.format(what=what), str(folder)]
        subprocess.run(command, cwd=_copy(folder / what), check=True, capture_output=True)
    subprocess.run([sys.executable, ROOT / "puppet/archive.py", folder], check=True)
    [wheel], [sdist], [module] = (
        list(folder.glob(one)) for one in ("*.whl", "rolecall-[0-9]*.tar.gz", "rolecall-rolecall*")
    )
    with tarfile.open(sdist) as source, tarfile.open(module) as made:
        return {
            "wheel": zipfile.ZipFile(wheel).namelist(),
            "sdist": source.getnames(),
            "module": made.getnames(),
        }


def _copy(folder: Path) -> Path:
    """What a commit would hold: no build leaves anything in the checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
    return folder


def _has(names: Iterable[str], script: str) -> bool:
    return any(name.endswith(f"/{script}") for name in names)


def _version() -> str:
    return versions()["setup.cfg"]


if __name__ == "__main__":
    main()
