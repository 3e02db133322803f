"""Each way to install an agent, by real apt from a repository of the test's own."""

import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from provisioner.bootstrap import Bootstrap, Install, render
from tests.real import apt_repo, fakepuppet
from tests.real.apt_repo import DISTRIBUTIONS, VENDORS, AptRepo
from tests.real.host import Host
from tests.real.newborn import LOG, PLAIN, SOON, boot, wait_bootstrapped

pytestmark = [pytest.mark.differs, pytest.mark.root, pytest.mark.usefixtures("tools")]

AIO = "/opt/puppetlabs/bin/puppet"
# What is installed here of which apt would say: it needs Debian's agent, and no other.
NEEDS_AN_AGENT = r"[ ,]puppet(-agent)?( \(|,|$)"


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AptRepo]:
    folder: Path = tmp_path_factory.mktemp("apt")
    with apt_repo.apt_repo(folder, fakepuppet.SCRIPT) as repo:
        yield repo


@contextmanager
def bare(repo: AptRepo, bootstrap: Bootstrap) -> Iterator[Host]:
    """A machine without a puppet command, that knows no repository."""
    relays = {apt_repo.PORT: ("127.0.0.1", repo.port)}
    with Host("i-0a99e50000000001", user_data=render(bootstrap), relays=relays) as host:
        fakepuppet.prepare(host)
        names = f"{apt_repo.VENDOR} {apt_repo.DISTRIBUTION}"
        host.write("/etc/hosts", f"127.0.0.1 localhost\n{host.gateway} {names}\n")
        host.run(["sh", "-c", "rm -rf /etc/apt/sources.list* /var/lib/apt/lists/*"])
        host.run(["rm", "/usr/bin/puppet"])
        yield host


def forget_the_agent(host: Host) -> None:
    """What is installed here would be upgraded rather than installed."""
    listed = ["dpkg-query", "-W", "-f", "${Package}\t ${Depends}\n"]
    needs = [line.split("\t") for line in host.run(listed).stdout.splitlines()]
    named = [package for package, of in needs if re.search(NEEDS_AN_AGENT, of)]
    host.run(["dpkg", "--purge", "--force-depends", *named, "puppet-agent"])


def version_of(host: Host, package: str) -> str:
    query = ["dpkg-query", "-W", "-f", "${Version}", package]
    return host.run(query, check=False).stdout


@dataclass(frozen=True)
class Way:
    """What is asked for, and what shall come of it."""

    install: Install
    package: str
    version: str
    puppet: str
    release: str | None


WAYS = (
    Way("packages", "puppet-agent", DISTRIBUTIONS, "/usr/bin/puppet", None),
    Way("aio", "puppet-agent", VENDORS, AIO, "/puppet8-release-{VERSION_CODENAME}.deb"),
    Way("openvox", "openvox-agent", VENDORS, AIO, "/openvox8-release-{ID}{VERSION_ID}.deb"),
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.install)
def test_installs_the_agent_and_runs_it(repo: AptRepo, way: Way) -> None:
    repo.asked.clear()
    with bare(repo, replace(PLAIN, install=way.install, repository=apt_repo.URL)) as host:
        forget_the_agent(host)
        give_distribution(host, repo)
        boot(host)
        wait_bootstrapped(host)

        assert version_of(host, way.package) == way.version
        assert fakepuppet.runs(host)[0].startswith(f"{way.puppet} agent --onetime")
        fetched = [path for path in repo.asked if "-release-" in path]
        system = apt_repo.os_release()
        assert fetched == ([way.release.format(**system)] if way.release else [])


def give_distribution(host: Host, repo: AptRepo) -> None:
    """The key in the image, and the line; beside it a repository that is broken."""
    decode = ["python3", "-c", "import sys; sys.stdout.buffer.write(bytes.fromhex(input()))"]
    host.run(
        ["sh", "-c", f"{shlex.join(decode)} >{apt_repo.KEYRING}"],
        text_in=repo.key.read_bytes().hex(),
    )
    broken = f"deb [signed-by={apt_repo.KEYRING}] {apt_repo.URL}/gone ./\n"
    host.write("/etc/apt/sources.list", repo.line("debian") + broken)


def test_a_package_that_is_not_to_be_had_is_named_and_tried_again(repo: AptRepo) -> None:
    with bare(repo, replace(PLAIN, install="packages", package="no-such-agent")) as host:
        give_distribution(host, repo)
        boot(host)
        host.wait_for(f"grep -q 'no-such-agent was not installed' {LOG}", seconds=SOON)
        host.wait_for(f"grep -q 'next attempt' {LOG}", seconds=SOON)


def test_a_repository_whose_key_the_image_lacks_brings_nothing(repo: AptRepo) -> None:
    with bare(repo, replace(PLAIN, install="packages", package="openvox-agent")) as host:
        host.write("/etc/apt/sources.list", f"deb {apt_repo.URL}/openvox8 ./\n")
        boot(host)
        host.wait_for(f"grep -q 'openvox-agent was not installed' {LOG}", seconds=SOON)

        assert version_of(host, "openvox-agent") == ""
