"""Real servers for tests and for `make run`: started on free ports or sockets, stopped by pid."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from tests import redis_binaries

START_TIMEOUT = 30.0
STOP_TIMEOUT = 10.0
PROBE_TIMEOUT = 1.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(
    what: str,
    ready: Callable[[], bool],
    *,
    timeout: float = START_TIMEOUT,
    alive: Callable[[], bool] = lambda: True,
) -> None:
    deadline = time.monotonic() + timeout
    while not ready():
        if not alive():
            raise RuntimeError(f"{what} ended instead of starting")
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not there within {timeout} s")
        time.sleep(0.01)


def stop(process: subprocess.Popen[bytes], *, timeout: float = STOP_TIMEOUT) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()


# What it has answered outlives a kill. With its default, everysec, Redis answers up to two seconds
# before it writes, while an earlier fsync is still at work:
# https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/
KEEPS_ALL = ("--appendonly", "yes", "--appendfsync", "always")


@dataclass
class RedisServer:
    """A real redis-server in a folder of its own; as empty as that folder."""

    folder: Path
    binary: str = field(default_factory=lambda: redis_binaries.default().path)
    port: int = field(default_factory=free_port)
    options: Sequence[str] = ()
    # "user:password@", where an ACL file knows no default user.
    login: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://{self.login}127.0.0.1:{self.port}/0"

    def start(self) -> RedisServer:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(self.binary, "--port", str(self.port), "--bind", "127.0.0.1"),
                    *("--dir", str(self.folder), "--save", "", "--maxmemory-policy", "noeviction"),
                    *self.options,
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                # Ctrl-C is for whoever started it, who stops it in good order.
                start_new_session=True,
            )
        wait_until("redis-server", self._answers, alive=self._alive)
        return self

    def client(self) -> Redis:
        return Redis.from_url(self.url, decode_responses=True, protocol=2)

    def pause(self) -> None:
        """It accepts, and answers nobody."""
        os.kill(self._pid(), signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self._pid(), signal.SIGCONT)

    def kill(self) -> None:
        os.kill(self._pid(), signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process)

    def end(self) -> None:
        """At once: asked kindly, Redis takes a tenth of a second, and more for its files."""
        if self._alive():
            self.kill()

    def _pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def _alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _answers(self) -> bool:
        client = self.client()
        try:
            return bool(client.ping())
        except RedisError:
            return False
        finally:
            client.close()


@dataclass
class Service:
    """The ENC service under gunicorn, as it runs in production."""

    folder: Path
    redis_url: str
    bind: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.bind = self.bind or f"127.0.0.1:{free_port()}"

    @property
    def url(self) -> str:
        """For the ENC script and for requests: unix:/path or http://host:port."""
        return self.bind if self.bind.startswith("unix:") else f"http://{self.bind}"

    @property
    def log(self) -> Path:
        return self.folder / "service.log"

    def start(self) -> Service:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "gunicorn"),
                    *("-c", "python:enc.gunicorn_conf", "enc.wsgi:app"),
                ],
                env={
                    "PATH": os.environ["PATH"],
                    "REDIS_URL": self.redis_url,
                    "ENC_BIND": self.bind,
                    # What it leaves when it is killed goes with its folder.
                    "TMPDIR": str(self.folder),
                    **self.env,
                },
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        wait_until("the ENC service", self._answers, alive=self._alive)
        return self

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process)

    def end(self) -> None:
        """At once, with its workers: asked kindly, they wait seconds for clients that stay."""
        if self.process is not None and self._alive():
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def _answers(self) -> bool:
        """The master listens a second or more before its first worker can answer."""
        unix = self.bind.startswith("unix:")
        family = socket.AF_UNIX if unix else socket.AF_INET
        host, _, port = self.bind.partition(":")
        address = port if unix else (host, int(port))
        with socket.socket(family) as probe, suppress(OSError):
            probe.settimeout(PROBE_TIMEOUT)
            probe.connect(address)
            probe.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            return bool(probe.recv(1))
        return False
