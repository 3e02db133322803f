"""The report processor inside Puppet: many writers, a shipper, and whose report Puppet takes."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.real.reportdriver import (
    ALL_WELL,
    NOBODY,
    Answer,
    Drivers,
    ReportDriver,
    folder_of_nobody,
    log,
    report,
)
from tests.real.rubydriver import JRUBY, MODULE_LIB, MRI

pytestmark = pytest.mark.differs

WRITERS = 8
REPORTS_EACH = 300
# Of the shipper, between two takings: seconds.
PAUSE = 0.002


class Shipper:
    """Takes `incoming` away again and again, reads it at once, and deletes it."""

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._ends = threading.Event()
        self.taken = 0
        self.lines: list[bytes] = []

    def take(self) -> None:
        segment = self._spool / f"20261124T010203.{self.taken:09}.jsonl"
        with suppress(FileNotFoundError):
            (self._spool / "incoming").rename(segment)
            self.lines += segment.read_bytes().splitlines(keepends=True)
            segment.unlink()
            self.taken += 1

    @contextmanager
    def at_work(self) -> Iterator[None]:
        thread = threading.Thread(target=self._work)
        thread.start()
        try:
            yield
        finally:
            self._ends.set()
            thread.join()
            self.take()

    def _work(self) -> None:
        while not self._ends.wait(PAUSE):
            self.take()


@pytest.fixture(scope="module", params=[MRI, JRUBY], ids=["ruby", "jruby"])
def puppet(request: pytest.FixtureRequest, report_drivers: Drivers) -> ReportDriver:
    return report_drivers(request.param, within=NOBODY)


@pytest.fixture
def spool() -> Iterator[Path]:
    with folder_of_nobody() as folder:
        yield folder


def certnames(path: Path) -> list[str]:
    return [json.loads(line)["certname"] for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize(
    ("ruby", "processes"), [(MRI, 3), (JRUBY, 1)], ids=["3 of ruby", "1 of jruby"]
)
def test_many_writers_and_a_shipper_do_not_lose_or_mix_a_report(
    report_drivers: Drivers, tmp_path: Path, ruby: tuple[str, ...], processes: int
) -> None:
    shipper = Shipper(tmp_path)
    count = WRITERS * REPORTS_EACH // processes
    logs = [log(f"{number} {'x' * 300}") for number in range(5)]
    writers = [report_drivers(ruby, number=number) for number in range(processes)]

    def write(number: int) -> Answer:
        hosts = [f"w{number}-{each}" for each in range(count)]
        reports = [report("failed", host=host, logs=logs) for host in hosts]
        return writers[number].save(reports, spool=tmp_path, threads=WRITERS)

    with ThreadPoolExecutor(processes) as pool, shipper.at_work():
        assert list(pool.map(write, range(processes))) == [ALL_WELL] * processes
    # Who reads while somebody writes may see the beginning of a last line: pages become visible one
    # by one. The writer then misses the file under its name, and writes the line again.
    whole = [line for line in shipper.lines if line.endswith(b"\n")]
    found = [json.loads(line)["certname"] for line in whole]
    assert set(found) == {f"w{n}-{each}" for n in range(processes) for each in range(count)}
    assert shipper.taken > 50


def test_a_spool_that_nobody_disturbs_does_not_hold_a_report_twice(
    puppet: ReportDriver, spool: Path
) -> None:
    hosts = [f"w-{each}" for each in range(400)]
    reports = [report("changed", host=host) for host in hosts]
    assert puppet.save(reports, spool=spool, threads=WRITERS) == ALL_WELL
    assert sorted(certnames(spool / "incoming")) == sorted(hosts)


def test_writers_that_close_segments_at_once_do_not_lose_a_report(
    puppet: ReportDriver, spool: Path
) -> None:
    hosts = [f"w-{each}" for each in range(600)]
    reports = [report("changed", host=host) for host in hosts]
    answer = puppet.save(reports, spool=spool, spool_limit=1, threads=WRITERS)
    assert answer == ALL_WELL
    files = list(spool.iterdir())
    assert len(files) > 2
    assert {name for path in files for name in certnames(path)} == set(hosts)


def test_many_at_once_in_a_missing_folder_do_not_lose_a_report(
    puppet: ReportDriver, spool: Path
) -> None:
    hosts = {f"w-{each}" for each in range(WRITERS)}
    reports = [report("changed", host=host) for host in hosts]
    for number in range(50):
        folder = spool / str(number)
        assert puppet.save(reports, spool=folder, threads=WRITERS) == ALL_WELL
        assert set(certnames(folder / "incoming")) == hosts


# Puppet's own check, Puppet::Indirector::Terminus#validate_key, which the PUT of a report passes
# through:
# https://github.com/puppetlabs/puppet/blob/7.23.0/lib/puppet/indirector/terminus.rb
# With auth.conf's rule that a certificate may PUT only under its own name, no node can report for
# another one; so the processor believes the report's `host`.
def test_a_report_under_another_name_than_its_own_does_not_reach_the_processor(
    puppet: ReportDriver, spool: Path
) -> None:
    answer = puppet.save([report("changed")], key="i-0aaa0001", spool=spool)
    (raised,) = answer.raised
    assert raised.startswith("Puppet::Indirector::ValidationError: ")
    assert '"i-0aaa0002" does not match requested key "i-0aaa0001"' in raised
    assert not list(spool.iterdir())


def test_a_report_under_its_own_name_does_reach_the_processor(
    puppet: ReportDriver, spool: Path
) -> None:
    assert puppet.save([report("changed")], key="i-0aaa0002", spool=spool) == ALL_WELL
    assert (spool / "incoming").exists()


def test_puppet_doc_does_explain_the_processor() -> None:
    done = subprocess.run(
        ["puppet", "doc", "--reference", "report"],
        env={"PATH": os.environ["PATH"], "RUBYLIB": str(MODULE_LIB), "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "rolecall" in done.stdout
    assert "spool_limit" in done.stdout
