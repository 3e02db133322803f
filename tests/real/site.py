"""One operator's rolecall: a store, the service over it, and the CLI against a simulated region."""

import hmac
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.real.ring import Ring
from tests.real.roles import roles
from tests.real.shipper import Shipper
from tests.region.handle import Region, World
from tests.servers import RedisServer, Service
from tests.warm import warm

COMMAND_SECONDS = 60
# One machine boots, asks Puppet and is heard of in ten seconds; several on a busy machine later.
READY_SECONDS = 180
POLL_SECONDS = 0.5
PUPPET_GROUP = "puppet"


@dataclass
class Site:
    """Everything is its own but the region, where other sites' machines live on, and the ring.

    The ring's puppetserver asks this site, and its reports come here.
    """

    name: str
    folder: Path
    redis: RedisServer
    service: Service
    shipper: Shipper
    ring: Ring
    region: Region
    world: World

    @classmethod
    def named(cls, name: str, ring: Ring, region: Region, world: World) -> "Site":
        own = ring.folder / name
        redis = RedisServer(own / "redis")
        # Whoever is in its group may use the socket: here the puppetserver's user.
        env = {"ROLECALL_SITE": name, "GUNICORN_CMD_ARGS": f"--group {PUPPET_GROUP}"}
        service = Service(own / "service", redis.url, f"unix:{own}/enc.sock", env)
        shipper = Shipper(ring.folder / "files" / "ship-reports", own, service.url, ring.spool)
        return cls(name, own, redis, service, shipper, ring, region, world)

    def start(self) -> None:
        """Start the store and the service, begin the store and apply the roles."""
        self.redis.start()
        self.service.start()
        self.provisioner("init")
        self.apply()
        self.ring.empty()
        self.ring.configure_enc(url=self.service.url)
        self.shipper.start()

    def stop(self) -> None:
        self.shipper.stop()
        self.service.end()
        self.redis.end()

    def provisioner(self, *words: str, seconds: float = COMMAND_SECONDS, **environment: str) -> str:
        """Run the CLI as an operator does; its output. Raises AssertionError unless it exits 0."""
        env = self.environment | environment
        command = warm().start("provisioner.cli", *words, env=env, cwd=self.folder)
        code, out, err = command.end(seconds)
        if code:
            raise AssertionError(f"provisioner {' '.join(words)}: exit {code}\n{out}{err}")
        return out

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.defpath,
            "HOME": str(self.folder),
            "REDIS_URL": self.redis.url,
            "ROLECALL_SITE": self.name,
            **self.ring.environment,
            **self.region.env(),
        }

    def apply(self, **changes: dict[str, Any]) -> None:
        """Apply the ring's roles, with `changes` by role over what they are."""
        path = self.folder / "roles.yaml"
        text = yaml.safe_dump(roles(self.world, self.ring.puppet_server, changes))
        path.write_text(text)
        self.provisioner("roles", "apply", str(path))

    def launch(self, role: str) -> str:
        """Launch one machine; its certname."""
        (certname,) = self.launched(role)
        return certname

    def launched(self, role: str, *options: str) -> list[str]:
        """What `provisioner launch` launched with these options; the certnames."""
        answer = json.loads(self.provisioner("launch", role, "--format", "json", *options))
        return [str(node["certname"]) for node in answer["nodes"]]

    def launched_ready(self, role: str, *options: str) -> list[str]:
        """The same, and the command waits until Puppet has run well on each; with a booter."""
        words = ("launch", role, "--format", "json", "--wait-until", "ready", *options)
        answer = json.loads(self.provisioner(*words, seconds=READY_SECONDS))
        return [str(node["certname"]) for node in answer["nodes"]]

    def owns(self, machine: dict[str, Any]) -> bool:
        """Whether a machine of the region is this site's."""
        return bool(machine["tags"].get("rolecall:site") == self.name)

    def password(self, certname: str) -> str:
        """What the machine of that name, and no other, puts into its request.

        From the launch key as the store has it, by the documented rule.
        """
        key = self.launch_key(str(self.show(certname)["launch"]))
        return hmac.digest(key.encode(), certname.encode(), "sha256").hex()

    def launch_key(self, launch: str) -> str:
        with self.redis.client() as client:
            return str(client.hget(f"launch:{launch}", "key"))

    def launch_with_the_name_of(self, dead: str, role: str) -> str:
        """End a machine behind everybody's back, and launch one that EC2 gives its names to."""
        self.region.configure(reuse_addresses=True)
        self.region.client().terminate_instances(InstanceIds=[dead])
        node = self.launch(role)
        self.region.configure(reuse_addresses=False)
        return node

    def show(self, name: str) -> dict[str, Any]:
        return dict(json.loads(self.provisioner("show", name, "--format", "json")))

    def wait_for_state(self, name: str, state: str, seconds: float = READY_SECONDS) -> str:
        """The node's state once it is that one, or what it is when the time is over."""
        deadline = time.monotonic() + seconds
        while (found := str(self.show(name)["state"])) != state and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        return found

    def service_log(self, lines: int) -> str:
        text = self.service.log.read_text() if self.service.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])
