"""A network and mounts of its own for one command, with a resolver that takes questions only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.service.enc_script import PYTHON

_SCRIPT = """
import fcntl, socket, struct, subprocess, sys
resolver = socket.socket(type=socket.SOCK_DGRAM)
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
fcntl.ioctl(resolver, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
resolver.bind(("127.0.0.1", 53))
subprocess.run(["mount", "--bind", sys.argv[1], "/etc/resolv.conf"], check=True)
sys.exit(subprocess.run(sys.argv[2:]).returncode)
"""
# What it takes to make them, in seconds.
NAMESPACES = 1

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a network of its own")


def hanging_resolver(folder: Path) -> list[str]:
    """The command that runs a command so."""
    (conf := folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    return ["unshare", "--net", "--mount", PYTHON, "-c", _SCRIPT, str(conf)]
