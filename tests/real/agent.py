"""A real Puppet agent on a private machine of its own, with the paths that every agent has.

What a catalogue does there happens to that machine alone, and its host name is its own.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.real import puppetserver
from tests.real.host import Host

# A run takes 3 to 6 s; more than this is a hang.
RUN_SECONDS = 120

# What `--detailed-exitcodes` and `--test` mean by their exit codes.
UNCHANGED, FAILED_RUN, CHANGED = 0, 1, 2

PUPPET_CONF = f"""\
[main]
certname = {{certname}}
server = {puppetserver.NAME}
serverport = {{port}}
keylength = 2048
[agent]
report = true
"""

# Facter asks for what a namespace may not read, some 18 times a run.
NOISE = "Facter: Permission denied"


@dataclass(frozen=True)
class Run:
    """One finished run: its exit code and all that it said."""

    code: int
    said: str

    @property
    def used_the_cache(self) -> bool:
        return "Using cached catalog" in self.said

    @property
    def enc_exit(self) -> int:
        """The ENC's exit code where it failed the compile; 0 where the compile did not fail so."""
        failed = re.search(r"Could not retrieve catalog .*Error 500.* returned ([1-9]):", self.said)
        return int(failed[1]) if failed else 0


@dataclass(frozen=True)
class Agent:
    """A handle on the agent of one certname."""

    host: Host
    certname: str

    def test(self, *options: str) -> Run:
        """A run as people start it by hand: `--test`, which never uses the cached catalogue."""
        return self._run("--test", *options)

    def daemon_like(self, *options: str) -> Run:
        """A run as the daemon makes it: where no catalogue comes, the cached one is applied."""
        return self._run(
            "--onetime", "--no-daemonize", "--verbose", "--detailed-exitcodes", *options
        )

    def _run(self, *options: str) -> Run:
        done = self.host.run(
            ["puppet", "agent", *options, "--color=false", "--waitforcert", "0"],
            check=False,
            seconds=RUN_SECONDS,
        )
        lines = (done.stdout + done.stderr).splitlines(keepends=True)
        return Run(done.returncode, "".join(line for line in lines if NOISE not in line))

    @property
    def _cached_catalogue(self) -> str:
        """What the agent falls back to when it gets no new catalogue."""
        return f"/var/cache/puppet/client_data/catalog/{self.certname}.json"

    def digest(self) -> str:
        """Of the cached catalogue's bytes: equal means that it was left as it was."""
        return self.host.run(["sha256sum", self._cached_catalogue]).stdout

    def catalogue(self) -> dict[str, Any]:
        """The cached catalogue: `classes`, `environment`, `resources` and more."""
        return dict(json.loads(self.host.read(self._cached_catalogue)))

    def resource(self, kind: str, title: str) -> dict[str, Any]:
        """A resource of the cached catalogue, a class by its capitalised title."""
        return next(
            dict(each)
            for each in self.catalogue()["resources"]
            if (each["type"], each["title"]) == (kind, title)
        )


@contextmanager
def machine(certname: str, port: int, hostname: str | None = None) -> Iterator[Agent]:
    """A machine whose agent is configured for the puppetserver on PORT, before its first run."""
    with Host(certname, relays={port: (puppetserver.HOST, port)}) as host:
        host.run(["hostname", hostname or certname])
        host.write("/etc/hosts", f"127.0.0.1 localhost\n{host.gateway} {puppetserver.NAME}\n")
        host.write("/etc/puppet/puppet.conf", PUPPET_CONF.format(certname=certname, port=port))
        yield Agent(host, certname)
