"""What tests and ``make run`` hold of a simulated region. Standard library only; boto3 when asked.

region = Region.start(pending_s=0.5)
world = region.seed()
ec2 = region.client("ec2")
…
region.stop()
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

REGION = "us-east-1"
START_S, STOP_S, CONTROL_S = 60.0, 10.0, 60.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class World:
    """What a seeded region has. ``subnets``: zone -> ids; the first zone has two.

    ``ipv6_subnet`` has no IPv4, and is in the last zone. ``baked_image`` has its root at /dev/sda1
    and a second disk, and both outlive a machine; ``diskless_image`` has no EBS volume.
    """

    region: str
    vpc: str
    subnets: dict[str, list[str]]
    security_group: str
    key_name: str
    profile: str
    image: str
    other_image: str
    image_parameter: str
    ipv6_subnet: str
    baked_image: str
    diskless_image: str

    @property
    def zones(self) -> list[str]:
        return list(self.subnets)

    @property
    def one_per_zone(self) -> list[str]:
        return [ids[0] for ids in self.subnets.values()]


class RegionError(Exception):
    """The region refused a control call; the message says why."""


class Region:
    """A running region. Control calls take effect before they return."""

    def __init__(self, url: str, process: subprocess.Popen[str] | None, server: Any = None) -> None:
        self.url = url
        self._process = process
        self._server = server

    @classmethod
    def start(cls, *, port: int = 0, in_thread: bool = False, **settings: Any) -> Region:
        """Listens when this returns. Settings are those of ``config.Config``."""
        if in_thread:
            return cls._start_thread(port, settings)
        command = [sys.executable, "-m", "tests.region.server", "--with-parent"]
        command += ["--port", str(port), "--config", json.dumps(settings)]
        # Its own session: a Ctrl-C is for whoever started it, who stops it in good order.
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=_without(os.environ, "AWS_", "MOTO_"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise RegionError(f"the region did not start: exit {process.wait(STOP_S)}")
        return cls(json.loads(line)["url"], process)

    @classmethod
    def _start_thread(cls, port: int, settings: dict[str, Any]) -> Region:
        from tests.region.server import build

        server = build(port, settings)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return cls(f"http://127.0.0.1:{server.server_port}", None, server)

    def stop(self) -> None:
        """Idempotent."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        if self._process is not None:
            self._stop_process(self._process)
            self._process = None

    def cpu_seconds(self) -> float:
        """What the region's process has computed so far, in user and kernel: proc(5)."""
        assert self._process is not None, "a region in a thread has no process of its own"
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def _stop_process(process: subprocess.Popen[str]) -> None:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)
        for stream in (process.stdin, process.stdout):
            with suppress(OSError):
                if stream:
                    stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    # -- for whoever calls AWS

    def env(self, region: str = REGION) -> dict[str, str]:
        """What makes boto3 come here, in an environment that has no AWS_PROFILE: see environ."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "simulated",
            "AWS_SECRET_ACCESS_KEY": "simulated",
            "AWS_DEFAULT_REGION": region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "NO_PROXY": "127.0.0.1,localhost",
        }

    def environ(self, base: Mapping[str, str], region: str = REGION) -> dict[str, str]:
        """``base`` with no AWS settings but those that lead here."""
        return {**_without(base, "AWS_"), **self.env(region)}

    def client(self, service: str = "ec2", region: str = REGION, **config: Any) -> Any:
        """A boto3 client that does not retry, unless ``config`` says so."""
        import boto3
        from botocore.config import Config

        settings = {"retries": {"total_max_attempts": 1}, "read_timeout": 30, **config}
        return boto3.session.Session(
            aws_access_key_id="simulated", aws_secret_access_key="simulated", region_name=region
        ).client(service, endpoint_url=self.url, config=Config(**settings))

    def imds(self, instance_id: str) -> str:
        """What the machine sees as http://169.254.169.254."""
        return f"{self.url}/_imds/{instance_id}"

    # -- control

    def control(self, verb: str, **said: Any) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self.url}/_region/{verb}", json.dumps(said).encode(), method="POST"
        )
        try:
            with _DIRECT.open(request, timeout=CONTROL_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise RegionError(json.load(error)["error"]) from None

    def reset(self, **settings: Any) -> None:
        """As new, with these settings. Ids begin again."""
        self.control("reset", **settings)

    def configure(self, **settings: Any) -> None:
        """Replaces the settings named; the others stay."""
        self.control("configure", **settings)

    def capacity(self, pool: str, count: int | None, *, after_s: float = 0.0) -> None:
        """What ``market:type:zone`` (with * and ?) has from then on; None is endless."""
        self.control("capacity", pool=pool, count=count, after_s=after_s)

    def fault(self, action: str, code: str | None = None, **more: Any) -> None:
        """The next call of the action gets this instead: see faults.py for what ``more`` says."""
        said = {"action": action, **({"code": code} if code else {}), **more}
        self.control("fault", **said)

    def throttle(self, action: str = "*", times: int = 1) -> None:
        self.fault(action, "RequestLimitExceeded", times=times)

    def clear_faults(self) -> None:
        self.control("faults", clear=True)

    def faults(self) -> list[dict[str, Any]]:
        """Those that are not used up."""
        return self.control("faults")["faults"]

    def calls(self, action: str | None = None, *, clear: bool = False) -> list[dict[str, Any]]:
        """Calls so far: service, region, action, params (wire names), status (None: no answer)."""
        return self.control("calls", action=action, clear=clear)["calls"]

    def advance(self, seconds: float) -> None:
        """Lives of machines go on by that; launch times keep to the wall clock."""
        self.control("advance", seconds=seconds)

    def backdate(self, instance_id: str, seconds: float) -> None:
        """The machine was launched so much earlier."""
        self.control("backdate", instance_id=instance_id, seconds=seconds)

    def interrupt(self, instance_id: str, notice_s: float = 120.0, *, event: bool = True) -> None:
        """EC2 takes a spot machine back: an event, IMDS, and after the notice its end."""
        self.control("interrupt", instance_id=instance_id, notice_s=notice_s, event=event)

    def rebalance(self, instance_id: str, *, event: bool = True) -> None:
        self.control("rebalance", instance_id=instance_id, event=event)

    def power_off(self, instance_id: str) -> None:
        """``poweroff`` inside the machine."""
        self.control("power_off", instance_id=instance_id)

    def instances(self, *states: str) -> list[dict[str, Any]]:
        """The truth about every machine ever made (in these states): nothing hidden or late."""
        found = self.control("instances")["instances"]
        return [each for each in found if not states or each["state"] in states]

    def instance(self, instance_id: str) -> dict[str, Any]:
        return next(each for each in self.instances() if each["id"] == instance_id)

    def templates(self) -> list[dict[str, str]]:
        """Launch templates that are left: region, id, name."""
        return self.control("templates")["templates"]

    def crashes(self) -> list[str]:
        """Tracebacks of the region's own faults: a test should see none."""
        return self.control("crashes")["crashes"]

    def seed(self, region: str = REGION) -> World:
        """A network, image, key, group and instance profile to launch with."""
        return World(**self.control("seed", region=region))

    def queue(self, region: str = REGION, name: str = "spot") -> str:
        """The URL of an SQS queue that EC2's notices come to."""
        return self.url + self.control("queue", region=region, name=name)["path"]


def _without(environ: Mapping[str, str], *prefixes: str) -> dict[str, str]:
    return {key: value for key, value in environ.items() if not key.startswith(prefixes)}


def fleet_overrides(types: Sequence[str], subnets: Sequence[str]) -> list[dict[str, str]]:
    """Types x subnets, as CreateFleet wants them."""
    return [{"InstanceType": kind, "SubnetId": subnet} for kind in types for subnet in subnets]
