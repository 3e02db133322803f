"""What a machine of a role is told at its launch. Pure."""

from __future__ import annotations

import functools
from datetime import UTC, datetime

import yaml

from enc.domain.rolefields import user_data_kind
from enc.domain.rolespec import LaunchSpec, RoleSpec
from provisioner.bootstrap import Bootstrap, BootstrapError, render
from provisioner.bootstrap.values import MERGE_KEYS

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


def unusable(spec: RoleSpec) -> tuple[str, str] | None:
    """Why no machine of the role could be told what it must know, and what to do; None: it can.

    Any launch may have a time to end, so that it counts.
    """
    if spec.launch is None:
        return None
    if flaw := _flaw(spec.launch.extra_user_data or ""):
        return flaw
    error = _refused(bootstrap(spec, spec.launch, key=_ANY_KEY, expires_at=_ANY_TIME))
    if error is None:
        return None
    message, _, hint = str(error).partition("; ")
    return message, hint


def _flaw(extra: str) -> tuple[str, str] | None:
    if user_data_kind(extra) != "cloud-config":
        return None
    try:
        config = yaml.safe_load(extra)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return f"not YAML: {' '.join(str(error).split())}", ""
    if not isinstance(config, dict):
        return "a cloud-config is a map of keys", "as in `packages: [jq]` on its second line"
    key = next((key for key in MERGE_KEYS if key in config), None)
    return (f"{key} would replace what rolecall writes", "leave it out") if key else None


# Roles of one file are much alike in this.
@functools.cache
def _refused(asked: Bootstrap) -> BootstrapError | None:
    try:
        render(asked)
    except BootstrapError as error:
        return error
    return None
