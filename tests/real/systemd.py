"""A private machine whose first process is a real systemd, for what is installed as its units.

    with SystemdHost("puppet.example", relays={4566: ("127.0.0.1", port)}) as host:
        host.run(["systemctl", "start", "rolecall-enc.socket"])
        host.journal("rolecall-enc.service")

As a Host it has its own network, disk, processes and name. No service of this machine runs there:
what is enabled here is not enabled there. It is not booted by cloud-init.
Needs root, and a cgroup2 hierarchy, in which each machine has a group of its own.
"""

import contextlib
import os
import secrets
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from tests.real import jvm
from tests.real.host import POLL_SECONDS, QUICK_FACTER, START_SECONDS, Host, _child_of

# Mounts, devices and an /etc without anything enabled. systemd-sysctl and its like would change
# this machine's kernel, which there is but one of.
MAKE_MACHINE = """
set -eu
mount -t tmpfs -o mode=0755 rolecall /mnt
mkdir /mnt/upper /mnt/work /mnt/root
mount -t overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work overlay /mnt/root
cd /mnt/root
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,ro,bind proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=0755 tmpfs dev
for each in null zero full random urandom tty; do
    : > dev/$each
    mount --bind /dev/$each dev/$each
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
: > dev/console
mkdir -p .old
pivot_root . .old
cd /
umount -l /.old
rmdir /.old
mount -t tmpfs -o mode=0755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /tmp
find /etc/systemd/system -path '*.wants/*' -delete
for each in systemd-sysctl systemd-modules-load systemd-binfmt systemd-random-seed console-getty \
        systemd-udevd systemd-udev-trigger systemd-networkd systemd-resolved systemd-timesyncd; do
    ln -sf /dev/null /etc/systemd/system/$each.service
done
ln -sf /dev/null /etc/systemd/system/sys-kernel-debug.mount
ln -sf /dev/null /etc/systemd/system/sys-kernel-tracing.mount
mkdir -p /etc/systemd/system.conf.d
printf '[Manager]\\nDefaultEnvironment="%s"\\n' "$3" > /etc/systemd/system.conf.d/environment.conf
# Debian's unit asks as puppet after a process that may still be root's: then a start fails.
mkdir -p /etc/systemd/system/puppetserver.service.d
printf '[Service]\\nType=exec\\n' > /etc/systemd/system/puppetserver.service.d/type.conf
rm -rf /var/log/journal
echo $2 > /etc/machine-id
: > /etc/resolv.conf
hostname $1
echo $1 > /etc/hostname
printf '127.0.0.1 localhost\\n127.0.1.1 %s %s\\n' $1 ${1%%.*} > /etc/hosts
{facter}
exec env -i container=rolecall LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=multi-user.target --show-status=false --log-target=journal
""".replace("{facter}", QUICK_FACTER)
UNSHARE = ("unshare", "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--fork")
# A group's processes are gone a moment after they were killed.
GONE_SECONDS = 10
GROUP = "rolecall-test-"


class SystemdHost(Host):
    """`instance_id` is its host name."""

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._init = stack.enter_context(_machine(self.instance_id))
            stack.callback(self.halt)
            self.pid = _wait_for_child(self._init)
            self._connect(stack)
            self._wait_until_up()
            self._stack = stack.pop_all()
        return self

    def halt(self) -> None:
        """Pull the plug: --kill-child takes systemd along, and that all else."""
        self._init.kill()
        self._init.wait()

    def start(self, command: list[str], log: str = "/dev/null") -> None:
        raise NotImplementedError("make it a unit: systemd-run")

    def start_unit(self, unit: str, seconds: float) -> None:
        """Raises AssertionError with what the unit said where it does not start."""
        done = self.run(["systemctl", "start", unit], check=False, seconds=seconds)
        assert done.returncode == 0, done.stderr + self.journal(unit)

    def journal(self, unit: str, lines: int = 60) -> str:
        """What a unit said last, systemd's own words about it among them."""
        words = ["journalctl", "--no-pager", "--output=cat", f"--lines={lines}", f"--unit={unit}"]
        return self.run(words, check=False).stdout

    def is_active(self, unit: str) -> bool:
        """Whether it runs. While it reads its settings again it does, too."""
        return self.state_of(unit) in {"active", "reloading"}

    def state_of(self, unit: str) -> str:
        """`active`, `inactive`, `failed`, `activating`..."""
        return self.run(["systemctl", "is-active", unit], check=False).stdout.strip()

    def property_of(self, unit: str, name: str) -> str:
        """What systemd knows of a unit: `MainPID`, `StatusText`..."""
        words = ["systemctl", "show", "--value", f"--property={name}", unit]
        return self.run(words).stdout.strip()

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self.state_of("multi-user.target") != "active":
            if self.off or time.monotonic() > deadline:
                raise RuntimeError(f"no systemd in {self.instance_id}")
            time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def _machine(name: str) -> Iterator[subprocess.Popen[bytes]]:
    with _group() as group:
        script = f'echo $$ > {shlex.quote(str(group))}/cgroup.procs; exec "$@"'
        # If we die in whatever way, unshare is killed, and takes the machine along.
        command = ["setpriv", "--pdeathsig", "KILL", *UNSHARE, "--kill-child"]
        make = ["--propagation", "private", "sh", "-c", MAKE_MACHINE, "sh", name]
        process = subprocess.Popen(
            ["sh", "-c", script, "sh", *command, *make, secrets.token_hex(16), jvm.ENVIRONMENT],
            stdin=subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def _group() -> Iterator[Path]:
    """A cgroup of its own, gone with the machine; those of runs that were killed go, too."""
    above = _cgroup2()
    for left in above.glob(f"{GROUP}*"):
        _remove(left, seconds=0)
    group = above / f"{GROUP}{secrets.token_hex(5)}"
    group.mkdir()
    try:
        yield group
    finally:
        _remove(group, seconds=GONE_SECONDS)


def _cgroup2() -> Path:
    """Our own group in the one hierarchy that systemd can use in a namespace."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    (mount,) = [words[1] for words in mounts if words[2] == "cgroup2"][:1] or [""]
    own = [line for line in Path("/proc/self/cgroup").read_text().splitlines() if line[:3] == "0::"]
    if not mount or not own:
        raise RuntimeError("no cgroup2 hierarchy is mounted: systemd cannot run here")
    return Path(mount + own[0][3:])


def _remove(group: Path, *, seconds: float) -> None:
    """Nothing is said of one that is still in use after that time."""
    deadline = time.monotonic() + seconds
    while group.exists():
        with contextlib.suppress(OSError):
            for folder, _, _ in os.walk(group, topdown=False):
                Path(folder).rmdir()
        if time.monotonic() >= deadline:
            return
        time.sleep(POLL_SECONDS)


def _wait_for_child(process: subprocess.Popen[bytes]) -> int:
    """The machine's first process, as we see it, once it is systemd."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError, IndexError):
            child = _child_of(process.pid)
            if Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                return child
        time.sleep(POLL_SECONDS)
    raise RuntimeError("no systemd in a machine of its own")
