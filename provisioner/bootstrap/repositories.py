"""Where the agent's packages come from, beside the distribution's own.

A vendor publishes a small release package a platform, which adds its repository and signing key;
the agent then comes from there. The names end in the platform's, which the machine knows.

* Puppet: https://www.puppet.com/docs/puppet/7/puppet_platform_location_and_naming.html
  (`puppet8-release-<code name>.deb`, `puppet8-release-<os>-<version>.noarch.rpm`). Since early 2025
  Puppet's new builds are in repositories that ask for credentials
  (https://help.puppet.com/osp/8/Content/PuppetCore/install_nix_agents.htm); the public ones keep
  the last builds before that.
* OpenVox: https://docs.openvoxproject.org/openvox/latest/install_linux.html
  (`openvox8-release-<os><version>.deb`, `openvox8-release-<os>-<version>.noarch.rpm`).
"""

from __future__ import annotations

from dataclasses import dataclass

PUPPET = "puppet-agent"
OPENVOX = "openvox-agent"


@dataclass(frozen=True)
class Repository:
    """Base addresses of the release packages, and how their names begin."""

    apt: str
    yum: str
    deb_prefix: str
    rpm_prefix: str

    def at(self, base: str) -> Repository:
        """The same packages on a mirror, which has those of both kinds at its root."""
        return Repository(base, base, self.deb_prefix, self.rpm_prefix)

    @property
    def deb(self) -> str:
        return f"{self.apt.rstrip('/')}/{self.deb_prefix}"

    @property
    def rpm(self) -> str:
        return f"{self.yum.rstrip('/')}/{self.rpm_prefix}"


AIO = Repository(
    "https://apt.puppet.com", "https://yum.puppet.com", "puppet8-release-", "puppet8-release"
)
OPENVOX_8 = Repository(
    "https://apt.voxpupuli.org",
    "https://yum.voxpupuli.org",
    "openvox8-release-",
    "openvox8-release",
)
REPOSITORIES = {"aio": AIO, "openvox": OPENVOX_8}
