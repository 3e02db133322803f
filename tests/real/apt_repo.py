"""A small apt repository on loopback, signed, with agents in it that a test made itself.

It stands in for three: the distribution's (`/debian`), Puppet's and OpenVox's, with their release
packages at the root under their real names, which add the repository and its key to a machine.
"""

import gzip
import hashlib
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# The names under which machines know it, on the port that they reach it at.
VENDOR, DISTRIBUTION = "vendor.test", "distribution.test"
PORT = 8080
URL = f"http://{VENDOR}:{PORT}"
KEYRING = "/usr/share/keyrings/rolecall-test.gpg"
# Higher than any that an image could have; the distribution's agent is ahead of the vendors',
# as in Debian 13.
VENDORS, DISTRIBUTIONS = "99.0", "100.0"


@dataclass(frozen=True)
class AptRepo:
    """`port` is where it listens on loopback; `asked` are the paths that were fetched."""

    folder: Path
    port: int
    asked: list[str]

    def line(self, name: str) -> str:
        """A line of sources.list for the repository `name`."""
        host = DISTRIBUTION if name == "debian" else VENDOR
        return f"deb [signed-by={KEYRING}] http://{host}:{PORT}/{name} ./\n"

    @property
    def key(self) -> Path:
        return self.folder / "key.gpg"


@contextmanager
def apt_repo(folder: Path, puppet: str) -> Iterator[AptRepo]:
    """Serve it from `folder`; `puppet` is the text of the command that each agent brings."""
    asked: list[str] = []
    handler = partial(_Handler, asked, directory=str(folder))
    with _key_in(folder), ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        repo = AptRepo(folder, server.server_port, asked)
        _fill(repo, puppet)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield repo
        finally:
            server.shutdown()
            thread.join()


def _fill(repo: AptRepo, puppet: str) -> None:
    system = os_release()
    aio = {"/opt/puppetlabs/bin/puppet": puppet}
    _publish(repo, "debian", "puppet-agent", {"/usr/bin/puppet": puppet})
    _publish(repo, "puppet8", "puppet-agent", aio)
    _publish(repo, "openvox8", "openvox-agent", aio)
    _release(repo, "puppet8", system["VERSION_CODENAME"])
    _release(repo, "openvox8", f"{system['ID']}{system['VERSION_ID']}")


def os_release() -> dict[str, str]:
    lines = Path("/etc/os-release").read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    return {name: value.strip('"') for name, value in pairs}


def _publish(repo: AptRepo, name: str, package: str, files: Mapping[str, str]) -> None:
    place = repo.folder / name
    place.mkdir()
    deb = _build(place / f"{package}.deb", package, files)
    index = _stanza(deb).encode()
    (place / "Packages").write_bytes(index)
    (place / "Packages.gz").write_bytes(gzip.compress(index))
    sums = "".join(f" {_sum(place / file)} {file}\n" for file in ("Packages", "Packages.gz"))
    (place / "Release").write_text(f"Date: Thu, 01 Jan 2026 00:00:00 UTC\nSHA256:\n{sums}")
    _gpg(repo.folder, "--clearsign", "--output", str(place / "InRelease"), str(place / "Release"))


def _release(repo: AptRepo, name: str, platform: str) -> None:
    """A vendor's release package, as `openvox8-release-debian12.deb`."""
    files = {f"/etc/apt/sources.list.d/{name}.list": repo.line(name), KEYRING: repo.key}
    _build(repo.folder / f"{name}-release-{platform}.deb", f"{name}-release", files)


def _build(deb: Path, package: str, files: Mapping[str, str | Path]) -> Path:
    tree = deb.with_suffix(".tree")
    version = DISTRIBUTIONS if deb.parent.name == "debian" else VENDORS
    control = f"Package: {package}\nVersion: {version}\nArchitecture: all\n"
    _put(
        tree / "DEBIAN/control",
        f"{control}Maintainer: test <test@{VENDOR}>\nDescription: a test's\n",
    )
    for path, content in files.items():
        _put(tree / path.lstrip("/"), content)
    command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(tree), str(deb)]
    subprocess.run(command, check=True, capture_output=True)
    shutil.rmtree(tree)
    return deb


def _put(where: Path, content: str | Path) -> None:
    where.parent.mkdir(parents=True, exist_ok=True)
    where.write_bytes(content.read_bytes() if isinstance(content, Path) else content.encode())
    where.chmod(0o755 if where.name == "puppet" else 0o644)


def _stanza(deb: Path) -> str:
    control = subprocess.run(
        ["dpkg-deb", "-f", str(deb)], check=True, capture_output=True, text=True
    )
    size = deb.stat().st_size
    return f"{control.stdout}Filename: ./{deb.name}\nSize: {size}\nSHA256: {_digest(deb)}\n\n"


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _sum(file: Path) -> str:
    return f"{_digest(file)} {file.stat().st_size}"


@contextmanager
def _key_in(folder: Path) -> Iterator[None]:
    (folder / "gpg").mkdir(mode=0o700)
    try:
        _gpg(folder, "--quick-generate-key", VENDOR, "ed25519", "sign", "1d")
        _gpg(folder, "--output", str(folder / "key.gpg"), "--export", VENDOR)
        yield
    finally:
        # gpg leaves its agent running
        home = {"GNUPGHOME": str(folder / "gpg"), "PATH": "/usr/bin:/bin"}
        subprocess.run(["gpgconf", "--kill", "all"], check=True, env=home)


def _gpg(folder: Path, *arguments: str) -> None:
    options = ["--homedir", str(folder / "gpg"), "--batch", "--passphrase", ""]
    subprocess.run(["gpg", *options, *arguments], check=True, capture_output=True)


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, asked: list[str], *args: object, directory: str) -> None:
        self._asked = asked
        super().__init__(*args, directory=directory)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self._asked.append(self.path)
        super().do_GET()

    def log_message(self, *_: object) -> None:
        """Say nothing: the test asks `asked`."""
