"""Machines with user-data of ours and a fake Puppet in their image, about to boot."""

import base64
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import yaml

from provisioner.bootstrap import Bootstrap, render
from tests.real import fakepuppet
from tests.real.host import Host

KEY = "fedcba9876543210" * 4
PEM = "-----BEGIN CERTIFICATE-----\nTm90IGEgcmVhbCBvbmU=\n-----END CERTIFICATE-----\n"
PLAIN = Bootstrap(
    launch_key=KEY,
    puppet_host="puppet",
    puppet_address="10.0.0.10",
    puppet_port=8140,
    ca_pem=PEM,
    install="none",
    package="puppet-agent",
    run_puppet=True,
    expires_at=None,
    extra_user_data=None,
    retry_first=1,
    retry_cap=1,
)
STATE = "/var/lib/rolecall"
LOG = "/var/log/rolecall-bootstrap.log"
# The machine that runs the tests may be busy with others; a good run takes two seconds.
SOON = 90

# A clock for the script: the machine's own, put forward by the seconds in /root/clock.
CLOCK = """#!/bin/sh
[ "$*" = +%s ] || exec /usr/bin/date "$@"
echo $(($(/usr/bin/date +%s) + $(cat /root/clock 2>/dev/null || echo 0)))
"""

_numbers = count(1)


@contextmanager
def newborn(bootstrap: Bootstrap, *codes: int) -> Iterator[Host]:
    """A machine before its first boot; its fake Puppet will exit with these codes."""
    with Host(f"i-0123456789abc{next(_numbers):04x}", user_data=render(bootstrap)) as host:
        fakepuppet.install(host, *codes)
        host.write("/usr/local/bin/date", CLOCK, mode=0o755)
        yield host


def boot(host: Host) -> None:
    booted = host.boot()
    assert booted.ok, booted.output


def wait_bootstrapped(host: Host) -> None:
    try:
        host.wait_for(f"grep -qx {host.instance_id} {STATE}/bootstrapped", seconds=SOON)
    except AssertionError as error:
        error.add_note(host.run(["tail", "-n", "40", LOG], check=False).stdout)
        raise


def put_clock_forward(host: Host, seconds: int) -> None:
    """Let time pass for the script, and wake it."""
    host.write("/root/clock", f"{seconds}\n")
    host.run(["pkill", "sleep"], check=False)


def unpack(host: Host, user_data: str) -> None:
    """Leave on the disk what cloud-init would write there."""
    for file in yaml.safe_load(user_data)["write_files"]:
        content = file["content"]
        if "encoding" in file:
            content = gzip.decompress(base64.b64decode(content)).decode()
        host.write(file["path"], content, mode=int(file["permissions"], 8))
