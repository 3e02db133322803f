"""What is said of a CA's file is what OpenSSL, by which an agent trusts its server, makes of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.authorities import cases
from tests.fakes.clock import START


@pytest.mark.parametrize("name", [name for name in cases() if name != "early"])
def test_openssl_trusts_a_server_by_it_where_we_say_so(name: str, tmp_path: Path) -> None:
    case = cases()[name]
    ca, server = tmp_path / "ca.pem", tmp_path / "server.pem"
    ca.write_text(case.file)
    server.write_text(case.server)
    when = str(int(START.timestamp()))
    done = subprocess.run(
        ["openssl", "verify", "-attime", when, "-no-CApath", "-CAfile", str(ca), str(server)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode == 0) is (case.fault == ""), done
