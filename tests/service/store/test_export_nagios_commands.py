"""The commands of a site around an export to Nagios, and two exports at once."""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from enc.inventory import Inventory
from provisioner.ports.exports import ExportError
from tests.service.exporter import Exporter

ONE, TWO = "i-0aaaaaaa1", "i-0aaaaaaa2"


@pytest.fixture
def exporter(inventory: Inventory, tmp_path: Path) -> Exporter:
    (folder := tmp_path / "rolecall").mkdir()
    made = Exporter(inventory, folder)
    made.apply({"name": "http", "command": "check_http"})
    return made


class TestCommands:
    def test_a_reload_that_fails_is_made_up_for_though_nothing_changes(
        self, exporter: Exporter
    ) -> None:
        exporter.create(ONE)
        broken = exporter.other(reload="echo 'Error: no such unit'; exit 4")
        for _ in range(2):
            with pytest.raises(ExportError, match=r"(?s)ended with 4.*no such unit"):
                broken.once()
        assert exporter.hosts() == {ONE}
        came = exporter.once()
        assert (came.written, came.reloaded) == (False, True)
        assert not exporter.once().reloaded

    def test_one_that_hangs_is_ended_and_one_that_leaves_a_daemon_is_not_waited_for(
        self, exporter: Exporter
    ) -> None:
        hanging = exporter.other(reload="sleep 600", deadline=timedelta(seconds=0.2))
        with pytest.raises(ExportError, match="did not end within"):
            hanging.once()
        leaving = exporter.other(reload="sleep 30 & echo $! >{folder}/.daemon")
        assert leaving.once().reloaded
        pid = int((exporter.folder / ".daemon").read_text())
        os.kill(pid, 9)

    def test_what_is_refused_does_not_replace_what_is_good(self, exporter: Exporter) -> None:
        exporter.create(ONE)
        exporter.once()
        exporter.create(TWO)
        with pytest.raises(ExportError, match=r"(?s)--verify-command.*stays as it is.*Error: no"):
            exporter.other(verify="echo fine; echo Error: no; exit 1").once()
        assert (exporter.hosts(), exporter.reloads()) == ({ONE}, 1)
        exporter.other(verify="true").once()
        assert (exporter.hosts(), exporter.reloads()) == ({ONE, TWO}, 2)

    def test_what_is_verified_is_a_folder_as_the_real_one_would_be(
        self, exporter: Exporter
    ) -> None:
        (exporter.folder / "other.cfg").write_text("other")
        exporter.create(ONE)
        seen = exporter.folder / ".seen"
        exporter.verify = f"cd {{}} && cat other.cfg rolecall.cfg >{seen}"
        exporter.once()
        assert seen.read_text() == "other" + exporter.file.read_text()

    def test_without_a_reload_command_none_is_due_until_there_is_one(
        self, exporter: Exporter
    ) -> None:
        silent = exporter.other(reload="")
        assert not silent.once().reloaded
        assert not silent.once().written
        assert exporter.once().reloaded


class TestTwoAtOnce:
    def test_one_waits_for_the_other(self, exporter: Exporter) -> None:
        exporter.create(ONE)
        slow = exporter.other(reload="sleep 0.5; echo loaded >>{folder}/.reloads")
        threads = [threading.Thread(target=slow.once) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert exporter.reloads() == 1

    def test_one_that_has_waited_for_too_long_names_the_other(self, exporter: Exporter) -> None:
        impatient = exporter.other(patience=0.0)
        with (
            exporter.export().place.locked(),
            pytest.raises(ExportError, match=f"pid {os.getpid()}"),
        ):
            impatient.once()
