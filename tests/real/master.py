"""A machine on which all of rolecall is, set up by its own Puppet module, and an operator at it.

Redis, the service, two puppetservers behind the balancer, and the provisioner's command; its
machines are the simulated region's, which boot on this machine and reach it at 8140.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.real.instance import PUPPET
from tests.real.puppethost import Applied, PuppetHost
from tests.real.ring import ENVIRONMENTS
from tests.real.roles import add_class, roles
from tests.real.wayin import GO, JOIN, MANIFESTS, SWITCH, WayIn, come_in, shell
from tests.region.handle import Region, World

NAME = "puppet.example"
SITE = "module"
ENVIRONMENT_FOLDER = "/etc/puppet/code/environments"
SSL = "/var/lib/puppet/ssl"
CA = "/etc/puppet/puppetserver/ca/ca_crt.pem"
LAUNCH_SECONDS = 240
# What the site had before rolecall came: the catalogue is none of ours, and nor is what is signed.
PUPPET_CONF = f"""\
# This site's own.
[main]
certname = {NAME}
server = {NAME}
dns_alt_names = {NAME},puppet
keylength = 2048

[server]
# Nobody is signed unseen.
autosign = false
environment_timeout = 0
# The end."""
# Its own node, as it had it before, and what that got.
OWN_CLASS = "sites_own"
NODES_PP = f"node '{NAME}' {{\n  include {OWN_CLASS}\n}}\nnode default {{ }}\n"
OWN_MANIFEST = f"class {OWN_CLASS} {{\n  file {{ '/root/{OWN_CLASS}': content => 'x' }}\n}}\n"
# As the README shows it, with a further puppetserver. What differs from a site's is in Hiera.
MANIFEST = f"""\
{JOIN}
include rolecall::balancer
rolecall::puppetserver::instance {{ 'two':
  port => 8151,
}}
"""
BEHIND_THE_BALANCER = {
    "rolecall::puppetserver::behind_balancer": True,
    "rolecall::balancer::backends": ["127.0.0.1:8150", "127.0.0.1:8151"],
    "rolecall::balancer::puppetservers": ["puppet2.example"],
    "rolecall::balancer::login": {"certificates": ["alice"]},
}
CATALOGUE = f"/var/cache/puppet/client_data/catalog/{NAME}.json"
DNS = {"zones": ["fleet.example"], "servers": ["ns1.fleet.example=10.0.0.53"]}
CLASSES = [line.split()[1] for line in MANIFEST.splitlines() if line.startswith("include ")]
ABSENT = """\
class { ['rolecall', 'rolecall::redis', 'rolecall::service', 'rolecall::provisioner']:
  ensure => absent,
}
class { ['rolecall::puppetserver', 'rolecall::balancer']:
  ensure => absent,
}
rolecall::puppetserver::instance { 'two':
  ensure => absent,
  port   => 8151,
}
"""


@dataclass
class Master:
    """The machine and what was seen while it came in."""

    host: PuppetHost
    region: Region
    world: World
    way_in: WayIn
    first: Applied
    second: Applied

    @property
    def services(self) -> dict[tuple[str, int], tuple[str, int]]:
        """Where machines of the region reach it, and where it is."""
        return {(PUPPET, 8140): (self.host.address, 8140)}

    def owns(self, machine: dict[str, Any]) -> bool:
        return bool(machine["tags"].get("rolecall:site") == SITE)

    def provisioner(self, *words: str, seconds: float = LAUNCH_SECONDS) -> str:
        return self.host.run(["provisioner", *words], seconds=seconds).stdout

    def launched_ready(self, role: str) -> str:
        """Launch one machine and wait until Puppet has run well on it; its certname."""
        words = ("launch", role, "--format", "json", "--wait-until", "ready")
        (node,) = json.loads(self.provisioner(*words))["nodes"]
        return str(node["certname"])

    def show(self, name: str) -> dict[str, Any]:
        return dict(json.loads(self.provisioner("show", name, "--format", "json")))

    def conf(self) -> dict[str, str]:
        """The text of the puppetserver's own files."""
        listing = ["sh", "-c", "ls /etc/puppet/puppet.conf /etc/puppet/puppetserver/conf.d/*"]
        return {path: self.host.read(path) for path in self.host.run(listing).stdout.split()}

    def curl(self, path: str, *options: str, cert: str = "", port: int = 8141) -> tuple[int, str]:
        """(HTTP's status or 0, body), as the owner of a certificate, or as nobody."""
        own = ["--cert", f"{SSL}/certs/{cert}.pem", "--key", f"{SSL}/private_keys/{cert}.pem"]
        words = ["curl", "--silent", "--max-time", "20", "--path-as-is", "--cacert", CA]
        url = f"https://{NAME}:{port}{path}"
        done = self.host.run(
            [*words, *(own if cert else []), *options, "--write-out", "\n%{http_code}", url],
            check=False,
        )
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body


@contextmanager
def master(region: Region, world: World) -> Iterator[Master]:
    port = int(region.url.rpartition(":")[2])
    with PuppetHost(NAME, relays={port: ("127.0.0.1", port)}) as host:
        environment = {**region.env(), "AWS_ENDPOINT_URL": f"http://{host.gateway}:{port}"}
        prepare(host, environment, world)
        way_in = come_in(host, CATALOGUE)
        host.hiera(yaml.safe_dump(site(environment) | BEHIND_THE_BALANCER) + SWITCH)
        found = Master(host, region, world, way_in, host.apply(MANIFEST), host.apply(MANIFEST))
        if found.first.changed:
            begin(found)
        yield found


def prepare(host: PuppetHost, environment: dict[str, str], world: World) -> None:
    """A puppetserver of a site that has not met rolecall, and what its operator is about to say."""
    host.install()
    host.write("/etc/puppet/puppet.conf", PUPPET_CONF)
    with tempfile.TemporaryDirectory() as name:
        copy_environments(host, Path(name))
    host.run(["puppetserver", "ca", "setup", "--subject-alt-names", f"{NAME},puppet"])
    host.hiera(yaml.safe_dump(site(environment)))
    server = {"host": NAME, "address": PUPPET, "ca": f"{SSL}/certs/ca.pem"}
    ours = roles(world, server, {})
    ours["roles"]["master"] = {"classes": CLASSES}
    host.write(f"{MANIFESTS}/roles.yaml", yaml.safe_dump(ours))
    host.write(f"{MANIFESTS}/nodes.pp", NODES_PP)


def site(environment: dict[str, str]) -> dict[str, Any]:
    """What every site says in Hiera, or may."""
    return {
        "rolecall::site": SITE,
        "rolecall::service::dns": DNS,
        "rolecall::provisioner::ca_url": f"https://{NAME}:8140",
        "rolecall::provisioner::environment": environment,
    }


def copy_environments(host: PuppetHost, folder: Path) -> None:
    """The example's, with the class that shows what a manifest sees."""
    shutil.copytree(ENVIRONMENTS, folder / "environments")
    add_class(folder / "environments")
    own = folder / "environments/production/modules" / OWN_CLASS / "manifests"
    own.mkdir(parents=True)
    (own / "init.pp").write_text(OWN_MANIFEST)
    host.copy(folder / "environments", ENVIRONMENT_FOLDER)


def begin(found: Master) -> None:
    """What an operator does once: certificates, and the loop's first word."""
    for name in ("alice", "puppet2.example", "agent.example"):
        found.host.run(["puppetserver", "ca", "generate", "--certname", name], check=False)
    assert shell(found.host, GO).returncode == 0
