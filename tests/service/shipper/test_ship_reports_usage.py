"""How ship-reports is called: its arguments, settings and folder, and what its file holds."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.service import autosign_script
from tests.service.enc_script import is_one_line
from tests.service.hanging_resolver import needs_root
from tests.service.reports_sink import Sink
from tests.service.scripts.test_autosign_script_usage import modules_of
from tests.service.spool import FIRST, SCRIPT, fill, left, run_ship

SOMEBODY = 65534
# What both scripts must do alike, and each is one file.
SHARED = ["connect", "split_url", "dial", "secure", "read_problem", "read_settings", "read_file"]


class TestTheArguments:
    @pytest.mark.parametrize(
        "arguments",
        [
            ["--help"],
            ["x"],
            ["--once", "--watch"],
            ["--watch", "0"],
            ["--watch", "-1"],
            ["--watch", "nan"],
            ["--watch", "inf"],
            ["--watch", "soon"],
            ["--watch", "1", "2"],
        ],
    )
    def test_others_are_wrong_usage_and_nothing_is_done(
        self, spool: Path, arguments: list[str]
    ) -> None:
        run = run_ship(spool, *arguments)

        assert (run.code, is_one_line(run.err), list(spool.iterdir())) == (2, True, [])
        assert "usage: ship-reports" in run.err

    def test_it_runs_by_its_first_line(self, spool: Path, service: Sink) -> None:
        fill(spool / FIRST, [1])
        environment = autosign_script.environment(spool=spool, url=service.url)

        assert subprocess.run([SCRIPT], env=environment, check=False).returncode == 0
        assert service.numbers == [1]


class TestTheSettings:
    def test_come_from_the_file_of_enc(self, spool: Path, service: Sink, tmp_path: Path) -> None:
        (conf := tmp_path / "enc.conf").write_text(
            f"url = {service.url}\nspool = {spool}\nspool_limit = 64\ncache = /x\ntimeout = 2\n"
        )
        fill(spool / FIRST, [1])
        environment = autosign_script.environment(conf=conf)

        assert subprocess.run([SCRIPT], env=environment, check=False).returncode == 0
        assert service.numbers == [1]

    @pytest.mark.parametrize("text", ["tiemout = 3\n", "timeout = soon\n"])
    def test_what_makes_no_sense_is_named_and_nothing_is_done(
        self, spool: Path, tmp_path: Path, text: str
    ) -> None:
        (conf := tmp_path / "enc.conf").write_text(text)

        run = run_ship(spool, "--watch", conf=conf)

        assert (run.code, is_one_line(run.err), list(spool.iterdir())) == (2, True, [])
        assert str(conf) in run.err

    @pytest.mark.parametrize("given", ["", "spool", "./spool", "~/spool", "file:///spool"])
    def test_a_spool_that_is_no_absolute_path_is_wrong_usage(self, given: str) -> None:
        """The report processor does not take it for one, either."""
        run = run_ship(given, "--watch")

        assert (run.code, is_one_line(run.err)) == (2, True)
        assert f"or ENC_SPOOL is {given!r}, not an absolute path" in run.err

    def test_a_spool_that_is_one_is_not(self, spool: Path, service: Sink) -> None:
        assert run_ship(spool, url=service.url).code == 0


class TestTheFolder:
    def test_that_is_missing_is_named_with_what_makes_it(self, tmp_path: Path) -> None:
        run = run_ship(tmp_path / "none")

        assert run.code == 3
        assert is_one_line(run.err)
        assert f"there is no folder {tmp_path}/none" in run.err
        assert "reports = rolecall" in run.err

    def test_that_is_a_file_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()

        run = run_ship(tmp_path / "file")

        assert (run.code, is_one_line(run.err)) == (3, True)
        assert f"{tmp_path}/file" in run.err

    @pytest.mark.root
    @needs_root
    def test_of_somebody_else_is_not_touched(self, spool: Path, service: Sink) -> None:
        fill(spool / FIRST, [1])
        os.chown(spool, SOMEBODY, SOMEBODY)

        run = run_ship(spool, url=service.url)

        assert (run.code, service.lines, left(spool)) == (3, [], [FIRST])
        assert "runuser -u nobody -- ship-reports" in run.err
        assert not (spool / "lock").exists()


class TestTheFile:
    def test_does_as_autosign_does_where_both_do_the_same(self) -> None:
        ours, its = functions_of(SCRIPT), functions_of(autosign_script.SCRIPT)

        assert {name: ours[name] for name in SHARED} == {name: its[name] for name in SHARED}

    def test_is_valid_for_python_3_9(self) -> None:
        ast.parse(SCRIPT.read_text(), feature_version=(3, 9))

    def test_imports_the_standard_library_alone(self) -> None:
        assert modules_of(SCRIPT) <= sys.stdlib_module_names


def functions_of(script: Path) -> dict[str, str]:
    tree = ast.parse(script.read_text())
    return {node.name: ast.unparse(node) for node in tree.body if isinstance(node, ast.FunctionDef)}
