"""One Chromium for all; what it says on its console, and where it goes, is watched."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from enc.inventory import Inventory, connect
from tests.browser import stages
from tests.browser.reader import Reader, Stage
from tests.real.conftest import cannot_run
from tests.servers import RedisServer, Service

AXE = "4.10.3"
AXE_SHA512 = (
    "5e6edba515e70d25f6604d9815f064d859c5d1ea7ab661bbc4f87c88779ef0c2"
    "1cae0abbeb636471ef39e9d62d2582e4b88a1866f19f4ecfcf6d986275e4dc12"
)
# Where screenshots are kept; otherwise they go with the run's temporary folder.
SCREENSHOTS = "ROLECALL_SCREENSHOTS"


@pytest.fixture(scope="session")
def shots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get(SCREENSHOTS) or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium") or cannot_run("not installed: chromium; run: make debs")
    # Root has no sandbox of Chromium's; it opens nothing but our own pages.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(path), args=options)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The source of axe-core, in the very version that is pinned here."""
    folder = tmp_path_factory.mktemp("axe")
    npm = shutil.which("npm") or cannot_run("not installed: npm; run: make debs")
    command = [str(npm), "pack", "--silent", f"axe-core@{AXE}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        cannot_run(f"npm could not fetch axe-core {AXE}: {done.stderr.strip()[-300:]}")
    archive = folder / f"axe-core-{AXE}.tgz"
    assert hashlib.sha512(archive.read_bytes()).hexdigest() == AXE_SHA512
    with tarfile.open(archive) as content:
        file = content.extractfile("package/axe.min.js")
        assert file is not None
        return file.read().decode()


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], Stage]]:
    """A service over an inventory of so many nodes; each is set up when it is first asked for."""
    with ExitStack() as stack:

        @cache
        def made(count: int) -> Stage:
            folder = tmp_path_factory.mktemp(f"stage-{count}")
            redis = RedisServer(folder / "redis").start()
            stack.callback(redis.end)
            inventory = Inventory.on(connect(redis.url, timeout=30))
            stages.set_up(inventory, count)
            service = Service(folder / "service", redis.url).start()
            stack.callback(service.end)
            return Stage(inventory=inventory, redis=redis, service=service)

        yield made


@pytest.fixture
def reader(browser: Browser, axe: str, shots: Path) -> Iterator[Callable[..., Reader]]:
    with ExitStack() as stack:

        def made(stage: Stage, **options: object) -> Reader:
            context = browser.new_context(base_url=stage.service.url, **options)  # type: ignore[arg-type]
            stack.callback(context.close)
            return Reader(context.new_page(), stage, axe, shots)

        yield made
