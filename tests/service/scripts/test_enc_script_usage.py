"""How the ENC script is called: its argument, its streams, its settings, and what it loads."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from pathlib import Path

import pytest

from enc.domain.certname import is_certname
from tests.service.enc_script import COMMAND, PYTHON, SCRIPT, is_one_line, keep, run_enc
from tests.service.misbehaving import Server, read, send, serve
from tests.service.misbehaviours import NODE, WHOLE, response

GOOD = (read, send(response(WHOLE)))
POSSIBLE = [NODE, "a", "0", "web-1.example.com", "a_b", "a-", "a.", "9" * 255, "xn--bcher-kva.ch"]
IMPOSSIBLE = [
    "",
    ".",
    "..",
    "-h",
    "--help",
    "_a",
    ".a",
    "a..b",
    "a/b",
    "../a",
    "a b",
    "a\n",
    "\na",
    "a\tb",
    "A",
    "i-0ABC",
    "a" * 256,
    "a" * 300,
    "a;reboot",
    "$(reboot)",
    "`reboot`",
    "a|b",
    "a*",
    "a%2fb",
    "a?b",
    "a#b",
    "a:b",
    "a@b",
    "bücher",
    "a\u0660",
    "\u0430",
    "a\u200b",
    "a\\b",
    "\x1b[2J",
]
# What `python3 -I -S` has loaded before it reads a line of the script differs by version.
STARTED = "import sys; print(*sys.modules)"


@pytest.fixture
def service(tmp_path: Path) -> Server:
    with serve(GOOD, "unix", tmp_path) as server:
        yield server


class TestTheArgument:
    @pytest.mark.parametrize("given", IMPOSSIBLE, ids=ascii)
    def test_an_impossible_certname_is_refused_and_nothing_is_asked(
        self, service: Server, given: str
    ) -> None:
        run = run_enc(given, url=service.url)

        assert (run.code, run.out, service.requests) == (2, b"", [])
        assert is_one_line(run.err)

    def test_capitals_are_answered_with_the_name_to_write(self, service: Server) -> None:
        run, other = run_enc("DB1.example.com", url=service.url), run_enc("A b", url=service.url)

        assert run.code == 2
        assert "Puppet's certnames are in lower case: db1.example.com" in run.err
        assert "lower case" not in other.err

    def test_a_certname_that_is_no_text_is_refused(self, service: Server) -> None:
        assert run_enc(b"a\xff", url=service.url).code == 2

    @pytest.mark.parametrize("arguments", [(), (NODE, NODE), (NODE, "--verbose")])
    def test_other_than_one_argument_is_wrong_usage(
        self, service: Server, arguments: tuple[str, ...]
    ) -> None:
        run = run_enc(*arguments, url=service.url)

        assert (run.code, run.out, service.requests) == (2, b"", [])
        assert "usage: enc CERTNAME" in run.err

    @pytest.mark.parametrize("given", POSSIBLE)
    def test_a_possible_certname_is_asked_for(self, service: Server, given: str) -> None:
        run_enc(given, url=service.url)

        assert service.requests[0].startswith(f"GET /v1/enc/{given} HTTP/1.0\r\n".encode())

    def test_the_service_has_the_same_rule(self) -> None:
        assert [name for name in POSSIBLE if not is_certname(name)] == []
        assert [name for name in IMPOSSIBLE if is_certname(name)] == []


class TestTheStreams:
    def test_an_answer_that_cannot_be_printed_is_a_failure(self, service: Server) -> None:
        with Path("/dev/full").open("wb") as full:
            run = self._run(service, stdout=full)

        assert run.returncode == 3
        assert b"cannot write the answer" in run.stderr

    @pytest.mark.parametrize("closing", [">&-", "<&- >&-", "<&- >&- 2>&-", ">&- 2>&-"])
    def test_a_closed_stdout_is_a_failure_and_no_file_takes_its_place(
        self, service: Server, tmp_path: Path, closing: str
    ) -> None:
        (cache := tmp_path / "cache").mkdir()
        command = f'exec "$@" {closing}'
        run = self._run(service, cache, "sh", "-c", command, "sh")

        assert run.returncode == 3
        assert [len(request.split(b"\r\n\r\n")[1]) for request in service.requests] == [0]
        assert (cache / NODE).read_bytes() == WHOLE

    @pytest.mark.parametrize("closing", ["2>&-", "2>/dev/full", "<&-"])
    def test_the_other_streams_may_be_closed(
        self, service: Server, tmp_path: Path, closing: str
    ) -> None:
        command = f'exec "$@" {closing}'
        run = self._run(service, tmp_path / "none", "sh", "-c", command, "sh")

        assert (run.returncode, run.stdout) == (0, WHOLE)

    def test_it_runs_by_its_first_line(self, service: Server) -> None:
        environment = {"ENC_URL": service.url, "ENC_CONF": "", "PATH": "/usr/bin:/bin"}
        run = subprocess.run(
            [SCRIPT, NODE], env=environment, capture_output=True, check=False, cwd="/"
        )

        assert (run.returncode, run.stdout, run.stderr) == (0, WHOLE, b"")

    @staticmethod
    def _run(
        service: Server,
        cache: Path | str = "",
        *prefix: str,
        stdout: object = subprocess.PIPE,
    ) -> subprocess.CompletedProcess[bytes]:
        environment = {"ENC_URL": service.url, "ENC_CACHE": str(cache), "ENC_CONF": ""}
        return subprocess.run(
            [*prefix, *COMMAND, NODE],
            env=environment | {"PATH": os.environ["PATH"]},
            stdout=stdout,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            check=False,
        )


class TestTheSettings:
    def test_come_from_the_file_that_enc_conf_names(self, service: Server, tmp_path: Path) -> None:
        conf = self._conf(tmp_path, f"# ours\n\n  url={service.url}\r\ntimeout =  2.5 \n")

        assert run_enc(NODE, conf=conf).out == WHOLE

    def test_the_environment_wins(self, service: Server, tmp_path: Path) -> None:
        conf = self._conf(tmp_path, "url = unix:/nonexistent\n")

        assert run_enc(NODE, conf=conf, url=service.url).out == WHOLE

    def test_a_missing_file_leaves_the_defaults(self) -> None:
        run = run_enc(NODE)

        assert run.code == 3
        assert "unix:/run/rolecall/enc.sock" in run.err

    @pytest.mark.parametrize(
        ("line", "named"),
        [
            ("tiemout = 3", "tiemout"),
            ("timeout", "timeout"),
            ("timeout = soon", "timeout"),
            ("timeout = 5s", "timeout"),
            ("timeout = 0", "timeout"),
            ("timeout = -1", "timeout"),
            ("timeout = nan", "timeout"),
            ("timeout = inf", "timeout"),
            ("timeout =", "timeout"),
            ("cache_max_age = 24", "cache_max_age"),
            ("cache_max_age = 1.5h", "cache_max_age"),
            ("cache_max_age = -1h", "cache_max_age"),
            ("cache_max_age = 0h", "cache_max_age"),
            ("cache_max_age = 24 hours", "cache_max_age"),
            ("cache_max_age =", "cache_max_age"),
            ("cache_max_age = " + "9" * 5000 + "d", "cache_max_age"),
        ],
    )
    def test_what_makes_no_sense_is_named_and_nothing_is_asked(
        self, service: Server, tmp_path: Path, line: str, named: str
    ) -> None:
        conf = self._conf(tmp_path, f"url = {service.url}\n{line}\n")

        run = run_enc(NODE, conf=conf)

        assert (run.code, run.out, service.requests) == (3, b"", [])
        assert is_one_line(run.err)
        assert str(conf) in run.err
        assert named in run.err

    def test_with_settings_that_make_no_sense_the_cache_still_serves(self, tmp_path: Path) -> None:
        keep(tmp_path, NODE, WHOLE)
        conf = self._conf(tmp_path, f"tiemout = 3\ncache = {tmp_path}\ntimeout = soon\n")

        run = run_enc(NODE, conf=conf)

        assert (run.code, run.out) == (0, WHOLE)

    def test_with_an_age_that_makes_no_sense_the_cache_does_not_serve(self, tmp_path: Path) -> None:
        keep(tmp_path, NODE, WHOLE)

        assert run_enc(NODE, cache=tmp_path, cache_max_age="1 day").code == 3

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "/run/enc.sock",
            "unix:",
            "ftp://localhost",
            "HTTP://localhost",
            "http:",
            "http://",
            "http:///v1",
            "http:/localhost",
            "http://:80",
            "http://[::1",
            "http://\udcff.example",
            "localhost:80",
        ],
    )
    def test_what_is_no_url_is_no_answer(self, url: str) -> None:
        run = run_enc(NODE, url=url.encode("utf-8", "surrogateescape").decode("latin-1"))

        assert (run.code, run.out) == (3, b"")
        assert is_one_line(run.err)

    def test_a_cache_that_cannot_be_a_folder_costs_a_warning(
        self, service: Server, tmp_path: Path
    ) -> None:
        conf = self._conf(tmp_path, f"url = {service.url}\ncache = /var/\0/cache\n")

        run = run_enc(NODE, conf=conf)

        assert (run.code, run.out) == (0, WHOLE)
        assert "could not be cached" in run.err

    def test_a_folder_in_the_place_of_the_file_is_named(self, tmp_path: Path) -> None:
        run = run_enc(NODE, conf=tmp_path)

        assert run.code == 3
        assert str(tmp_path) in run.err

    def test_the_keys_of_the_other_programs_are_known(
        self, service: Server, tmp_path: Path
    ) -> None:
        conf = self._conf(tmp_path, f"url = {service.url}\nspool = /x\nspool_limit = 9\n")

        run = run_enc(NODE, conf=conf)

        assert (run.code, run.out, run.err) == (0, WHOLE, "")

    def test_other_variables_that_begin_so_are_not_ours(self, service: Server) -> None:
        assert run_enc(NODE, url=service.url, bind="unix:/x", canary="x").code == 0

    def test_nothing_secret_is_shown(self, tmp_path: Path) -> None:
        key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBcanary\ncanarycanarycanary==\ncanary==\n"
        conf = self._conf(tmp_path, key)

        assert "canary" not in run_enc(NODE, conf=conf).err
        conf = self._conf(tmp_path, "c4nary/canary = canary\n")
        assert "canary" not in run_enc(NODE, conf=conf).err
        assert "canary" not in run_enc(NODE, url="http://user:canary@localhost:1/").err

    @staticmethod
    def _conf(folder: Path, text: str) -> Path:
        conf = folder / "enc.conf"
        conf.write_text(text)
        return conf


class TestTheCost:
    @pytest.mark.parametrize("transport", ["unix", "http"])
    def test_a_plain_look_up_imports_builtins_and_socket_only(
        self, tmp_path: Path, transport: str
    ) -> None:
        started = self._output("-c", STARTED).split()
        with serve(GOOD, transport, tmp_path) as server:
            run = self._traced(server.url, tmp_path)

        imported = set(re.findall(r"\| +(\S+)$", run, re.MULTILINE)) - {"package"}
        assert "_socket" in imported
        assert imported - set(started) == {"_socket"}

    def test_it_is_valid_for_python_3_9(self) -> None:
        ast.parse(SCRIPT.read_text(), feature_version=(3, 9))

    def test_nothing_is_imported_from_us_or_from_others(self) -> None:
        tree = ast.parse(SCRIPT.read_text())
        modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        modules |= {
            name.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for name in node.names
        }

        assert modules == {"posix", "sys", "_socket", "_thread", "time", "ssl", "json"}

    @staticmethod
    def _output(*arguments: str) -> str:
        return subprocess.check_output([PYTHON, "-I", "-S", *arguments], text=True)

    @staticmethod
    def _traced(url: str, cache: Path) -> str:
        """What -X importtime has to say about a look-up."""
        environment = {"ENC_URL": url, "ENC_CACHE": str(cache), "ENC_CONF": ""}
        command = [PYTHON, "-I", "-S", "-X", "importtime", SCRIPT, NODE]
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stderr.decode()
