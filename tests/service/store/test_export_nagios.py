"""The file for Nagios: who enters and leaves it, and what happens when anything fails meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from stat import S_IFREG

import pytest
from redis import Redis

from enc.domain.model import Role, State
from enc.inventory import Inventory, StoreError, StoreLostError, StoreUnavailableError
from enc.inventory.roles import Roles
from provisioner.ports.exports import ExportError
from tests.builders import event, foreign, node
from tests.conftest import begin
from tests.fakes.clock import START
from tests.servers import RedisServer
from tests.service.exporter import Exporter

ONE, TWO = "i-0aaaaaaa1", "i-0aaaaaaa2"
HTTP = {"name": "http", "command": "check_http"}


@pytest.fixture
def exporter(inventory: Inventory, tmp_path: Path) -> Exporter:
    (folder := tmp_path / "rolecall").mkdir()
    made = Exporter(inventory, folder)
    made.apply(HTTP)
    return made


class TestWhoIsTold:
    def test_ready_nodes_are_hosts_and_those_that_are_not_there_yet_are_not(
        self, exporter: Exporter
    ) -> None:
        exporter.create(ONE)
        for state in set(State) - {State.READY, State.ARCHIVED}:
            exporter.create(f"i-0bbbbbb{state}", state=state)
        exporter.inventory.nodes.create(foreign(), event())
        assert exporter.once().hosts == 2
        assert exporter.hosts() == {ONE, "db1.example.com"}

    @pytest.mark.parametrize("states", [[State.DRAINING], [State.DRAINING, State.RETIRING]])
    def test_who_leaves_on_purpose_is_out_before_it_goes(
        self, exporter: Exporter, states: list[State]
    ) -> None:
        exporter.create(ONE, TWO)
        exporter.once()
        exporter.move(ONE, *states)
        assert exporter.once().written
        assert exporter.hosts() == {TWO}

    def test_who_has_ended_is_out(self, exporter: Exporter) -> None:
        exporter.create(ONE, TWO)
        exporter.once()
        exporter.move(ONE, State.RETIRING)
        retiring = exporter.inventory.nodes.get(ONE)
        assert retiring
        exporter.inventory.nodes.archive(retiring, event())
        exporter.once()
        assert exporter.hosts() == {TWO}

    @pytest.mark.parametrize("states", [[State.LOST], [State.LOST, State.RUNNING]])
    def test_who_is_lost_stays_until_somebody_retires_it(
        self, exporter: Exporter, states: list[State]
    ) -> None:
        exporter.create(ONE)
        exporter.once()
        exporter.move(ONE, *states)
        assert not exporter.once().written
        exporter.move(ONE, State.RETIRING)
        exporter.once()
        assert exporter.hosts() == set()

    def test_who_is_lost_while_it_drains_does_not_come_back(self, exporter: Exporter) -> None:
        exporter.create(ONE)
        exporter.once()
        exporter.move(ONE, State.DRAINING)
        exporter.once()
        exporter.move(ONE, State.LOST)
        exporter.once()
        assert exporter.hosts() == set()

    def test_a_new_check_of_a_role_is_a_change(self, exporter: Exporter) -> None:
        exporter.create(ONE)
        exporter.once()
        exporter.apply(HTTP, {"name": "ssh", "command": "check_ssh"})
        assert exporter.once().reloaded
        assert "check_ssh" in exporter.file.read_text()

    def test_an_empty_fleet_is_a_file_without_hosts(self, exporter: Exporter) -> None:
        came = exporter.once()
        assert (came.written, came.hosts) == (True, 0)
        assert "# -- end: 0 hosts" in exporter.file.read_text()


class TestWhatCannotBeRead:
    def test_a_host_whose_record_is_damaged_stays_and_is_named(
        self, exporter: Exporter, redis: Redis
    ) -> None:
        exporter.create(ONE, TWO)
        exporter.once()
        redis.hset(f"node:{ONE}", "market", "odd")
        exporter.move(TWO, State.DRAINING)
        came = exporter.once()
        assert exporter.hosts() == {ONE}
        assert any(ONE in warning and "stays" in warning for warning in came.warnings)

    def test_one_that_was_never_there_is_left_out_and_named(
        self, exporter: Exporter, redis: Redis
    ) -> None:
        exporter.create(ONE, TWO)
        redis.hset(f"node:{ONE}", "market", "odd")
        came = exporter.once()
        assert exporter.hosts() == {TWO}
        assert any(ONE in warning and "left out" in warning for warning in came.warnings)

    def test_a_damaged_role_keeps_its_checks_and_is_named(
        self, exporter: Exporter, redis: Redis
    ) -> None:
        exporter.create(ONE)
        exporter.once()
        redis.hset("role:web", "definition", "{")
        exporter.create(TWO)
        came = exporter.once()
        assert exporter.hosts() == {ONE, TWO}
        assert "check_http" in exporter.file.read_text()
        assert any(warning.startswith("role web") for warning in came.warnings)

    def test_hosts_that_an_older_store_does_not_know_stay_until_they_are_to_be_forgotten(
        self, exporter: Exporter, redis: Redis
    ) -> None:
        exporter.create(ONE)
        exporter.once()
        redis.flushall()
        begin(exporter.inventory)
        exporter.apply(HTTP)
        exporter.create(TWO)
        came = exporter.once()
        assert exporter.hosts() == {ONE, TWO}
        assert any(ONE in warning and "does not know it" in warning for warning in came.warnings)
        exporter.other(forget=True).once()
        assert exporter.hosts() == {TWO}


class TestAStoreThatIsNotThere:
    def test_that_is_lost_changes_nothing(self, exporter: Exporter, redis: Redis) -> None:
        exporter.create(ONE)
        exporter.once()
        before = exporter.file.read_bytes()
        redis.flushall()
        with pytest.raises(StoreLostError):
            exporter.once()
        assert (exporter.file.read_bytes(), exporter.reloads()) == (before, 1)

    def test_that_is_begun_anew_while_it_is_read_changes_nothing(
        self, exporter: Exporter, redis: Redis
    ) -> None:
        exporter.create(ONE)
        exporter.once()
        exporter.create(TWO)
        stored = exporter.inventory

        class Losing(Roles):
            def readable(self) -> tuple[dict[str, Role], dict[str, StoreError]]:
                found = super().readable()
                redis.flushall()
                begin(stored, at=START + timedelta(days=1))
                return found

        with pytest.raises(StoreUnavailableError, match="begun anew"):
            exporter.other(inventory=replace(stored, roles=Losing(redis))).once()
        assert exporter.hosts() == {ONE}

    def test_that_is_another_sites_changes_nothing(self, exporter: Exporter, redis: Redis) -> None:
        redis.hset("meta", "site", "other")
        with pytest.raises(StoreError, match="other"):
            exporter.once()
        assert not exporter.file.exists()

    def test_that_goes_away_and_comes_back_leaves_the_file(
        self, exporter: Exporter, tmp_path: Path
    ) -> None:
        server = RedisServer(tmp_path / "own").start()
        own = Exporter(Inventory.on(server.client()), exporter.folder)
        try:
            begin(own.inventory)
            own.apply(HTTP)
            own.create(ONE)
            own.once()
            server.pause()
            server.kill()
            with pytest.raises(StoreUnavailableError):
                own.once()
            assert own.hosts() == {ONE}
            # It has come back empty.
            server.start()
            with pytest.raises(StoreLostError):
                own.once()
            assert own.hosts() == {ONE}
        finally:
            server.end()
        assert own.reloads() == 1


class TestTheFile:
    def test_is_written_and_reloaded_on_change_alone(self, exporter: Exporter) -> None:
        exporter.create(ONE)
        first, stat = exporter.once(), exporter.file.stat()
        second = exporter.once()
        assert (first.written, first.reloaded) == (True, True)
        assert (second.written, second.reloaded) == (False, False)
        assert exporter.file.stat().st_ino == stat.st_ino
        assert exporter.reloads() == 1

    def test_keeps_its_mode_and_its_owner(self, exporter: Exporter) -> None:
        exporter.once()
        assert exporter.file.stat().st_mode & 0o777 == 0o644
        exporter.file.chmod(0o640)
        if os.geteuid() == 0:
            os.chown(exporter.file, 12345, 12346)
        owner = exporter.file.stat().st_uid, exporter.file.stat().st_gid
        exporter.create(ONE)
        exporter.once()
        found = exporter.file.stat()
        assert (found.st_mode & 0o777, found.st_uid, found.st_gid) == (0o640, *owner)

    def test_that_somebody_changed_is_put_right_and_reloaded(self, exporter: Exporter) -> None:
        exporter.create(ONE)
        exporter.once()
        right = exporter.file.read_text()
        exporter.file.write_text(right.replace("10.0.0.1", "10.9.9.9"))
        assert exporter.once().reloaded
        assert exporter.file.read_text() == right

    def test_that_is_somebody_elses_is_not_replaced(self, exporter: Exporter) -> None:
        exporter.file.write_text("define host {\n}\n")
        with pytest.raises(ExportError, match="rolecall did not write"):
            exporter.once()
        assert exporter.file.read_text() == "define host {\n}\n"

    def test_nothing_else_is_left_that_nagios_would_read(self, exporter: Exporter) -> None:
        exporter.verify = "true"
        exporter.once()
        seen = [path.name for path in exporter.folder.iterdir() if not path.name.startswith(".")]
        assert seen == ["rolecall.cfg"]

    def test_a_link_where_the_new_one_is_written_is_not_followed(
        self, exporter: Exporter, tmp_path: Path
    ) -> None:
        precious = tmp_path / "precious"
        precious.write_text("x")
        (exporter.folder / ".rolecall.cfg.new").symlink_to(precious)
        exporter.once()
        assert precious.read_text() == "x"

    @pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
    def test_a_link_where_the_lock_is_is_not_cut_to_nothing(
        self, exporter: Exporter, tmp_path: Path, link: Callable[[Path, Path], None]
    ) -> None:
        precious = tmp_path / "precious"
        precious.write_text("x")
        link(exporter.folder / ".rolecall.cfg.lock", precious)
        with pytest.raises(ExportError, match=r"\.rolecall\.cfg\.lock"):
            exporter.once()
        assert precious.read_text() == "x"

    def test_a_link_in_the_files_place_gives_it_no_rights(
        self, exporter: Exporter, tmp_path: Path
    ) -> None:
        exporter.once()
        precious = tmp_path / "precious"
        exporter.file.rename(precious)
        precious.chmod(0o4755)
        exporter.file.symlink_to(precious)
        exporter.create(ONE)
        exporter.once()
        assert exporter.file.lstat().st_mode == S_IFREG | 0o644

    def test_a_folder_that_is_gone_is_an_error_that_names_it(self, exporter: Exporter) -> None:
        exporter.folder.rmdir()
        with pytest.raises(ExportError, match=str(exporter.folder)):
            exporter.once()


def test_the_age_of_a_file_is_told(exporter: Exporter) -> None:
    place = exporter.export().place
    assert place.stood() is None
    exporter.once()
    old = exporter.file.stat().st_mtime - 3600
    os.utime(exporter.file, (old, old))
    exporter.once()
    stood = place.stood()
    assert stood
    assert stood[1] - stood[0] > timedelta(minutes=50)


def test_thousands_of_nodes_are_few_round_trips(exporter: Exporter, redis: Redis) -> None:
    ready = {"state": State.READY, "private_ip": "10.0.0.1"}
    names = [f"i-0{number:016x}" for number in range(2_000)]
    exporter.inventory.nodes.create_many((node(name, **ready), event()) for name in names)
    before = redis.info("stats")["total_reads_processed"]
    assert exporter.once().hosts == 2_000
    assert redis.info("stats")["total_reads_processed"] - before < 100
