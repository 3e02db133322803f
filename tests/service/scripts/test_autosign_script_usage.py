"""How the autosign script is called: its argument, its streams and its settings."""

from __future__ import annotations

import ast
import os
import runpy
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.autosign_script import (
    COMMAND,
    REQUEST,
    SCRIPT,
    SIGN,
    environment,
    run_autosign,
)
from tests.service.enc_script import Run, is_one_line
from tests.service.misbehaving import Act, Server, read, send, serve
from tests.service.misbehaviours import NODE
from tests.service.scripts.test_enc_script_usage import IMPOSSIBLE, POSSIBLE

GOOD: tuple[Act, ...] = (read, send(SIGN.whole))
TIMEOUT = 0.5
# The interpreter's own start and end, on a machine that others use as well.
STARTUP = 0.6
LARGEST = 64 * 1024
# The script's functions; nothing of it runs by this.
PARTS = runpy.run_path(str(SCRIPT))


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Server]:
    with serve(GOOD, "unix", tmp_path) as server:
        yield server


def modules_of(script: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(script.read_text())))
    names = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    names |= {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    return {name.partition(".")[0] for name in names}


def assert_no(run: Run, *words: str) -> None:
    assert (run.code, run.out) == (1, b""), run.err
    assert is_one_line(run.err)
    for word in words:
        assert word in run.err


class TestTheArgument:
    @pytest.mark.parametrize("given", ["", "../a", "A", "a b"])
    def test_an_impossible_certname_is_refused_and_nothing_is_asked(
        self, service: Server, given: str
    ) -> None:
        run = run_autosign(given, url=service.url)

        assert (run.code, run.out, service.requests) == (2, b"", [])
        assert is_one_line(run.err)

    @pytest.mark.parametrize("arguments", [(), (NODE, NODE), ("--help",), (b"a\xff",)])
    def test_other_than_one_certname_is_wrong_usage(
        self, service: Server, arguments: tuple[str | bytes, ...]
    ) -> None:
        run = run_autosign(*arguments, url=service.url)

        assert (run.code, run.out, service.requests) == (2, b"", [])
        assert "usage: autosign CERTNAME" in run.err

    @pytest.mark.parametrize("given", ["0", "web-1.example.com", "9" * 255])
    def test_a_possible_certname_is_asked_for(self, service: Server, given: str) -> None:
        run_autosign(given, url=service.url)

        assert service.requests[0].startswith(f"POST /v1/autosign/{given} HTTP/1.1\r\n".encode())

    def test_the_service_has_the_same_rule(self) -> None:
        rule = PARTS["CERTNAME"].fullmatch

        assert [name for name in POSSIBLE if not rule(name)] == []
        assert [name for name in IMPOSSIBLE if rule(name)] == []


class TestTheRequest:
    @pytest.mark.parametrize("size", [1, LARGEST], ids=["a byte", "the largest"])
    def test_is_sent_as_it_came(self, service: Server, size: int) -> None:
        request = os.urandom(size) if size > 1 else b"\xff"

        assert run_autosign(NODE, request=request, url=service.url).code == 0
        assert service.requests[0].partition(b"\r\n\r\n")[2] == request

    @pytest.mark.parametrize("size", [LARGEST + 1, 1_000_000])
    def test_that_is_too_large_is_a_no_and_nothing_is_asked(
        self, service: Server, size: int
    ) -> None:
        assert_no(run_autosign(NODE, request=b"x" * size, url=service.url), "more than 65536")
        assert service.requests == []

    @pytest.mark.parametrize("request_", [b"", b"\n \n"], ids=["empty", "blank"])
    def test_that_is_none_is_a_no_and_nothing_is_asked(
        self, service: Server, request_: bytes
    ) -> None:
        assert_no(run_autosign(NODE, request=request_, url=service.url), "no request on stdin")
        assert service.requests == []

    def test_may_come_in_pieces(self, service: Server) -> None:
        with subprocess.Popen(
            [*COMMAND, NODE], env=environment(url=service.url), stdin=subprocess.PIPE
        ) as process:
            for piece in (REQUEST[:9], REQUEST[9:]):
                process.stdin.write(piece)
                process.stdin.flush()
                time.sleep(0.1)
            process.stdin.close()

            assert process.wait() == 0
        assert service.requests[0].endswith(REQUEST)

    def test_that_never_ends_is_a_no_in_time(self, service: Server) -> None:
        reader, writer = os.pipe()
        os.write(writer, REQUEST)
        try:
            run = run_autosign(NODE, request=reader, url=service.url, timeout=TIMEOUT)
        finally:
            os.close(reader)
            os.close(writer)

        assert_no(run, "the request did not end in time")
        assert run.seconds < TIMEOUT + STARTUP
        assert service.requests == []


class TestTheStreams:
    @pytest.mark.parametrize("closing", ["<&-", "<&- >&-", "<&- >&- 2>&-"])
    def test_a_closed_stdin_is_a_no_and_no_file_takes_its_place(
        self, service: Server, closing: str
    ) -> None:
        done = subprocess.run(
            ["sh", "-c", f'exec "$@" {closing}', "sh", *COMMAND, NODE],
            env=environment(url=service.url),
            check=False,
        )

        assert (done.returncode, service.requests) == (1, [])

    @pytest.mark.parametrize("closing", [">&-", "2>&-", ">&- 2>&-", ">/dev/full 2>/dev/full"])
    def test_a_yes_needs_neither_stdout_nor_stderr(self, service: Server, closing: str) -> None:
        done = subprocess.run(
            ["sh", "-c", f'exec "$@" {closing}', "sh", *COMMAND, NODE],
            env=environment(url=service.url),
            input=REQUEST,
            check=False,
        )

        assert done.returncode == 0

    def test_it_runs_by_its_first_line(self, service: Server) -> None:
        done = subprocess.run(
            [SCRIPT, NODE],
            env=environment(url=service.url),
            input=REQUEST,
            capture_output=True,
            check=False,
            cwd="/",
        )

        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


class TestTheSettings:
    def test_are_those_of_enc_in_the_same_file(self, service: Server, tmp_path: Path) -> None:
        conf = tmp_path / "enc.conf"
        conf.write_text(
            f"# ours\n\n  url={service.url}\r\ntimeout = 2.5\ncache = /x\ncache_max_age = 1h\n"
            "spool = /x\nspool_limit = 9\n"
        )

        assert run_autosign(NODE, conf=conf).code == 0

    def test_the_environment_wins(self, service: Server, tmp_path: Path) -> None:
        (conf := tmp_path / "enc.conf").write_text("url = unix:/nonexistent\n")

        assert run_autosign(NODE, conf=conf, url=service.url).code == 0

    def test_a_missing_file_leaves_the_defaults(self) -> None:
        assert_no(run_autosign(NODE), "unix:/run/rolecall/enc.sock")

    @pytest.mark.parametrize(
        ("line", "named"),
        [
            ("tiemout = 3", "tiemout"),
            ("timeout", "timeout"),
            ("timeout = soon", "timeout"),
            ("timeout = 0", "timeout"),
            ("timeout = nan", "timeout"),
            ("timeout = inf", "timeout"),
        ],
    )
    def test_what_makes_no_sense_is_named_and_nothing_is_asked(
        self, service: Server, tmp_path: Path, line: str, named: str
    ) -> None:
        (conf := tmp_path / "enc.conf").write_text(f"url = {service.url}\n{line}\n")

        assert_no(run_autosign(NODE, conf=conf), str(conf), named)
        assert service.requests == []

    @pytest.mark.parametrize("url", ["", "unix:", "ftp://localhost", "http://[::1"])
    def test_what_is_no_url_is_a_no(self, url: str) -> None:
        assert_no(run_autosign(NODE, url=url))

    @pytest.mark.parametrize(
        "url",
        [
            "/run/enc.sock",
            "http:",
            "http:///v1",
            "http://:80",
            "http://localhost:port",
            "http://localhost:99999",
            "http://localhost/?a",
            "http://user:word@localhost/",
            "http://b\u00fccher.example",
            "localhost:80",
        ],
    )
    def test_what_is_no_url_says_what_is_one(self, url: str) -> None:
        with pytest.raises(PARTS["NoAnswerError"], match="https://HOST"):
            PARTS["split_url"](url)

    @pytest.mark.parametrize(
        ("url", "parts"),
        [
            ("http://a", ("http", "a", 80, "")),
            ("https://a/", ("https", "a", 443, "")),
            ("https://a:8/b/c/", ("https", "a", 8, "/b/c")),
            ("http://[::1]:8", ("http", "::1", 8, "")),
        ],
    )
    def test_a_url_has_defaults(self, url: str, parts: tuple[object, ...]) -> None:
        assert PARTS["split_url"](url) == parts

    def test_a_folder_in_the_place_of_the_file_is_named(self, tmp_path: Path) -> None:
        assert_no(run_autosign(NODE, conf=tmp_path), str(tmp_path))

    def test_nothing_secret_is_shown(self, tmp_path: Path) -> None:
        (conf := tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nMIGcanary==\n")

        assert "canary" not in run_autosign(NODE, conf=conf).err
        assert "canary" not in run_autosign(NODE, url="http://user:canary@localhost:1/").err
        assert "canary" not in run_autosign(NODE, request=b"canary" * 20_000).err


class TestTheFile:
    def test_is_valid_for_python_3_9(self) -> None:
        ast.parse(SCRIPT.read_text(), feature_version=(3, 9))

    def test_imports_the_standard_library_alone(self) -> None:
        assert modules_of(SCRIPT) <= sys.stdlib_module_names
