"""PuppetDB in memory: which nodes were deactivated, and when.

puppetdb = FakePuppetDB()
puppetdb.fail("deactivate", Refusal.AWAY)
assert puppetdb.deactivated == {"i-0abc": at}
"""

from __future__ import annotations

from datetime import datetime

from tests.fakes.ca import PuppetScript


class FakePuppetDB(PuppetScript):
    """Implements provisioner.ports.puppet.PuppetDB."""

    def __init__(self) -> None:
        super().__init__()
        self.deactivated: dict[str, datetime] = {}  # the first time that each was

    def deactivate(self, certname: str, at: datetime) -> None:
        with self.call("deactivate", (certname, at)):
            self.deactivated.setdefault(certname, at)
