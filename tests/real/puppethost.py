"""A machine of its own with systemd and a puppetserver's packages, on which our module is applied.

    with PuppetHost("puppet.example") as host:
        host.install()
        first = host.apply("include rolecall::service")
        again = host.apply("include rolecall::service")
        assert (first.changed, again.unchanged)

What is installed is what `make module` and `make wheel` have built.
"""

import io
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tests.real.agent import NOISE
from tests.real.systemd import SystemdHost

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
MODULES = "/etc/puppet/code/modules"
WHEELS = "/srv/rolecall"
# Debian's packages of the modules that ours depends on.
SYSTEM_MODULES = "/usr/share/puppet/modules"
# Two JVMs start, one after the other, on a busy machine.
APPLY_SECONDS = 580


@dataclass(frozen=True)
class Applied:
    """How one `puppet apply --detailed-exitcodes` ended, and all that it said."""

    code: int
    said: str

    @property
    def unchanged(self) -> bool:
        return self.code == 0

    @property
    def changed(self) -> bool:
        return self.code == 2

    @property
    def refused(self) -> bool:
        """There was no catalogue."""
        return self.code == 1

    @property
    def failed(self) -> bool:
        """Some resource did."""
        return self.code in {4, 6}


class PuppetHost(SystemdHost):
    def install(self) -> None:
        """Our module by `puppet module install`, and the wheels into a folder."""
        # What lies on this machine is not the new one's.
        self.run(["rm", "-rf", "/etc/rolecall", "/var/lib/rolecall"])
        (archive,) = DIST.glob("rolecall-rolecall-*.tar.gz")
        self.copy(archive, f"{WHEELS}/{archive.name}")
        self.copy(DIST / "wheelhouse", f"{WHEELS}/wheelhouse")
        wheel = self.wheel
        self.copy(wheel, f"{WHEELS}/{wheel.name}")
        install = ["puppet", "module", "install", f"{WHEELS}/{archive.name}"]
        # The others are packages of Debian's: the Forge is not asked.
        self.run([*install, "--ignore-dependencies", "--target-dir", MODULES])
        self.hiera("")

    @property
    def wheel(self) -> Path:
        """The one that `make wheel` has built."""
        (found,) = DIST.glob("rolecall-*.whl")
        return found

    def copy(self, source: Path, target: str) -> None:
        """A file or a folder of this machine, which need not lie on the disk that it sees."""
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as archive:
            archive.add(source, target.lstrip("/"))
        command = [*self._enter(), "tar", "--extract", "--directory", "/", "--no-same-owner"]
        subprocess.run(command, input=content.getvalue(), check=True, env=self._environment())

    def hiera(self, data: str) -> None:
        """What the site says of the module's parameters, for good."""
        self.data = data
        self.hiera_adds("")

    def hiera_adds(self, data: str) -> None:
        """Over that, until the next time."""
        environment = "/etc/puppet/code/environments/production"
        layers = "hierarchy: [{name: Site, paths: [test.yaml, site.yaml]}]"
        self.write(f"{environment}/hiera.yaml", f"version: 5\n{layers}\n")
        wheel = f"{WHEELS}/{self.wheel.name}"
        own = f"rolecall::wheel: {wheel}\nrolecall::wheelhouse: {WHEELS}/wheelhouse\n"
        self.write(f"{environment}/data/site.yaml", f"---\n{own}{self.data}")
        self.write(f"{environment}/data/test.yaml", f"---\n{data or '{}'}")

    def apply(self, manifest: str, *options: str, seconds: float = APPLY_SECONDS) -> Applied:
        """As an administrator does."""
        self.write("/root/site.pp", manifest)
        done = self.run(
            [
                *("puppet", "apply", "--detailed-exitcodes", "--color=false"),
                *("--modulepath", f"{MODULES}:{SYSTEM_MODULES}", *options, "/root/site.pp"),
            ],
            check=False,
            seconds=seconds,
        )
        lines = (done.stdout + done.stderr).splitlines()
        return Applied(done.returncode, "\n".join(line for line in lines if NOISE not in line))
