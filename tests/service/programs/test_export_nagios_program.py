"""`provisioner export nagios` as a process: killed between its steps, watching, and its words."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis

from enc.domain.model import State
from enc.inventory import Inventory
from tests.conftest import begin
from tests.servers import KEEPS_ALL, RedisServer, free_port, wait_until
from tests.service.exporter import Exporter

ONE, TWO, THREE = "i-0aaaaaaa1", "i-0aaaaaaa2", "i-0aaaaaaa3"
# What a command may take on a machine that is busy with others.
PATIENCE = 60.0
DIE = "kill -9 $PPID"


@dataclass
class Program(Exporter):
    url: str = ""

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Its words go to a file: nobody reads them while it runs."""
        reload = self.reload.replace("{folder}", str(self.folder))
        with (self.folder / ".said").open("w") as said:
            return subprocess.Popen(
                [
                    *(sys.executable, "-m", "provisioner.cli", "export", "nagios"),
                    *("--dir", str(self.folder), "--reload-command", reload, *words),
                ],
                env={**os.environ, "REDIS_URL": self.url},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                text=True,
            )

    def run(self, *words: str) -> int:
        return self.start(*words).wait(PATIENCE)

    @property
    def said(self) -> str:
        return (self.folder / ".said").read_text()

    @contextmanager
    def watching(self, *words: str) -> Iterator[subprocess.Popen[str]]:
        process = self.start("--watch", "--rest", "1s", *words)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def wait_for(self, *certnames: str) -> None:
        wait_until(
            f"{certnames} in the file",
            lambda: self.file.exists() and self.hosts() == set(certnames),
            timeout=PATIENCE,
        )

    def wait_for_word(self, word: str, times: int = 1) -> None:
        wait_until(word, lambda: self.said.count(word) >= times, timeout=PATIENCE)


def is_alive(pid: int) -> bool:
    """A process that nobody has buried yet is none."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


@pytest.fixture
def program(inventory: Inventory, redis_server: RedisServer, tmp_path: Path) -> Program:
    (folder := tmp_path / "rolecall").mkdir()
    made = Program(inventory, folder, url=redis_server.url)
    made.apply({"name": "http", "command": "check_http"})
    made.create(ONE)
    return made


class TestKilled:
    def test_before_the_file_is_replaced_has_changed_nothing(self, program: Program) -> None:
        assert program.run() == 0
        program.create(TWO)
        assert program.run("--verify-command", DIE) == -signal.SIGKILL
        assert (program.hosts(), program.reloads()) == ({ONE}, 1)
        assert program.run("--verify-command", "true") == 0
        assert (program.hosts(), program.reloads()) == ({ONE, TWO}, 2)
        assert not (program.folder / ".rolecall.cfg.try").exists()

    def test_between_the_file_and_the_reload_loses_no_reload(self, program: Program) -> None:
        program.run()
        program.create(TWO)
        dying = Program(program.inventory, program.folder, url=program.url, reload=DIE)
        assert dying.run() == -signal.SIGKILL
        assert (program.hosts(), program.reloads()) == ({ONE, TWO}, 1)
        assert program.run() == 0
        assert program.reloads() == 2
        assert "Nagios reloaded" in program.said
        assert program.run() == 0
        assert program.reloads() == 2
        assert "nothing to do" in program.said

    def test_after_the_reload_repeats_it_and_that_is_all(self, program: Program) -> None:
        program.reload = f"echo loaded >>{program.folder}/.reloads; {DIE}"
        assert program.run() == -signal.SIGKILL
        program.reload = "echo loaded >>{folder}/.reloads"
        assert program.run() == 0
        assert program.reloads() == 2


class TestWords:
    def test_a_store_that_is_lost_is_1_and_says_since_when_the_file_stands(
        self, program: Program, redis: Redis
    ) -> None:
        assert program.run() == 0
        redis.flushall()
        assert program.run() == 1
        assert "no inventory" in program.said
        assert f"{program.file} stays as it was written on 20" in program.said

    def test_one_that_is_away_is_1_and_says_that_there_is_no_file_yet(
        self, program: Program
    ) -> None:
        program.url = f"redis://127.0.0.1:{free_port()}/0"
        assert program.run() == 1
        assert "there is no" in program.said

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            (["--dir", "/nowhere/at/all"], "make it"),
            (["--host-template", "a\nb"], "--host-template"),
            (["--deadline", "soon"], "soon"),
        ],
    )
    def test_what_is_mistyped_is_2(self, program: Program, words: list[str], said: str) -> None:
        assert program.run(*words) == 2
        assert said in program.said
        assert not program.file.exists()

    def test_a_node_that_is_left_out_is_named_and_3(self, program: Program) -> None:
        program.create(TWO, private_ip="")
        assert program.run() == 3
        assert f"warning: {TWO}" in program.said
        assert program.hosts() == {ONE}

    def test_a_reload_that_fails_is_1_and_shows_what_it_said(self, program: Program) -> None:
        program.reload = "echo no such unit >&2; exit 5"
        assert program.run() == 1
        assert "ended with 5" in program.said
        assert "no such unit" in program.said
        assert "Traceback" not in program.said


class TestWatching:
    def test_follows_what_happens_and_ends_on_sigterm(self, program: Program) -> None:
        with program.watching() as process:
            program.wait_for(ONE)
            program.create(TWO)
            program.wait_for(ONE, TWO)
            program.move(ONE, State.DRAINING)
            program.wait_for(TWO)
            process.terminate()
            assert process.wait(PATIENCE) == 0
        assert "stopped" in program.said
        assert program.reloads() == 3

    def test_that_is_told_to_end_ends_a_reload_that_hangs(self, program: Program) -> None:
        program.reload = "echo $$ >{folder}/.pid; sleep 600"
        with program.watching() as process:
            pid = program.folder / ".pid"
            wait_until("the reload", lambda: pid.exists() and bool(pid.read_text().strip()))
            process.terminate()
            assert process.wait(PATIENCE) == 0
        shell = int(pid.read_text())
        wait_until("its end", lambda: not is_alive(shell))

    def test_does_not_reload_where_nothing_changed_for_nagios(
        self, program: Program, redis: Redis
    ) -> None:
        with program.watching("--interval", "1s"):
            program.wait_for(ONE)
            program.create("i-0aaaaaaa9", state=State.PENDING)
            looks = redis.info("commandstats")["cmdstat_info"]["calls"]
            wait_until(
                "more exports",
                lambda: redis.info("commandstats")["cmdstat_info"]["calls"] > looks + 5,
                timeout=PATIENCE,
            )
        assert program.reloads() == 1

    def test_outlives_a_store_that_goes_and_comes_back_and_says_so_once(
        self, program: Program, tmp_path: Path
    ) -> None:
        options = KEEPS_ALL
        server = RedisServer(tmp_path / "own", options=options).start()
        own = Program(Inventory.on(server.client()), program.folder, url=server.url)
        try:
            begin(own.inventory)
            own.apply({"name": "http", "command": "check_http"})
            own.create(ONE)
            with own.watching():
                own.wait_for(ONE)
                wait_until("the reload", lambda: own.reloads() == 1)
                server.kill()
                own.wait_for_word("cannot be reached")
                server.start()
                own.wait_for_word("all is well again")
                own.create(TWO)
                own.wait_for(ONE, TWO)
                wait_until("the reload", lambda: own.reloads() == 2)
            assert own.said.count("cannot be reached") == 1
            assert own.said.count("stays as it was written") == 1
        finally:
            server.end()

    def test_goes_on_after_its_events_were_trimmed(self, program: Program, redis: Redis) -> None:
        with program.watching():
            program.wait_for(ONE)
            program.create(TWO)
            redis.xtrim("events", maxlen=0)
            program.wait_for(ONE, TWO)
            program.create(THREE)
            program.wait_for(ONE, TWO, THREE)

    def test_makes_up_for_a_reload_that_failed(self, program: Program) -> None:
        program.reload = "test -e {folder}/.up || exit 3; echo loaded >>{folder}/.reloads"
        with program.watching():
            program.wait_for_word("ended with 3")
            (program.folder / ".up").touch()
            program.wait_for_word("all is well again")
        assert program.reloads() == 1
