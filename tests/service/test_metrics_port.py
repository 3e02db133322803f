"""The loop's metrics for Prometheus: in a process of their own, which ends with the loop."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.adapters.metrics_port import MetricsPort
from tests.servers import free_port, wait_until
from tests.service.crowds import CROWD, MANNERS, PATIENCE, crowd

TEXT = b"rolecall_converge_passes_total 1.0\n"
LOOP = """
import sys
from provisioner.adapters.metrics_port import MetricsPort
port = MetricsPort("127.0.0.1", int(sys.argv[1]))
port.show(b"from a loop\\n")
print(port.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def number() -> int:
    return free_port()


@pytest.fixture
def port(number: int) -> Iterator[MetricsPort]:
    port = MetricsPort("127.0.0.1", number)
    port.show(TEXT)
    yield port
    port.close()


def asked(number: int) -> bytes:
    """The body of what it answers."""
    with socket.create_connection(("127.0.0.1", number), PATIENCE) as client:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        got = b"".join(iter(lambda: client.recv(65536), b""))
    head, _, body = got.partition(b"\r\n\r\n")
    assert b" 200 OK" in head
    assert b"text/plain; version=0.0.4" in head
    return body


def held() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_it_answers_with_what_was_shown_last(port: MetricsPort, number: int) -> None:
    assert asked(number) == TEXT
    port.show(b"newer\n")
    assert asked(number) == b"newer\n"


@pytest.mark.parametrize("says", MANNERS.values(), ids=MANNERS)
def test_two_thousand_slow_clients_take_no_descriptor_of_the_loop_and_no_answer(
    port: MetricsPort, number: int, says: bytes
) -> None:
    before = held()
    with crowd(f"127.0.0.1:{number}", says):
        assert asked(number) == TEXT
        port.show(b"newer\n")
        assert asked(number) == b"newer\n"
        # Those of the clients are in this process, too; what an earlier test left may go meanwhile.
        assert held() <= before + CROWD


def test_where_its_process_has_died_the_next_pass_starts_another(
    port: MetricsPort, number: int
) -> None:
    assert port.pid
    os.kill(port.pid, signal.SIGKILL)
    wait_until("it is dead", lambda: port.has_died)
    port.show(b"again\n")
    # A worker of the first lives for a second more, and may be the one that is asked.
    wait_until("another one answers", lambda: again(number))


def again(number: int) -> bool:
    try:
        return asked(number) == b"again\n"
    except (AssertionError, OSError):
        return False


def test_a_loop_that_is_killed_leaves_neither_process_nor_folder(
    number: int, tmp_path: Path
) -> None:
    loop = subprocess.Popen(
        [sys.executable, "-c", LOOP, str(number)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"TMPDIR": str(tmp_path)},
    )
    assert loop.stdout
    pid = int(loop.stdout.readline())
    assert asked(number) == b"from a loop\n"
    assert len(list(tmp_path.iterdir())) == 1

    loop.kill()
    loop.communicate()

    wait_until("its port is gone", lambda: not Path(f"/proc/{pid}").exists(), timeout=20)
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_is_taken_is_an_error_at_once(port: MetricsPort, number: int) -> None:
    with pytest.raises(OSError, match="in use"):
        MetricsPort("127.0.0.1", number)
