"""A real nagios4 of our own: unprivileged, in a folder of its own, with checks every second.

Its hosts are listeners on addresses of loopback: one that is closed is a machine that has died.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers import free_port, stop, wait_until

NAGIOS = "/usr/sbin/nagios4"
DEBIANS = Path("/etc/nagios4/nagios.cfg")
PLUGINS = "/etc/nagios-plugins/config"
USER = "nagios"
# Within a busy machine's reach.
PATIENCE = 90.0

_MAIN = """\
log_file={folder}/var/nagios.log
cfg_file={folder}/base.cfg
cfg_dir={folder}/rolecall
cfg_file={plugins}/http.cfg
cfg_file={plugins}/tcp_udp.cfg
object_cache_file={folder}/var/objects.cache
precached_object_file={folder}/var/objects.precache
resource_file={folder}/resource.cfg
status_file={folder}/var/status.dat
status_update_interval=1
state_retention_file={folder}/var/retention.dat
check_result_path={folder}/var/spool
log_archive_path={folder}/var
command_file={folder}/var/nagios.cmd
check_external_commands=0
lock_file={folder}/var/nagios.pid
temp_file={folder}/var/nagios.tmp
temp_path={folder}/var
nagios_user=nagios
nagios_group=nagios
interval_length=1
check_result_reaper_frequency=1
cached_host_check_horizon=0
cached_service_check_horizon=0
service_inter_check_delay_method=n
host_inter_check_delay_method=n
log_initial_states=1
use_syslog=0
check_for_updates=0
illegal_object_name_chars=`~!$%^&*|'"<>?,()=
illegal_macro_output_chars=`~$&|'"<>
"""
_BASE = """\
define command {{
    command_name check-alive
    command_line /usr/lib/nagios/plugins/check_tcp -H $HOSTADDRESS$ -p {port} -t 5
}}
define command {{
    command_name notify
    command_line echo "$NOTIFICATIONTYPE$ $HOSTNAME$" >>{folder}/var/notified
}}
define timeperiod {{
    timeperiod_name always
    alias always
    monday 00:00-24:00
    tuesday 00:00-24:00
    wednesday 00:00-24:00
    thursday 00:00-24:00
    friday 00:00-24:00
    saturday 00:00-24:00
    sunday 00:00-24:00
}}
define contact {{
    contact_name ops
    host_notification_commands notify
    service_notification_commands notify
    host_notification_period always
    service_notification_period always
    host_notification_options d,u,r
    service_notification_options w,u,c,r
}}
define host {{
    name linux-server
    register 0
    check_command check-alive
    check_period always
    check_interval 1
    retry_interval 1
    max_check_attempts 3
    notification_period always
    notification_interval 0
    contacts ops
}}
define service {{
    name generic-service
    register 0
    check_period always
    check_interval 1
    retry_interval 1
    max_check_attempts 3
    notification_period always
    notification_interval 0
    contacts ops
}}
define host {{
    use linux-server
    host_name nagios
    address 127.0.0.1
    check_command check_dummy
}}
define command {{
    command_name check_dummy
    command_line /bin/true
}}
define service {{
    use generic-service
    host_name nagios
    service_description itself
    check_command check_dummy
}}
"""
# As the README has it, for another main file.
VERIFY = (
    "sed 's|^cfg_dir={folder}/rolecall$|cfg_dir={{}}|' {main} >{{}}/main && "
    f"{NAGIOS} -v {{{{}}}}/main"
)


@dataclass
class Nagios:
    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None
    _machines: dict[str, socket.socket] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def laid_out(cls, folder: Path) -> Iterator[Nagios]:
        """Configured, and not started."""
        made = cls(folder)
        for name in ("rolecall", "var", "var/spool"):
            (folder / name).mkdir(parents=True)
        for name in ("var", "var/spool"):
            shutil.chown(folder / name, USER, USER)
        (folder / "resource.cfg").touch()
        made.main.write_text(_MAIN.format(folder=folder, plugins=PLUGINS))
        (folder / "base.cfg").write_text(_BASE.format(folder=folder, port=made.port))
        try:
            yield made
        finally:
            made.stop()

    @property
    def main(self) -> Path:
        return self.folder / "nagios.cfg"

    @property
    def objects(self) -> Path:
        return self.folder / "rolecall"

    @property
    def verify(self) -> str:
        return VERIFY.format(folder=self.folder, main=self.main)

    @property
    def reload(self) -> str:
        assert self.process is not None
        return f"kill -HUP {self.process.pid}"

    def start(self) -> Nagios:
        with (self.folder / "out").open("ab") as out:
            self.process = subprocess.Popen(
                [NAGIOS, str(self.main)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        wait_until("nagios to start", lambda: self.starts >= 1, alive=self.alive, timeout=PATIENCE)
        return self

    def stop(self) -> None:
        for name in list(self._machines):
            self.machine_dies(name)
        if self.process is not None:
            stop(self.process)

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    # -- what it watches

    def machine(self, address: str) -> None:
        """It answers from now on."""
        self._machines[address] = socket.create_server((address, self.port), backlog=1000)

    def machine_dies(self, address: str) -> None:
        if door := self._machines.pop(address, None):
            door.close()

    # -- what it says

    @property
    def log(self) -> str:
        path = self.folder / "var/nagios.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def starts(self) -> int:
        """How often it has read its files, reloads with it."""
        return self.log.count("LOG VERSION")

    def alerts(self, host: str) -> list[str]:
        """What it found wrong with a host or one of its services, soft or hard."""
        found = re.findall(rf"(?:HOST|SERVICE) (?:ALERT|NOTIFICATION): .*\b{host};.*", self.log)
        return [line for line in found if not re.search(r";(UP|OK);(SOFT|HARD)", line)]

    @property
    def notified(self) -> str:
        path = self.folder / "var/notified"
        return path.read_text() if path.exists() else ""

    def status(self) -> dict[str, dict[str, str]]:
        """Of each host, and of each service as ``host/service``, the fields of its status."""
        try:
            text = (self.folder / "var/status.dat").read_text(errors="replace")
        except FileNotFoundError:
            return {}
        found = {}
        for kind, body in re.findall(r"(?ms)^(host|service)status \{\n(.*?)^\t\}", text):
            fields = dict(line.strip().partition("=")[::2] for line in body.splitlines())
            name = fields["host_name"]
            name = name if kind == "host" else f"{name}/{fields['service_description']}"
            found[name] = fields
        return found

    def is_well(self, name: str) -> bool:
        one = self.status().get(name, {})
        return one.get("has_been_checked") == "1" and one.get("current_state") == "0"

    def wait_for_well(self, *names: str) -> None:
        wait_until(f"{names} to be well", lambda: all(map(self.is_well, names)), timeout=PATIENCE)

    def wait_for_checks(self, name: str, count: int) -> None:
        """So many more, each at another second."""
        for _ in range(count):
            last = self._checked(name)
            wait_until(
                f"a check of {name}",
                lambda last=last: self._checked(name) != last,  # type: ignore[misc]
                timeout=PATIENCE,
            )

    def _checked(self, name: str) -> str:
        return self.status().get(name, {}).get("last_check", "")


def verified(main: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [NAGIOS, "-v", str(main)], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
