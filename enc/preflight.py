"""What would keep the service from ever answering, before it starts: ``python -m enc.preflight``.

Exit 0: it may start; a line on stderr says what it will wait for.   1: it would be no use; why.

A store that is away, loading or not begun comes by itself or by 'provisioner init', and the
service answers 503 until then. One that refuses us, and settings that cannot be used, do not mend
themselves.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from urllib.parse import parse_qsl, urlsplit

from enc.inventory import (
    SERVICE_TIMEOUT,
    Inventory,
    Query,
    StoreError,
    StoreLostError,
    StoreRefusedError,
    StoreUnavailableError,
    connect,
)
from enc.inventory.health import check_ready
from enc.web.settings import Settings, SettingsError

# Nobody's: looking it up shows whether we may look one up.
_NOBODY = "preflight"
_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")


class NotReadyError(Exception):
    """The service would be no use; the message says what to change."""


def check(environment: Mapping[str, str]) -> str:
    """What the service will wait for, or "". Raises NotReadyError."""
    try:
        settings = Settings.from_environment(environment)
    except SettingsError as error:
        raise NotReadyError(str(error)) from error
    _check_files(settings.redis_url)
    if "LISTEN_FDS" not in environment:
        # Not DNS_BIND: systemd may listen there for us, and does not say so before the start.
        _check_port(settings.bind)
    return _check_store(settings)


def _check_files(redis_url: str) -> None:
    for name, path in parse_qsl(urlsplit(redis_url).query):
        if name in _FILES:
            try:
                with Path(path).open("rb"):
                    pass
            except OSError as error:
                msg = f"REDIS_URL names {path} as {name}, which cannot be read: {error.strerror}"
                raise NotReadyError(msg) from error


def _check_port(bind: str) -> None:
    """As gunicorn binds it: an address that a predecessor has just left is free."""
    if bind.startswith("unix:"):
        return
    host, _, port = bind.rpartition(":")
    family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host.strip("[]"), int(port)))
        except OSError as error:
            msg = f"ENC_BIND is {bind}: {error.strerror}; stop what is there, or name another port"
            raise NotReadyError(msg) from error


def _check_store(settings: Settings) -> str:
    redis = connect(
        settings.redis_url, timeout=SERVICE_TIMEOUT, name="rolecall-enc", clock=perf_counter
    )
    store = Inventory.on(redis)
    try:
        check_ready(store.redis, settings.site)
        _try_reading(store, settings.site)
    except StoreRefusedError as error:
        raise NotReadyError(str(error)) from error
    except (StoreLostError, StoreUnavailableError) as error:
        return str(error)
    except StoreError as error:
        raise NotReadyError(str(error)) from error
    finally:
        store.redis.close()
    return ""


def _try_reading(store: Inventory, site: str) -> None:
    """One of each kind: a user of Redis may have a right and lack another."""
    store.lookups.look_up(_NOBODY)
    store.roles.names()
    store.launches.latest(1)
    store.events.after(count=1)
    store.events.life(_NOBODY)
    store.queries.page(Query(), limit=1)
    store.nodes.archive_page(1)
    store.roles.runs([_NOBODY])
    store.holds.all([_NOBODY])
    store.names.foreign(site)


def main() -> int:
    try:
        waits_for = check(os.environ)
    except NotReadyError as error:
        print(f"rolecall: the service cannot start: {error}", file=sys.stderr)  # noqa: T201
        return 1
    if waits_for:
        print(f"rolecall: the service starts, and waits: {waits_for}", file=sys.stderr)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
