"""What ties a private machine's network to this machine's, and sockets of ours inside it."""

import ctypes
import os
import secrets
import socket
import subprocess
import threading
from pathlib import Path

# https://man7.org/linux/man-pages/man2/setns.2.html
CLONE_NEWNET = 0x40000000
ENTER_SECONDS = 10


def connect(pid: int, own: str | None = None) -> tuple[str, str]:
    """Give the machine an address in a network of two; return (gateway, address).

    With an address of its OWN it has that alone, and no gateway: it reaches nothing but what
    listens inside its network. This machine never learns the address, so it takes no route here.
    The link's own end goes with the machine's network, and ours with it.
    """
    link = f"rc{secrets.token_hex(5)}"
    gateway, address = ("", own) if own else _pair()
    inside = ["nsenter", "--target", str(pid), "--net"]
    _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
    if gateway:
        _ip("address", "add", f"{gateway}/30", "dev", link)
    _ip("link", "set", link, "up")
    _ip("address", "add", f"{address}/{32 if own else 30}", "dev", "eth0", within=inside)
    for name in ("eth0", "lo"):
        _ip("link", "set", name, "up", within=inside)
    if own:
        # Facter's `networking.ip` is that of the default route's interface. Nothing takes this
        # one: its halves come first.
        _ip("route", "add", "default", "dev", "eth0", within=inside)
        for half in ("0.0.0.0/1", "128.0.0.0/1"):
            _ip("route", "add", "unreachable", half, within=inside)
    return gateway, address


def add_address(pid: int, address: str) -> None:
    """A further address, known to this machine alone: something of ours will listen at it."""
    inside = ["nsenter", "--target", str(pid), "--net"]
    _ip("address", "add", f"{address}/32", "dev", "lo", within=inside)


def _pair() -> tuple[str, str]:
    block = 4 * secrets.randbelow(2**14)
    gateway, address = (f"10.77.{(block + n) // 256}.{(block + n) % 256}" for n in (1, 2))
    return gateway, address


def _ip(*words: str, within: list[str] | None = None) -> None:
    subprocess.run([*(within or []), "ip", *words], check=True, capture_output=True)


def listener(address: tuple[str, int], pid: int) -> socket.socket:
    """A listening socket in the network of process PID, for this process to accept at.

    A socket stays in the network that it was made in, whoever uses it: nothing has to run inside,
    where a reboot would kill it.
    """
    made: list[socket.socket | OSError] = []
    # setns() moves one thread, which then is of no more use here.
    thread = threading.Thread(target=_listen_inside, args=(address, pid, made))
    thread.start()
    thread.join(ENTER_SECONDS)
    if not made or isinstance(made[0], OSError):
        raise OSError(f"cannot listen at {address} inside {pid}: {made or 'no answer'}")
    return made[0]


def _listen_inside(address: tuple[str, int], pid: int, made: list[socket.socket | OSError]) -> None:
    try:
        _enter(pid)
        made.append(socket.create_server(address))
    except OSError as error:
        made.append(error)


def _enter(pid: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/proc/{pid}/ns/net").open("rb") as network:
        if libc.setns(network.fileno(), CLONE_NEWNET):
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
