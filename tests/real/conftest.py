"""The real ring: one puppetserver for all of it, a new store and service for each test."""

import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.real.agent import Agent, machine
from tests.real.puppetdb import PuppetDB
from tests.real.reportdriver import Drivers, ReportDriver
from tests.real.ring import Ring, image
from tests.real.rubydriver import MRI
from tests.real.site import Site
from tests.real.terminusdriver import RUBIES, TerminusDriver
from tests.region.boots import Booter
from tests.region.handle import Region, World

# What the ring drives; tests/real/debs.sh installs it.
TOOLS = (
    *("puppet", "puppetserver", "puppetdb", "redis-server", "cloud-init"),
    *("ip", "gpg", "nsenter", "setpriv", "prometheus", "promtool", "ansible-inventory"),
    *("nagios4", "pdns_server", "dig", "unbound"),
)
# Open to every user, and short: a path in it becomes a unix socket's, which takes 108 bytes.
FOLDERS_BELOW = "/tmp"
# Of each log, what a failed test shows.
TAIL_LINES = 60


def cannot_run(why: str) -> None:
    """Skip where a person lacks something; fail in CI, where nobody would read of it."""
    if os.environ.get("CI", "").lower() not in {"", "0", "false"}:
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


@pytest.fixture(scope="session", autouse=True)
def tools() -> None:
    """Root, and the packages that tests/real/debs.sh installs: every test here needs them."""
    path = os.pathsep.join(("/usr/bin", "/bin", "/usr/sbin", "/sbin"))
    missing = [tool for tool in TOOLS if shutil.which(tool, path=path) is None]
    if missing:
        cannot_run(f"not installed: {', '.join(missing)}; run: make debs")
    if os.geteuid() != 0:
        cannot_run("private machines (namespaces, mounts) need root; run: sudo make real")


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """A folder that the puppet user may enter."""
    path = Path(tempfile.mkdtemp(prefix="rolecall-real-", dir=FOLDERS_BELOW))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def ring(tools: None, folder: Path) -> Iterator[Ring]:
    ring = Ring.prepare(folder)
    try:
        ring.start()
        yield ring
    finally:
        ring.stop()


@pytest.fixture(scope="session")
def puppetdb(ring: Ring) -> PuppetDB:
    return ring.puppetdb


@pytest.fixture(scope="session", params=RUBIES)
def puppet(request: pytest.FixtureRequest) -> Iterator[TerminusDriver]:
    """The node terminus in C Ruby, then in JRuby: one process each."""
    with TerminusDriver.start(RUBIES[request.param]) as puppet:
        yield puppet


@pytest.fixture(scope="session")
def report_drivers() -> Iterator[Drivers]:
    """One of each kind for all tests: it keeps nothing between two calls, and starts slowly."""
    with ExitStack() as stack:

        @cache
        def driver(
            ruby: tuple[str, ...] = MRI, within: tuple[str, ...] = (), number: int = 0
        ) -> ReportDriver:
            return stack.enter_context(ReportDriver.start(ruby, within))

        yield driver


@pytest.fixture(scope="session")
def region() -> Iterator[Region]:
    """One, never reset: an instance id that came twice would be one certname with two keys."""
    with Region.start() as region:
        yield region


@pytest.fixture(scope="session")
def world(region: Region) -> World:
    return region.seed()


@pytest.fixture(scope="session")
def numbers() -> Iterator[int]:
    """One for each site: another site's machines are not ours."""
    return count(1)


@pytest.fixture
def site(ring: Ring, region: Region, world: World, numbers: Iterator[int]) -> Iterator[Site]:
    """A store that has begun, with the roles of the ring, and the service over it."""
    site = Site.named(f"site{next(numbers)}", ring, region, world)
    try:
        site.start()
        yield site
    finally:
        site.stop()


@pytest.fixture
def booter(ring: Ring, site: Site, region: Region) -> Iterator[Booter]:
    """What the site launches while the test runs boots by itself."""
    with Booter(region, ring.services, image, site.owns) as booter:
        yield booter


@pytest.fixture
def start_machine(ring: Ring) -> Iterator[Callable[..., Agent]]:
    """Call it with a certname (and a host name): a machine whose agent knows its puppetserver.

    Its request is signed though it carries no password.
    """
    with ExitStack() as stack:

        def start(certname: str, hostname: str | None = None) -> Agent:
            ring.sign_blindly(certname)
            return stack.enter_context(machine(certname, ring.server.port, hostname))

        yield start


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """With a failed test comes what the servers said last."""
    report = yield
    fixtures = getattr(item, "funcargs", {})
    if report.failed and "ring" in fixtures:
        log = fixtures["ring"].server.tail(TAIL_LINES)
        report.sections.append(("puppetserver, and its scripts' standard error", log))
    if report.failed and "site" in fixtures:
        report.sections.append(("the service", fixtures["site"].service_log(TAIL_LINES)))
        report.sections.append(("ship-reports", fixtures["site"].shipper.said(TAIL_LINES)))
    if report.failed and "booter" in fixtures:
        report.sections.append(("machines that boot", fixtures["booter"].report(TAIL_LINES)))
    return report
