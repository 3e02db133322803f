"""What a machine of a role is told at its launch. Pure."""

from __future__ import annotations

import functools
from datetime import UTC, datetime

from provisioner.bootstrap import Bootstrap, BootstrapError, render
from provisioner.rolesfile.spec import LaunchSpec, RoleSpec

# As long as a true one, and no secret.
_ANY_KEY = "0" * 64
_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def bootstrap(
    spec: RoleSpec, launch: LaunchSpec, *, key: str, expires_at: datetime | None
) -> Bootstrap:
    """``launch`` is the role's own section; ``key`` and ``expires_at`` are a launch's."""
    server = launch.puppet_server
    return Bootstrap(
        launch_key=key,
        puppet_host=str(server.host) if server else None,
        puppet_address=str(server.address) if server and server.address else None,
        puppet_port=server.port if server else 8140,
        ca_pem=server.ca_pem if server else None,
        install=launch.puppet.install,
        package=launch.puppet.package,
        run_puppet=spec.fleet.ready_when == "report",
        expires_at=expires_at,
        extra_user_data=launch.extra_user_data,
    )


def unusable(spec: RoleSpec) -> BootstrapError | None:
    """Why no machine of the role could be told what it must know; None where it can.

    Any launch may have a time to end, so that it counts.
    """
    if spec.launch is None:
        return None
    return _refused(bootstrap(spec, spec.launch, key=_ANY_KEY, expires_at=_ANY_TIME))


# Roles of one file are much alike in this.
@functools.cache
def _refused(asked: Bootstrap) -> BootstrapError | None:
    try:
        render(asked)
    except BootstrapError as error:
        return error
    return None
