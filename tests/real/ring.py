"""What all tests of the ring share: one puppetserver with its PuppetDB, and what of ours it runs.

The puppetserver is set up as the README says: the ENC script, the signing policy, the report
processor, PuppetDB, and an ordinary certificate for the provisioner.
"""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.real import puppetserver
from tests.real.ca import CA
from tests.real.instance import PUPPET, Instance
from tests.real.puppetdb import Identity, PuppetDB
from tests.real.puppetserver import PuppetServer, hand_over
from tests.real.roles import add_class
from tests.servers import free_port

MODULE = Path(__file__).parents[2] / "puppet" / "rolecall"
ENVIRONMENTS = Path(__file__).parents[2] / "puppet" / "example" / "environments"
PROVISIONER = "provisioner"

# Tests of other things than the policy have machines signed whose requests carry no password: a
# file with the machine's name says so. For all others it is the real script.
POLICY = """\
#!/bin/sh
[ ! -e "{blindly}/$1" ] || exit 0
exec {autosign} "$@"
"""
PUPPETDB_CONF = "[main]\nserver_urls = {url}\n"
ROUTES = "---\nserver:\n  facts:\n    terminus: puppetdb\n    cache: json\n"
# What an image may say: a key of Puppet's default length takes seconds to make.
IMAGE_PUPPET_CONF = "[main]\nkeylength = 2048\n"


@dataclass
class Ring:
    """All below `folder`, where the puppet user may read. The settings file is the scripts' own."""

    folder: Path
    server: PuppetServer
    puppetdb: PuppetDB

    @classmethod
    def prepare(cls, folder: Path) -> "Ring":
        """Write everything and start nothing.

        Scripts and environments are copied: a checkout may lie in a closed home.
        """
        puppetdb = PuppetDB(folder / "puppetdb", allowed=(puppetserver.NAME, PROVISIONER))
        server = PuppetServer(
            folder / "puppetserver",
            free_port(),
            # A script gets what the JVM has, and nothing else.
            environment={"ENC_CONF": str(folder / "enc.conf")},
            settings={
                "node_terminus": "exec",
                "external_nodes": str(folder / "files" / "enc"),
                "autosign": str(folder / "policy"),
                "reports": "rolecall,puppetdb",
                "storeconfigs": "true",
                "storeconfigs_backend": "puppetdb",
            },
            ruby=(folder / "lib",),
        )
        ring = cls(folder, server, puppetdb)
        ring._write()
        return ring

    def _write(self) -> None:
        for name in ("files", "lib"):
            shutil.copytree(MODULE / name, self.folder / name)
        self.blindly.mkdir()
        policy = self.folder / "policy"
        autosign = self.folder / "files" / "autosign"
        policy.write_text(POLICY.format(blindly=self.blindly, autosign=autosign))
        policy.chmod(0o755)
        self.server.prepare()
        (self.server.folder / "puppet" / "puppetdb.conf").write_text(
            PUPPETDB_CONF.format(url=self.puppetdb.url)
        )
        (self.server.folder / "puppet" / "routes.yaml").write_text(ROUTES)
        environments = self.server.environments
        shutil.copytree(ENVIRONMENTS, environments, dirs_exist_ok=True)
        add_class(environments)
        readable = [environments, self.folder / "files", self.folder / "lib"]
        subprocess.run(["chmod", "-R", "a+rX", *readable], check=True)
        for script in (self.folder / "files").iterdir():
            script.chmod(0o755)
        self.configure_enc()

    def start(self) -> None:
        """Both at once: each of them takes half a minute."""
        self.server.begin()
        self.puppetdb.begin(self.server.identity(puppetserver.NAME))
        self.server.wait()
        self.puppetdb.wait()
        self.server.issue(PROVISIONER)

    def stop(self) -> None:
        self.server.stop()
        self.puppetdb.stop()

    @property
    def ca(self) -> CA:
        return CA(self.server)

    @property
    def provisioner(self) -> Identity:
        return self.server.identity(PROVISIONER)

    @property
    def blindly(self) -> Path:
        return self.folder / "blindly"

    @property
    def enc_cache(self) -> Path:
        return self.folder / "enc-cache"

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    @property
    def environment(self) -> dict[str, str]:
        """What lets a provisioner ask the CA and PuppetDB."""
        identity = self.provisioner
        return {
            "PUPPET_CA_URL": f"https://{puppetserver.HOST}:{self.server.port}",
            "PUPPET_CERT": str(identity.certificate),
            "PUPPET_KEY": str(identity.key),
            "PUPPET_CA": str(identity.ca),
            "PUPPETDB_URL": self.puppetdb.url,
        }

    @property
    def puppet_server(self) -> dict[str, object]:
        """What a role says of it to machines that boot: see `services`."""
        ca = str(self.server.ca_certificate)
        return {"host": puppetserver.NAME, "address": PUPPET, "ca": ca}

    @property
    def services(self) -> dict[tuple[str, int], tuple[str, int]]:
        """Where machines that boot reach it, and where it is."""
        return {(PUPPET, 8140): (puppetserver.HOST, self.server.port)}

    def sign_blindly(self, certname: str) -> None:
        """From now on a request in this name is signed whatever it carries."""
        (self.blindly / certname).touch()

    def configure_enc(self, **settings: str) -> None:
        """Write the scripts' settings file; what is not said here has its default."""
        said = {"spool": str(self.spool), **settings}
        text = "".join(f"{key} = {value}\n" for key, value in said.items())
        (self.folder / "enc.conf").write_text(text)

    def empty(self) -> None:
        """New and empty folders for the script's answers, used or not, and for reports."""
        for folder in (self.enc_cache, self.spool):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            hand_over(folder)


def image(host: Instance) -> None:
    """What machines that boot are made of: this machine, with an agent in it."""
    host.write("/etc/puppet/puppet.conf", IMAGE_PUPPET_CONF)
