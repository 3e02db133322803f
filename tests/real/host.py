"""A private machine that boots with real cloud-init, and leaves nothing behind.

    with Host("i-0feed", user_data=text, relays={8140: ("127.0.0.1", port)}) as host:
        host.write("/etc/puppet/puppet.conf", "")                # the image, before it boots
        boot = host.boot()                                     # cloud-init, all four stages
        assert boot.ok, boot.output
        host.wait_for("test -e /var/lib/rolecall/bootstrapped", seconds=60)
        host.run(["puppet", "agent", "--test"], check=False)   # anything, on that machine
        host.read("/etc/hosts")
        host.boot()                                            # a reboot: disk kept, processes not

It has its own network (one address, a gateway, no way out), mounts, host name, processes
and IPC. Its disk is an overlay of this machine's `/` (what it writes goes to a tmpfs), so
it has every package that is installed here, and nothing that it does is seen here.
`relays` are ports that it reaches at `host.gateway`, each passed on to (host, port) as
seen from this machine: that is how it reaches a server on loopback.
`host.user_data` may be set between the making and `boot()`, where it has to name the gateway.

Several can live at once. Everything hangs on one process that reads from a pipe of ours: when
the `with` ends, or this process dies in whatever way, the kernel takes it all down.
Needs root. There is no systemd in it: `/run/systemd/system` is not there.
"""

import contextlib
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.real.network import connect
from tests.real.relay import relay

STAGES = ("init --local", "init", "modules --mode=config", "modules --mode=final")
START_SECONDS = 10
STAGE_SECONDS = 120
COMMAND_SECONDS = 120
POLL_SECONDS = 0.05

# Of Debian's list, the modules that user-data of ours can reach; the others would only
# make host keys, grow disks and ask package mirrors.
MODULES = """\
network: {config: disabled}
cloud_init_modules: [bootcmd, write-files, set_hostname, update_hostname, update_etc_hosts]
cloud_config_modules: [runcmd]
cloud_final_modules: [write-files-deferred, scripts-vendor, scripts-per-once, scripts-per-boot,
  scripts-per-instance, scripts-user, final-message]
"""
CLOUD_CFG = f"datasource_list: [NoCloud, None]\n{MODULES}"

# Facter spends most of its time on Augeas' version, which nothing here asks for: 1.4 of the 6 s of
# a run of Puppet.
QUICK_FACTER = """
mkdir -p /etc/facter
printf 'facts : { blocklist : [ "augeas" ] }\\n' > /etc/facter/facter.conf
"""

# Runs in the new namespaces. The tmpfs lies over an existing folder of the private mount
# namespace: no folder is made on this machine.
MAKE_MACHINE = f"""
set -eu
mount -t tmpfs -o mode=0755 rolecall /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
cd /mnt/root
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount --rbind /dev dev
mkdir -p .old
pivot_root . .old
cd /
umount -l /.old
rmdir /.old
mount -t tmpfs -o mode=0755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /tmp
rm -rf /etc/cloud/cloud-init.disabled /var/lib/cloud /var/log/cloud-init*
: > /etc/resolv.conf
hostname localhost
printf '127.0.0.1 localhost\\n' > /etc/hosts
{QUICK_FACTER}
exec /usr/bin/python3 -I -S -c "$1"
"""

# The machine's first process: buries orphans, and ends with our end of the pipe.
FIRST_PROCESS = """
import os, select, signal
os.write(1, b"up\\n")
while True:
    if select.select([0], [], [], 0.2)[0] and not os.read(0, 1):
        os._exit(0)
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
"""


@dataclass(frozen=True)
class Stage:
    name: str
    code: int
    seconds: float
    output: str


@dataclass(frozen=True)
class Boot:
    stages: tuple[Stage, ...]

    @property
    def ok(self) -> bool:
        return all(stage.code == 0 for stage in self.stages)

    @property
    def output(self) -> str:
        return "\n".join(f"== {s.name}: {s.code}\n{s.output}" for s in self.stages)

    @property
    def seconds(self) -> float:
        return sum(stage.seconds for stage in self.stages)


@dataclass
class Host:
    """One machine. `instance_id` is what the cloud tells it; relays: {port: (host, port)}."""

    instance_id: str
    user_data: str = ""
    relays: Mapping[int, tuple[str, int]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._init = stack.enter_context(_machine())
            stack.callback(self.halt)
            self.pid = _child_of(self._init.pid)
            self._connect(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def boot(self) -> Boot:
        """Boot, or boot again: what runs is killed, `/run` is emptied, cloud-init starts over."""
        self.stop()
        # What was killed may take a while to go, and has files open there until then: -l.
        self.run(["sh", "-c", "umount -l /run && mount -t tmpfs -o mode=0755 tmpfs /run"])
        self.run(["mkdir", "-p", "/run/cloud-init", "/run/lock", "/run/puppet"])
        self._seed()
        return Boot(tuple(self._stage(name) for name in STAGES))

    def stop(self) -> None:
        """All that runs is killed; until the next boot nothing does."""
        self.run(["sh", "-c", "kill -KILL -1"], check=False)

    def run(
        self,
        command: list[str],
        *,
        check: bool = True,
        seconds: float = COMMAND_SECONDS,
        text_in: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the machine as root and wait; stdout and stderr as text."""
        done = subprocess.run(
            [*self._enter(), *command],
            input="" if text_in is None else text_in,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env=self._environment(),
        )
        if check and done.returncode:
            raise AssertionError(
                f"{shlex.join(command)} on {self.instance_id}: exit {done.returncode}\n"
                f"{done.stdout}{done.stderr}"
            )
        return done

    def start(self, command: list[str], log: str = "/dev/null") -> None:
        """Start a command on the machine and leave it running there until it is halted."""
        line = f"setsid {shlex.join(command)} >{shlex.quote(log)} 2>&1 </dev/null &"
        self.run(["sh", "-c", line])

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        where = shlex.quote(path)
        line = f"mkdir -p $(dirname {where}) && cat > {where} && chmod {mode:o} {where}"
        self.run(["sh", "-c", line], text_in=text)

    def read(self, path: str) -> str:
        return self.run(["cat", path]).stdout

    def exists(self, path: str) -> bool:
        return self.run(["test", "-e", path], check=False).returncode == 0

    def mode(self, path: str) -> str:
        """Mode and owner: `600 root:root`."""
        return self.run(["stat", "-c", "%a %U:%G", path]).stdout.strip()

    def wait_for(self, condition: str, *, seconds: float) -> None:
        """Wait until a line of shell succeeds on the machine; AssertionError when it never does."""
        loop = f"until {condition}; do sleep {POLL_SECONDS}; done"
        try:
            self.run(["sh", "-c", loop], seconds=seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(
                f"not within {seconds} s on {self.instance_id}: {condition}"
            ) from None

    @property
    def off(self) -> bool:
        """It runs no more, for whatever reason."""
        return self._init.poll() is not None

    @property
    def powered_off(self) -> bool:
        """Something on it called for power off: the kernel tells by the signal, see reboot(2)."""
        return self._init.poll() == -signal.SIGINT

    def wait_off(self, *, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while not self.off and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        return self.off

    def halt(self) -> None:
        """Pull the plug."""
        assert self._init.stdin
        self._init.stdin.close()
        try:
            self._init.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            self._init.kill()
            self._init.wait()

    def _connect(self, stack: contextlib.ExitStack) -> None:
        self.gateway, self.address = connect(self.pid)
        for port, target in self.relays.items():
            stack.enter_context(relay((self.gateway, port), target))

    def _enter(self) -> list[str]:
        return ["nsenter", "--target", str(self.pid), "--mount", "--uts", "--ipc", "--net", "--pid"]

    def _environment(self) -> dict[str, str]:
        # what a boot gives its services, and nothing of ours
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return {"PATH": path, "LANG": "C.UTF-8", **self.environment}

    def _seed(self) -> None:
        seed = "/var/lib/cloud/seed/nocloud"
        meta = f"instance-id: {self.instance_id}\nlocal-hostname: {self.instance_id}\n"
        self.write("/etc/cloud/cloud.cfg.d/99_private_machine.cfg", CLOUD_CFG)
        self.write(f"{seed}/meta-data", meta)
        self.write(f"{seed}/user-data", self.user_data)

    def _stage(self, name: str) -> Stage:
        begin = time.monotonic()
        done = self.run(["cloud-init", *name.split()], check=False, seconds=STAGE_SECONDS)
        took = time.monotonic() - begin
        return Stage(name, done.returncode, took, done.stdout + done.stderr)


@contextlib.contextmanager
def _machine() -> Iterator[subprocess.Popen[str]]:
    unshare = ["unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--fork", "--kill-child"]
    with subprocess.Popen(
        [*unshare, "--propagation", "private", "sh", "-c", MAKE_MACHINE, "sh", FIRST_PROCESS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout
        first = process.stdout.readline()
        if first != "up\n":
            raise RuntimeError(f"no private machine: {first}{process.stdout.read()}")
        yield process


def _child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
