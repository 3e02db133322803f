"""One operator's rolecall: a store, the service over it, and the CLI against a simulated region."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.real.roles import roles
from tests.region.handle import Region, World
from tests.servers import RedisServer, Service

COMMAND_SECONDS = 60
PUPPET_GROUP = "puppet"


@dataclass
class Site:
    """Everything is this site's own but the region, where other sites' machines live on."""

    name: str
    folder: Path
    redis: RedisServer
    service: Service
    region: Region
    world: World

    @classmethod
    def named(cls, name: str, folder: Path, region: Region, world: World) -> "Site":
        own = folder / name
        redis = RedisServer(own / "redis")
        # Whoever is in its group may use the socket: here the puppetserver's user.
        env = {"ROLECALL_SITE": name, "GUNICORN_CMD_ARGS": f"--group {PUPPET_GROUP}"}
        service = Service(own / "service", redis.url, f"unix:{own}/enc.sock", env)
        return cls(name, own, redis, service, region, world)

    def start(self) -> None:
        """Start the store and the service, begin the store and apply the roles."""
        self.redis.start()
        self.service.start()
        self.provisioner("init")
        self.apply()

    def stop(self) -> None:
        self.service.stop()
        self.redis.stop()

    def provisioner(self, *words: str) -> str:
        """Run the CLI as an operator does; its output. Raises AssertionError unless it exits 0."""
        done = subprocess.run(
            [sys.executable, "-m", "provisioner.cli", *words],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_SECONDS,
        )
        if done.returncode:
            raise AssertionError(
                f"provisioner {' '.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "HOME": str(self.folder),
            "REDIS_URL": self.redis.url,
            "ROLECALL_SITE": self.name,
            **self.region.env(),
        }

    def apply(self, puppet_server: dict[str, Any] | None = None, **changes: dict[str, Any]) -> None:
        """Apply the ring's roles, with `changes` by role over what they are."""
        path = self.folder / "roles.yaml"
        path.write_text(yaml.safe_dump(roles(self.world, puppet_server, changes)))
        self.provisioner("roles", "apply", str(path))

    def launch(self, role: str) -> str:
        """Launch one machine; its certname."""
        answer = json.loads(self.provisioner("launch", role, "--format", "json"))
        (node,) = answer["nodes"]
        return str(node["certname"])

    def launch_with_the_name_of(self, dead: str, role: str) -> str:
        """End a machine behind everybody's back, and launch one that EC2 gives its names to."""
        self.region.configure(reuse_addresses=True)
        self.region.client().terminate_instances(InstanceIds=[dead])
        node = self.launch(role)
        self.region.configure(reuse_addresses=False)
        return node

    def show(self, name: str) -> dict[str, Any]:
        return dict(json.loads(self.provisioner("show", name, "--format", "json")))

    def service_log(self, lines: int) -> str:
        text = self.service.log.read_text() if self.service.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])
