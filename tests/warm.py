"""Our programs as processes that start at once: each is a fork of one that has imported them.

    done = warm().start("provisioner.cli", "ls", env={...}, cwd=folder).end(seconds=90)

A command spends most of its time on imports. What starts here is a process all the same: with a
pid, an environment, a folder and streams of its own, to be signalled and killed; only what an
import makes is shared. Tests of the start itself, of terminals and of shells start `python -m`.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any, NoReturn

# What the commands import when they run.
PACKAGES = ("provisioner", "enc.inventory")
LIBRARIES = ("boto3", "requests", "tests.region_ring.dying")
ORDER_BYTES = 2**17
SECONDS = 90.0
# Of a number on the pipe that tells of a process.
WIDTH = 12


@dataclass
class Started:
    """A process; it may have ended."""

    pid: int
    # The reading end of a pipe.
    status: int
    out: IO[str]
    err: IO[str]

    def signal(self, number: int) -> None:
        """Nothing happens to one that has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def end(self, seconds: float = SECONDS) -> tuple[int, str, str]:
        """Wait: (code, stdout, stderr); the code is below 0 where a signal has killed it.

        Raises TimeoutError, having killed it.
        """
        in_time = select.select([self.status], [], [], seconds)[0]
        if not in_time:
            self.signal(signal.SIGKILL)
        code = _number(self.status)
        os.close(self.status)
        out, err = _told(self.out), _told(self.err)
        if not in_time:
            raise TimeoutError(f"not ended within {seconds} s; it said: {out}{err}")
        return code, out, err


@dataclass
class Warm:
    """The process that forks. It ends with us, and what it has started goes on."""

    channel: socket.socket
    process: subprocess.Popen[bytes] = field(repr=False)

    @classmethod
    def open(cls) -> Warm:
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with its:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.warm", str(its.fileno())],
                pass_fds=[its.fileno()],
                stdin=subprocess.DEVNULL,
                cwd=Path(__file__).parents[1],
            )
        return cls(ours, process)

    def start(self, module: str, *words: str, env: Mapping[str, str], cwd: Path) -> Started:
        """As `python -m MODULE WORDS` with nothing to read; stdout and stderr are no terminal."""
        order = {"module": module, "words": words, "env": dict(env), "cwd": str(cwd)}
        out, err = _file(), _file()
        status, told = os.pipe()
        with Path(os.devnull).open() as nothing:
            streams = [nothing.fileno(), out.fileno(), err.fileno(), told]
            socket.send_fds(self.channel, [json.dumps(order).encode()], streams)
        os.close(told)
        return Started(_number(status), status, out, err)


def _file() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="utf-8")  # `end` closes it


def _number(status: int) -> int:
    """The next one of a fixed width, and no byte more: `select` must see the one behind it."""
    text = os.read(status, WIDTH)
    if not text:
        raise RuntimeError("the process that starts commands has ended")
    return int(text)


def _told(file: IO[str]) -> str:
    with file:
        file.seek(0)
        return file.read()


_OPENING = threading.Lock()


def warm() -> Warm:
    """One for all tests of this process, in all its threads."""
    with _OPENING:
        return _opened()


_opened = cache(Warm.open)


def serve(channel: socket.socket) -> None:
    """Fork for each order until nobody can send one."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _import_all()
    gc.freeze()
    while True:
        text, descriptors, _, _ = socket.recv_fds(channel, ORDER_BYTES, 4)
        if not text:
            return
        if not os.fork():
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            channel.close()
            _keep(json.loads(text), descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _import_all() -> None:
    for name in PACKAGES:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    for name in LIBRARIES:
        importlib.import_module(name)


def _keep(order: dict[str, Any], descriptors: list[int]) -> NoReturn:
    """Start the command, say its pid, wait for it, say how it ended."""
    *streams, status = descriptors
    pid = os.fork()
    if not pid:
        os.close(status)
        _become(order, streams)
    for descriptor in streams:
        os.close(descriptor)
    os.write(status, f"{pid:{WIDTH}}".encode())
    _, how = os.waitpid(pid, 0)
    os.write(status, f"{os.waitstatus_to_exitcode(how):{WIDTH}}".encode())
    os._exit(0)


def _become(order: dict[str, Any], streams: list[int]) -> NoReturn:
    """Run the module to the end of this process."""
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    sys.argv[1:] = order["words"]
    code = _run(order["module"])
    # As an interpreter ends, but for taking its modules apart: most commands take less than that.
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def _run(module: str) -> int:
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except BaseException:  # noqa: BLE001  # the interpreter's own last handler
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
