"""What systemd runs before a service: each thing that keeps it from starting, by its parameter."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "puppet/rolecall/files/check-start"
COMMAND = ["/usr/bin/python3", "-I", "-S", str(SCRIPT)]


def check(*words: str | Path) -> tuple[int, list[str]]:
    """(exit code, the lines on standard error)."""
    done = subprocess.run(
        [*COMMAND, *words], capture_output=True, text=True, timeout=10, check=False
    )
    assert done.stdout == ""
    return done.returncode, done.stderr.splitlines()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::]", "0.0.0.0"])
def test_a_free_port_and_a_file_that_is_there_keep_nothing(tmp_path: Path, host: str) -> None:
    (file := tmp_path / "ca.pem").write_text("x")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]

    done = check("file", "rolecall::x::ca", file, "port", "rolecall::x::port", f"{host}:{port}")

    assert done == (0, [])


@pytest.mark.parametrize("host", ["127.0.0.1", "[::]", "0.0.0.0"])
def test_a_port_that_is_taken_is_named_with_who_has_it(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = check("port", "rolecall::x::port", f"{host}:{port}")

    name = Path("/proc/self/comm").read_text().strip()
    who, todo = f"{name} (pid {os.getpid()})", "stop that, or choose another port"
    assert code == 1
    assert said == [
        f"rolecall: rolecall::x::port is {port}: Address already in use by {who}; {todo}"
    ]


def test_a_file_that_is_missing_or_empty_is_named(tmp_path: Path) -> None:
    (empty := tmp_path / "empty").touch()
    missing = tmp_path / "missing"

    code, said = check("file", "rolecall::x::ca", missing, "file", "rolecall::x::crl", empty)

    assert code == 1
    todo = "put the file there, or say where it is"
    assert said == [
        f"rolecall: rolecall::x::ca is {missing}: No such file or directory; {todo}",
        f"rolecall: rolecall::x::crl is {empty}: it is empty; {todo}",
    ]


@pytest.mark.parametrize(
    "words",
    [(), ("file", "x"), ("socket", "x", "y"), ("file", "x", "y", "port")],
    ids=" ".join,
)
def test_wrong_usage_checks_nothing(words: tuple[str, ...]) -> None:
    code, said = check(*words)

    assert code == 2
    assert said[0].startswith("rolecall: usage: check-start file NAME PATH")


@pytest.mark.parametrize("address", ["8140", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:70000", "x:y"])
def test_what_is_no_address_is_refused(address: str) -> None:
    code, said = check("port", "rolecall::x::port", address)

    assert code == 1
    assert f"rolecall::x::port is {address}: not HOST:PORT; correct it" in said[0]
