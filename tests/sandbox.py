"""`make run`: the whole main job on this machine, on real parts and a simulated EC2.

Everything listens on free ports of loopback and lives in a temporary folder; nothing that the
environment says of Redis or AWS is read. It stays up until Ctrl-C and stops what it started.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.redis_binaries import Binary, NoRedisError, default
from tests.region.handle import Region, World
from tests.servers import RedisServer, Service

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = ROOT / "puppet" / "example" / "roles.yaml"
ENC = ROOT / "puppet" / "rolecall" / "files" / "enc"
SITE = "sandbox"
# As on EC2, a machine is pending first; here it lasts a moment.
PENDING_S = 1.0
# The market and type that has nothing: the role on it falls back to on-demand at its deadline.
DRY = "spot:t3.small:*"
CLIENTS = ("redis-cli", "valkey-cli")


class Sandbox:
    """A Redis, a region and the service, wired together; ``env`` is all that a command needs."""

    def __init__(self, folder: Path, binary: Binary, stack: ExitStack) -> None:
        self.folder = folder
        self.redis = RedisServer(folder / "redis", binary.path).start()
        stack.callback(self.redis.stop)
        self.region = Region.start(pending_s=PENDING_S)
        stack.callback(self.region.stop)
        self.world = self.region.seed()
        self.region.capacity(DRY, 0)
        self.service = Service(
            folder / "service", self.redis.url, env={"ROLECALL_SITE": SITE}
        ).start()
        stack.callback(self.service.stop)

    @property
    def exports(self) -> dict[str, str]:
        return {"REDIS_URL": self.redis.url, "ROLECALL_SITE": SITE, **self.region.env()}

    @property
    def env(self) -> dict[str, str]:
        kept = {k: os.environ[k] for k in ("HOME", "LANG", "TERM", "COLUMNS") if k in os.environ}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return {**kept, "PATH": path, **self.exports}

    def provisioner(self, *arguments: str) -> None:
        """Run a command as a person would, and show it."""
        say(f"\n$ provisioner {shlex.join(arguments)}")
        command = [sys.executable, "-m", "provisioner.cli", *arguments]
        subprocess.run(command, env=self.env, check=True)

    def nodes(self) -> Sequence[str]:
        command = [sys.executable, "-m", "provisioner.cli", "ls", "--format", "csv"]
        listed = subprocess.run(command, env=self.env, check=True, capture_output=True, text=True)
        return [line.split(",")[0] for line in listed.stdout.splitlines()[1:]]

    def ask_enc(self, certname: str) -> str:
        """What the puppetmaster would get, from the very script that it runs."""
        command = [sys.executable, "-I", "-S", str(ENC), certname]
        env = {"ENC_URL": self.service.url, "ENC_CONF": os.devnull}
        done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
        return done.stdout


def example_roles(world: World) -> str:
    """The example file, with the ids that this region has."""
    text = EXAMPLE.read_text(encoding="utf-8")
    first, second, *_ = world.one_per_zone
    for example, here in {
        "subnet-0example0a": first,
        "subnet-0example0b": second,
        "sg-0example": world.security_group,
        "/rolecall/example/image": world.image_parameter,
    }.items():
        text = text.replace(example, here)
    return text


def show_the_job(sandbox: Sandbox) -> None:
    roles = sandbox.folder / "roles.yaml"
    roles.write_text(example_roles(sandbox.world), encoding="utf-8")
    sandbox.provisioner("init")
    sandbox.provisioner("roles", "apply", str(roles))
    sandbox.provisioner("launch", "pdf2swf", "-n", "2", "--fleet")
    say("\nThe next role finds no spot capacity; at its deadline it falls back to on-demand:")
    sandbox.provisioner("launch", "web", "--fleet")
    for certname in sandbox.nodes():
        say(f"\n$ enc {certname}        # what Puppet gets")
        say(sandbox.ask_enc(certname).rstrip())


def where_to_look(sandbox: Sandbox) -> str:
    exports = exported(sandbox.exports)
    node = sandbox.nodes()[0]
    return (
        f"\nThe service:  {sandbox.service.url}   (the pages; "
        f"for programs /v1/nodes, /v1/roles, /v1/enc/{node})"
        f"\nThe store:    {look_up(sandbox.redis.port, node, sandbox.env['PATH'])}"
        "\n\nIn another terminal, in this folder:\n"
        f"{exports}\n"
        "  provisioner ls\n"
        f"  provisioner retire {node} --drain 0s\n"
        "\nCtrl-C stops all of it."
    )


def look_up(port: int, node: str, path: str) -> str:
    """The command that shows a node in the store, and how to get it where this PATH has none."""
    client = next((each for each in CLIENTS if shutil.which(each, path=path)), None)
    missing = "" if client else "   (as root: apt-get install redis-tools)"
    return f"{client or CLIENTS[0]} -p {port} hgetall node:{node}{missing}"


def exported(env: Mapping[str, str]) -> str:
    """Lines to paste; the caller's own AWS profile must not speak louder than the sandbox."""
    lines = [f"  export {name}={shlex.quote(value)}" for name, value in env.items()]
    lines.append('  export PATH="$PWD/.venv/bin:$PATH"; unset AWS_PROFILE AWS_REGION')
    return "\n".join(lines)


def say(text: str) -> None:
    print(text, flush=True)


def stop_on_signals() -> None:
    """A closed terminal and a service manager stop it as Ctrl-C does."""

    def stopped(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stopped)


def main() -> int:
    stop_on_signals()
    try:
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="rolecall-"))
            binary = default()
            say(f"Starting {binary} ({binary.path}), a simulated EC2 region and the service ...")
            sandbox = Sandbox(Path(folder), binary, stack)
            show_the_job(sandbox)
            say(where_to_look(sandbox))
            while True:
                signal.pause()
    except KeyboardInterrupt:
        say("\nStopped; nothing is left behind.")
        return 0
    except NoRedisError as error:
        say(f"make run: {error}")
        return 1
    except subprocess.CalledProcessError as error:
        say(
            f"\n{shlex.join(error.cmd)} failed with exit code {error.returncode}\n"
            f"{error.stderr or ''}"
        )
        return 1


if __name__ == "__main__":
    sys.exit(main())
