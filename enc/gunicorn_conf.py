"""How gunicorn runs the service: ``gunicorn -c python:enc.gunicorn_conf enc.wsgi:app``.

gunicorn takes its settings from the names of this module, so they must stand here when it is
imported: the one place that reads the environment at import. Nothing else is built: no client,
no application, no folder. Those come with the hooks below and in the workers.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from enc import logs
from enc.web.settings import Settings, SettingsError, is_loopback
from enc.worker import make_room

try:
    _settings = Settings.from_environment(os.environ)
except SettingsError as error:
    sys.exit(f"rolecall: {error}")

bind = _settings.binds
# Whoever may use the socket is in its group: the puppetmaster's user, and the Apache front.
umask = 0o117
workers = _settings.workers
worker_class = "enc.web.server.Worker"
# A look-up waits at most half a second for Redis; threads keep the others moving meanwhile.
threads = 8
timeout = 30
graceful_timeout = 10
keepalive = 15

logger_class = "enc.web.server.Logger"
loglevel = _settings.log_level
errorlog = "-"
# The application logs what it refuses; who asked is known to the front.
accesslog = None

# A certname has at most 255 characters, each up to three bytes when percent-encoded.
limit_request_line = 2048
limit_request_fields = 64
limit_request_field_size = 8190

# The front's headers are for the application to judge: none may change path, script or scheme.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}
# gunicorn 25 opens a socket through which its owner can steer it; we have signals.
control_socket_disable = True

_METRICS_DIR = "PROMETHEUS_MULTIPROC_DIR"
_OURS = "rolecall-metrics-"
_held: list[int] = []


def on_starting(server: Any) -> None:
    """Before anything listens."""
    logs.configure(_settings.log_level, secrets=_settings.secrets)
    server.cfg.set("worker_connections", make_room())
    # The command line and GUNICORN_CMD_ARGS come after this module, and may say otherwise.
    _refuse_other_hosts(address for address in server.cfg.address if not isinstance(address, int))


def when_ready(server: Any) -> None:
    """Before any worker answers: the sockets as they are, also those that systemd opened."""
    _refuse_other_hosts(listener.getsockname() for listener in server.LISTENERS)
    given = os.environ.get(_METRICS_DIR)
    # After USR2 the predecessor's workers still count there.
    if given and not server.master_pid:
        _empty(Path(given))
    if not given:
        _remove_unused(server.cfg.uid)
        os.environ[_METRICS_DIR] = str(_own_folder(server.cfg.uid, server.cfg.gid))
    elif Path(given).name.startswith(_OURS):
        _hold(Path(given))


def child_exit(_server: Any, worker: Any) -> None:
    from prometheus_client.multiprocess import mark_process_dead

    # prometheus-client ships types, but none for this function.
    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def worker_exit(server: Any, _worker: Any) -> None:
    """In the worker: the last one of a master that was killed takes the folder along."""
    _let_go(server.cfg.uid)


def on_exit(server: Any) -> None:
    _let_go(server.cfg.uid)


def _refuse_other_hosts(addresses: Iterable[Any]) -> None:
    """The address of a unix socket is text or bytes; of a TCP socket a tuple, the host first."""
    for address in addresses:
        if isinstance(address, tuple) and not is_loopback(address[0]):
            sys.exit(
                f"rolecall: refusing to listen on {address[0]}: the service knows no logins; "
                "give it a unix socket or a loopback address, and let the front face the network"
            )


def _own_folder(user: int, group: int) -> Path:
    """It is held before it has its name: another start does not take it for one left behind."""
    made = Path(tempfile.mkdtemp(prefix="rolecall-new-"))
    os.chown(made, user, group)
    _hold(made)
    return made.rename(made.with_name(made.name.replace("rolecall-new-", _OURS)))


def _hold(folder: Path) -> None:
    """As long as this process lives, or a worker that it forks: who was killed lets go, too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    fcntl.flock(handle, fcntl.LOCK_SH)
    _held.append(handle)


def _let_go(user: int) -> None:
    while _held:
        os.close(_held.pop())
    _remove_unused(user)


def _remove_unused(user: int) -> None:
    """Folders of ours that no process holds."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_OURS}*"):
        with suppress(OSError):
            _remove_if_unused(folder, user)


def _remove_if_unused(folder: Path, user: int) -> None:
    """Raises OSError if somebody holds it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        if os.fstat(handle).st_uid == user:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)


def _empty(folder: Path) -> None:
    """What an earlier run left would be counted again."""
    for left in folder.glob("*.db"):
        left.unlink()
