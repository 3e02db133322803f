"""A real Puppet agent with folders of its own: one for each certname."""

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.real import puppetserver

# A run takes 3 to 6 s; more than this is a hang.
RUN_SECONDS = 120

# What `--detailed-exitcodes` and `--test` mean by their exit codes.
UNCHANGED, FAILED_RUN, CHANGED, FAILED_RESOURCES = 0, 1, 2, 4

PUPPET_CONF = """\
[main]
vardir = {d}/var
ssldir = {d}/ssl
rundir = {d}/run
logdir = {d}/log
statedir = {d}/var/state
# It holds last_run_summary.yaml, from which the agent knows its environment: the default
# folder would be shared by every agent here, which mixes them up.
publicdir = {d}/public
codedir = {d}/code
certname = {certname}
server = {host}
serverport = {port}
keylength = 2048
[agent]
report = true
"""

# Facter asks for what a container may not read, some 18 times a run.
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
    def compile_failed(self) -> bool:
        return "Could not retrieve catalog from remote server: Error 500" in self.said


@dataclass
class Agent:
    """A handle on the agent of one certname.

    `around` are words before the command (to run it inside a namespace, say).
    """

    folder: Path
    certname: str
    port: int
    host: str = puppetserver.HOST
    around: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "conf").mkdir(parents=True)
        (self.folder / "code").mkdir()
        (self.folder / "conf" / "puppet.conf").write_text(
            PUPPET_CONF.format(
                d=self.folder, certname=self.certname, host=self.host, port=self.port
            )
        )

    def test(self, *options: str) -> Run:
        """A run as people start it by hand: `--test`, which never uses the cached catalogue."""
        return self._run("--test", *options)

    def daemon_like(self, *options: str) -> Run:
        """A run as the daemon makes it: where no catalogue comes, the cached one is applied."""
        return self._run(
            "--onetime", "--no-daemonize", "--verbose", "--detailed-exitcodes", *options
        )

    def _run(self, *options: str) -> Run:
        done = subprocess.run(
            [
                *self.around, "puppet", "agent", *options, "--color=false",
                "--waitforcert", "0", "--confdir", self.folder / "conf",
            ],
            env={"PATH": os.defpath + ":/usr/sbin:/sbin", "HOME": "/root", "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors="replace", check=False, timeout=RUN_SECONDS, cwd="/",
        )  # fmt: skip
        said = "".join(line for line in done.stdout.splitlines(True) if NOISE not in line)
        return Run(done.returncode, said)

    @property
    def cached_catalogue(self) -> Path:
        """What the agent falls back to when it gets no new catalogue."""
        return self.folder / "var" / "client_data" / "catalog" / f"{self.certname}.json"

    def digest(self) -> str:
        """Of the cached catalogue's bytes: equal means that it was left as it was."""
        return hashlib.sha256(self.cached_catalogue.read_bytes()).hexdigest()

    def catalogue(self) -> dict[str, Any]:
        return dict(json.loads(self.cached_catalogue.read_text()))

    def summary(self) -> dict[str, Any]:
        """The agent's last_run_summary.yaml."""
        return dict(yaml.safe_load((self.folder / "public" / "last_run_summary.yaml").read_text()))
