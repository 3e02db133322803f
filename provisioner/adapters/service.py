"""The service manager: readiness, watchdog and status, as sd_notify(3) has them; and SIGTERM."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import FrameType

# systemd, and people, are promised an end within ten seconds.
_GIVE_UP = 8.0


class SystemdNotifier:
    """Implements Notifier. Without NOTIFY_SOCKET nobody is told anything."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")

    def ready(self) -> None:
        self._send("READY=1")

    def status(self, text: str) -> None:
        self._send(f"STATUS={' '.join(text.split())[:200]}")

    def alive(self) -> None:
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        """A manager that does not listen is no reason to stop working."""
        if not self._address:
            return
        address = self._address
        # An abstract socket is written with @ and addressed with a zero byte.
        address = f"\0{address[1:]}" if address.startswith("@") else address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.connect(address)
            line.sendall(text.encode())


class SignalStop:
    """Implements Stop: SIGTERM and SIGINT ask for it; who is not done soon is cut short.

    A pass may be cut anywhere: the next one goes on from what is written. So after eight seconds
    nothing is waited for, and the service manager need not kill us.
    """

    def __init__(self, give_up: Callable[[], None], seconds: float = _GIVE_UP) -> None:
        self._event = threading.Event()
        self._give_up, self._seconds = give_up, seconds

    def install(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.told)

    def asked(self) -> bool:
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        return self._event.wait(seconds)

    def told(self, _number: int, _frame: FrameType | None) -> None:
        if self._event.is_set():
            return
        self._event.set()
        timer = threading.Timer(self._seconds, self._give_up)
        timer.daemon = True
        timer.start()


def cut_short(what: str) -> None:
    """Leave, with what is under way as it stands: "a pass"."""
    os.write(2, f"provisioner: stopped in the middle of {what}; the next one continues\n".encode())
    os._exit(0)
