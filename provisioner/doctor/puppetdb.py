"""PuppetDB: there, and knowing us."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.doctor.finding import Finding, ok, refused
from provisioner.ports.checks import PuppetDBStatus
from provisioner.ports.errors import PuppetError

WHAT = "PuppetDB"
_LOOK = "check that it runs there, and that PUPPETDB_URL is right"


def examine(puppetdb: PuppetDBStatus) -> Iterator[Finding]:
    try:
        yield ok(WHAT, f"version {puppetdb.version()} answers our certificate")
    except PuppetError as error:
        yield refused(WHAT, error, _LOOK)
