"""What systemd runs before a service: each thing that keeps it from starting, by its parameter."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.service.revoker import Revoker

SCRIPT = Path(__file__).parents[3] / "puppet/rolecall/files/check-start"
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


def test_a_good_list_and_a_pair_keep_nothing(tmp_path: Path) -> None:
    authority = Revoker(tmp_path, "ca")
    own = authority.issue("puppet")

    done = check("crl", "x::crl", authority.crl, "pair", "x::certificate", f"{own.cert},{own.key}")

    assert done == (0, [])


@pytest.mark.parametrize("text", [b"junk", b"-----BEGIN X509 CRL-----\nMIIB\n"])
def test_a_list_that_apache_could_not_read_is_named(tmp_path: Path, text: bytes) -> None:
    (crl := tmp_path / "crl.pem").write_bytes(text)

    code, (said,) = check("crl", "x::crl", crl)

    assert code == 1
    assert said.startswith(f"rolecall: x::crl is {crl}: no list of revoked certificates")


def test_a_key_of_another_certificate_is_named_with_it(tmp_path: Path) -> None:
    authority = Revoker(tmp_path, "ca")
    one, other = authority.issue("one"), authority.issue("other")

    code, (said,) = check("pair", "x::certificate", f"{one.cert},{other.key}")

    assert code == 1
    assert said.startswith(f"rolecall: x::certificate is {one.cert} with {other.key}: they are no")


@pytest.mark.parametrize(
    "words",
    [(), ("file", "x"), ("socket", "x", "y"), ("file", "x", "y", "port")],
    ids=" ".join,
)
def test_wrong_usage_checks_nothing(words: tuple[str, ...]) -> None:
    code, said = check(*words)

    assert code == 2
    assert said[0].startswith("rolecall: usage: check-start KIND NAME VALUE")


@pytest.mark.parametrize("address", ["8140", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:70000", "x:y"])
def test_what_is_no_address_is_refused(address: str) -> None:
    code, said = check("port", "rolecall::x::port", address)

    assert code == 1
    assert f"rolecall::x::port is {address}: not HOST:PORT; correct it" in said[0]
