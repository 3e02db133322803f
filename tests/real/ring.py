"""What all tests of the ring share: one puppetserver, and the ENC script that it runs."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.real.puppetserver import PuppetServer, hand_over
from tests.real.roles import add_class
from tests.servers import free_port

REPOSITORY = Path(__file__).parents[2]
SCRIPT = REPOSITORY / "puppet" / "rolecall" / "files" / "enc"
ENVIRONMENTS = REPOSITORY / "puppet" / "example" / "environments"


@dataclass
class Ring:
    """The puppetserver, its ENC script's settings file and the script's cache."""

    server: PuppetServer
    enc_conf: Path
    enc_cache: Path

    @classmethod
    def prepare(cls, folder: Path) -> "Ring":
        """Put everything below FOLDER, where the puppet user may read; start nothing.

        The script and the environments are copied: a checkout may lie in a closed home.
        """
        script, conf, cache = folder / "enc", folder / "enc.conf", folder / "enc-cache"
        server = PuppetServer(
            folder / "puppetserver",
            free_port(),
            # An ENC gets what the JVM has, and nothing else.
            environment={"ENC_CONF": str(conf)},
            settings={
                "node_terminus": "exec",
                "external_nodes": str(script),
                "autosign": "true",
            },
        )
        server.prepare()
        shutil.copyfile(SCRIPT, script)
        script.chmod(0o755)
        shutil.copytree(ENVIRONMENTS, server.environments, dirs_exist_ok=True)
        add_class(server.environments)
        subprocess.run(["chmod", "-R", "a+rX", server.environments], check=True)
        return cls(server, conf, cache)

    def configure_enc(self, **settings: str) -> None:
        """Write the script's settings file; what is not said here has its default."""
        self.enc_conf.write_text("".join(f"{k} = {v}\n" for k, v in settings.items()))

    def empty_the_cache(self) -> None:
        """A new and empty folder for the script's answers, whether it is told to use it or not."""
        shutil.rmtree(self.enc_cache, ignore_errors=True)
        self.enc_cache.mkdir()
        hand_over(self.enc_cache)
