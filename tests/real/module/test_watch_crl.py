"""watch-crl: a changed list of revoked certificates is loaded, and none that would end a server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers import stop, wait_until
from tests.service.enc_script import is_one_line
from tests.service.revoker import Revoker

SCRIPT = Path(__file__).parents[3] / "puppet/rolecall/files/watch-crl"
COMMAND = [sys.executable, "-I", "-S", str(SCRIPT)]
# It promises to notice within a second.
NOTICED = 1.0
# Long enough to tell that nothing happens: longer than noticing takes.
NOTHING_HAPPENS = 0.8
# Between two runs of the command, where a test is about that; and where it is not.
PAUSE = 2.0
OFTEN = 0.1
BUSY = 1.0


@dataclass
class Watched:
    """The list, the script that watches it, and the command, which writes a line when it is run."""

    authority: Revoker
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def crl(self) -> Path:
        return self.authority.crl

    @property
    def said(self) -> list[str]:
        return (self.folder / "said").read_text("ascii").splitlines()

    @property
    def runs(self) -> list[float]:
        """When the command was run."""
        return [float(line) for line in _lines(self.folder / "runs")]

    def wait_for(self, runs: int) -> None:
        wait_until(f"run {runs}", lambda: len(self.runs) >= runs, alive=self.lives)

    def lives(self) -> bool:
        return self.process.poll() is None


def _lines(path: Path) -> list[str]:
    return path.read_text("ascii").splitlines() if path.exists() else []


@contextmanager
def watching(
    folder: Path, every: float = OFTEN, *, exits: int = 0, before: bytes | None = None
) -> Iterator[Watched]:
    """`exits` is what the command does at first; `before` the list's text at the start."""
    authority = Revoker(folder, "ca")
    if before is not None:
        authority.crl.write_bytes(before)
    command = folder / "reload"
    command.write_text(f"#!/bin/sh\ndate +%s.%N >> {folder}/runs\n. {folder}/exits\n")
    command.chmod(0o755)
    (folder / "exits").write_text(f"echo cannot >&2; exit {exits}\n")
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(
            [*COMMAND, str(authority.crl), "--every", str(every), str(command)],
            stderr=said,
            stdin=subprocess.DEVNULL,
        )
    try:
        yield Watched(authority, folder, process)
    finally:
        stop(process)


class TestChanges:
    def test_takes_at_its_start_what_changed_before(self, tmp_path: Path) -> None:
        with watching(tmp_path) as watched:
            watched.wait_for(1)

    def test_runs_the_command_within_a_second_of_a_change(self, tmp_path: Path) -> None:
        with watching(tmp_path) as watched:
            watched.wait_for(1)
            time.sleep(2 * OFTEN)
            changed = time.time()
            watched.authority.publish()
            watched.wait_for(2)

            assert watched.runs[1] - changed < NOTICED
            wait_until("a word about it", lambda: len(watched.said) > 1, alive=watched.lives)
            assert watched.said == [f"watch-crl: {watched.crl} has changed: {tmp_path}/reload"] * 2

    def test_runs_nothing_while_nothing_changes(self, tmp_path: Path) -> None:
        with watching(tmp_path) as watched:
            watched.wait_for(1)
            time.sleep(NOTHING_HAPPENS)

            assert len(watched.runs) == 1

    def test_changes_in_a_row_are_taken_at_most_so_often_and_none_is_lost(
        self, tmp_path: Path
    ) -> None:
        with watching(tmp_path, every=PAUSE) as watched:
            watched.wait_for(1)
            for _ in range(3):
                watched.authority.publish()
                time.sleep(0.2)
            watched.wait_for(2)
            time.sleep(NOTHING_HAPPENS)

            first, second = watched.runs
            assert PAUSE <= second - first < PAUSE + NOTICED

    def test_a_change_while_the_command_runs_is_taken_after_it(self, tmp_path: Path) -> None:
        with watching(tmp_path) as watched:
            watched.wait_for(1)
            (tmp_path / "exits").write_text(f"sleep {BUSY}\n")
            watched.authority.publish()
            watched.wait_for(2)
            watched.authority.publish()
            watched.wait_for(3)

            assert watched.runs[2] - watched.runs[1] >= BUSY


class TestLists:
    @pytest.mark.parametrize(
        "damaged",
        [b"", b"junk\n", b"-----BEGIN X509 CRL-----\nMIIB\n-----END X509 CRL-----\n"],
        ids=["empty", "none", "damaged"],
    )
    def test_one_that_cannot_be_read_is_not_given_to_the_server(
        self, tmp_path: Path, damaged: bytes
    ) -> None:
        with watching(tmp_path, before=damaged) as watched:
            wait_until("a word about it", lambda: watched.said != [], alive=watched.lives)
            time.sleep(NOTHING_HAPPENS)

            assert watched.runs == []
            assert "cannot be used, so nothing is reloaded" in watched.said[0]
            assert len(watched.said) == 1

    def test_one_of_which_the_rest_is_still_to_be_written_is_waited_for(
        self, tmp_path: Path
    ) -> None:
        with watching(tmp_path) as watched:
            watched.wait_for(1)
            whole = watched.crl.read_bytes()
            watched.crl.write_bytes(whole + whole[: len(whole) // 2])
            time.sleep(NOTHING_HAPPENS)
            assert len(watched.runs) == 1

            watched.crl.write_bytes(whole + whole)
            watched.wait_for(2)

    def test_one_that_is_gone_and_comes_back_is_taken(self, tmp_path: Path) -> None:
        with watching(tmp_path) as watched:
            watched.wait_for(1)
            watched.crl.unlink()
            time.sleep(NOTHING_HAPPENS)
            assert len(watched.runs) == 1
            assert ["cannot be looked at" in line for line in watched.said] == [False, True]

            watched.authority.publish()
            watched.wait_for(2)


class TestTheCommand:
    def test_one_that_fails_is_run_again_until_it_does_not(self, tmp_path: Path) -> None:
        with watching(tmp_path, exits=3) as watched:
            watched.wait_for(2)
            (tmp_path / "exits").write_text("exit 0\n")
            wait_until("success", lambda: watched.said[-1].endswith("/reload"))
            after = len(watched.runs)
            time.sleep(NOTHING_HAPPENS)

            assert len(watched.runs) == after
            assert "failed: exit 3: cannot; it is run again" in watched.said[0]

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_it_ends_within_a_second_when_told_to(self, tmp_path: Path, number: int) -> None:
        with watching(tmp_path, every=3600) as watched:
            watched.wait_for(1)
            os.kill(watched.process.pid, number)

            assert watched.process.wait(NOTICED) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["/crl"],
        ["/crl", "--every", "30"],
        ["/crl", "--every", "soon", "true"],
        ["/crl", "--every", "0", "true"],
        ["/crl", "--every", "nan", "true"],
        ["--every", "30", "/crl", "true"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_said_in_a_line(arguments: list[str]) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, timeout=10, check=False)

    assert (done.returncode, done.stdout) == (2, b"")
    assert is_one_line(done.stderr.decode("ascii"))
    assert b"usage: watch-crl FILE" in done.stderr
