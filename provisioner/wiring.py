"""The only file that builds clients."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enc.domain.timeouts import Timeouts
from enc.inventory import COMMAND_TIMEOUT, Inventory, Meta, connect
from enc.inventory.meta import OtherSiteError
from provisioner.adapters.clock import SystemClock
from provisioner.context import Context
from provisioner.ports.ec2 import Cloud
from provisioner.ports.host import Clock, Reporter
from provisioner.ports.notices import Notices
from provisioner.ports.puppet import CA, PuppetDB
from provisioner.settings import DEFAULT_ENC_BIND, SettingError, Settings

if TYPE_CHECKING:
    from provisioner.adapters.http import Caller
    from provisioner.adapters.tls import Tls
    from provisioner.doctor.diagnosis import Patient
    from provisioner.loop.daemon import Daemon
    from provisioner.ports.exports import Commands, ExportFile
    from provisioner.ports.host import Notifier, Stop
    from provisioner.ports.puppet import Puppet


def clock() -> Clock:
    return SystemClock()


def open_inventory(settings: Settings) -> Inventory:
    """The inventory, connected lazily; nothing is asked of Redis yet."""
    redis = connect(
        settings.redis_url, timeout=COMMAND_TIMEOUT, name="provisioner", clock=clock().monotonic
    )
    return Inventory.on(redis)


def begun_inventory(settings: Settings) -> Inventory:
    """The inventory of a store that has been begun, for this site.

    Raises StoreLostError, OtherSiteError, StoreUnavailableError.
    """
    inventory = open_inventory(settings)
    check_site(inventory.meta.require(), settings.site)
    return inventory


def check_site(meta: Meta, site: str) -> None:
    """Raises OtherSiteError."""
    if meta.site != site:
        raise OtherSiteError(meta.site, site)


def open_cloud() -> Cloud:
    """EC2 by boto3, which reads AWS_* and its own configuration files."""
    from provisioner.adapters.aws import client_factory
    from provisioner.adapters.ec2 import Ec2Cloud

    return Ec2Cloud(client_factory(), SystemClock())


def open_notices(settings: Settings, say: Callable[[str], None]) -> tuple[Notices, ...]:
    """The queues of EC2's notices; () where none is configured. Nothing is asked yet."""
    if not settings.spot_queue_urls:
        return ()
    from provisioner.adapters.aws import client_factory
    from provisioner.adapters.sqs import SqsNotices

    clients, clock = client_factory(), SystemClock()
    return tuple(SqsNotices(clients, clock, url, say) for url in settings.spot_queue_urls)


def open_ca(settings: Settings) -> CA | None:
    """Puppet's CA; None where it is not configured. Nothing is read or connected yet."""
    if not settings.puppet_ca_url:
        return None
    from provisioner.adapters.http import Caller
    from provisioner.adapters.puppet_ca import PuppetCA

    return PuppetCA(Caller("Puppet's CA", settings.puppet_ca_url, _tls(settings)))


def open_puppet(command: str) -> Puppet:
    """Puppet's own command; "" looks for it. Nothing is run yet."""
    from provisioner.adapters.puppet_command import PuppetCommand

    return PuppetCommand(command)


def unknown_classes(names: Collection[str], modules: Sequence[str], manifests: Path) -> list[str]:
    """Those of these classes that are in no module, and in no manifest of that folder."""
    from provisioner.adapters.puppet_modules import unknown

    return unknown(names, modules, manifests)


def sibling_manifests(file: Path) -> list[Path]:
    """What Puppet may read together with this manifest."""
    from provisioner.adapters.puppet_modules import siblings

    return siblings(file)


def open_puppetdb(settings: Settings) -> PuppetDB | None:
    """PuppetDB; None where it is not configured. Nothing is read or connected yet."""
    if not settings.puppetdb_url:
        return None
    from provisioner.adapters.puppetdb import PuppetDBCommands

    return PuppetDBCommands(_puppetdb_caller(settings))


def _puppetdb_caller(settings: Settings) -> Caller:
    from provisioner.adapters.http import Caller

    tls = _tls(settings) if settings.puppetdb_url.startswith("https:") else None
    return Caller("PuppetDB", settings.puppetdb_url, tls)


def _tls(settings: Settings) -> Tls:
    from provisioner.adapters.tls import Tls

    return Tls(cert=settings.puppet_cert, key=settings.puppet_key, ca=settings.puppet_ca)


def check_puppet_files(settings: Settings) -> None:
    """For a command that will need them, before it does anything. Raises SettingError."""
    settings.check_puppet_files()
    if settings.puppet_ca_url or settings.puppetdb_url.startswith("https:"):
        from provisioner.adapters.tls import FileError

        try:
            _tls(settings).context()
        except FileError as error:
            raise SettingError(str(error)) from error


def spared(settings: Settings) -> dict[str, str]:
    """See ``adapters.own_certificate.spared``. Raises SettingError."""
    from provisioner.adapters import own_certificate

    return own_certificate.spared(settings, _tls(settings))


def context(
    settings: Settings,
    inventory: Inventory,
    reporter: Reporter,
    shielded: Callable[[], AbstractContextManager[Any]],
    cloud: Cloud | None = None,
) -> Context:
    return Context(
        cloud=cloud or open_cloud(),
        inventory=inventory,
        clock=SystemClock(),
        reporter=reporter,
        site=settings.site,
        who=settings.who,
        jitter=secrets.SystemRandom().random,
        token=secrets.token_hex,
        shielded=shielded,
        ca=open_ca(settings),
        puppetdb=open_puppetdb(settings),
        spared=lambda: spared(settings),
        notices=open_notices(settings, reporter.say),
        timeouts=Timeouts(**settings.timeouts),
    )


def partition(region: str) -> str:
    """Of AWS: see adapters.aws.partition_of."""
    from provisioner.adapters.aws import partition_of

    return partition_of(region)


def patient(settings: Settings, unusable: frozenset[str] = frozenset()) -> Patient:
    """All that the doctor looks at. Nothing is read or connected yet."""
    from provisioner.adapters.aws import Calls, client_factory
    from provisioner.adapters.dry_runs import AwsFacts, DryRuns
    from provisioner.adapters.enc_service import EncHttp
    from provisioner.adapters.own_certificate import validity
    from provisioner.adapters.puppetdb import PuppetDBCommands
    from provisioner.doctor.diagnosis import Patient

    calls = Calls(client_factory(), SystemClock())
    ca, db = settings.puppet_ca_url, settings.puppetdb_url
    files = {"PUPPET_CERT": settings.puppet_cert, "PUPPET_CA": settings.puppet_ca}
    return Patient(
        site=settings.site,
        clock=SystemClock(),
        redis_url=settings.redis_url,
        open_store=lambda: open_inventory(settings),
        aws=AwsFacts(calls),
        cloud=open_cloud(),
        permissions=DryRuns(calls),
        enc=EncHttp(settings.enc_bind),
        enc_bind=settings.enc_bind,
        enc_named=settings.enc_bind != DEFAULT_ENC_BIND,
        validity=validity,
        certificates=files if "https:" in ca + db else {},
        ca=open_ca(settings),
        puppetdb=PuppetDBCommands(_puppetdb_caller(settings)) if db else None,
        queue_urls=settings.spot_queue_urls,
        regions=settings.regions,
        unusable=unusable,
    )


def daemon(context: Context, interval: timedelta, metrics: str | None) -> Daemon:
    """The loop, with the service manager told and the metrics served. Raises SettingError."""
    from provisioner.adapters.meters import Meters
    from provisioner.loop.daemon import Daemon

    meters = Meters(context.clock)
    if metrics:
        host, port = _host_and_port(metrics)
        try:
            meters.serve(host, port)
        except OSError as error:
            raise SettingError(f"--metrics {metrics}: {error.strerror}") from error
    notifier, stop = service_manager()
    return Daemon(context, interval, notifier, meters, stop)


def nagios_place(folder: Path, patience: timedelta) -> ExportFile:
    """Where Nagios reads what we write; another export there is waited for so long."""
    from provisioner.adapters.folder import Folder

    return Folder(folder, "rolecall.cfg", SystemClock(), patience.total_seconds())


def site_commands(*, reload: str, verify: str, deadline: timedelta) -> Commands:
    """What the site lets an export run, by sh."""
    from provisioner.adapters.shell import Shell, quoted
    from provisioner.ports.exports import Commands

    shell = Shell()
    return Commands(
        run=shell.run,
        cut=shell.cut,
        quoted=quoted,
        reload=reload,
        verify=verify,
        deadline=deadline,
    )


def service_manager(
    what: str = "a pass", leaving: Callable[[], None] = lambda: None
) -> tuple[Notifier, Stop]:
    """For a command that goes on until SIGTERM or Ctrl-C, which are heard from now on.

    Where it does not end soon it is cut short in the middle of ``what``: then ``leaving`` is
    called.
    """
    from provisioner.adapters.service import SignalStop, SystemdNotifier, cut_short

    def give_up() -> None:
        leaving()
        cut_short(what)

    stop = SignalStop(give_up)
    stop.install()
    return SystemdNotifier(os.environ), stop


def _host_and_port(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise SettingError(f"--metrics {text}: write HOST:PORT, as in 127.0.0.1:9310")
    return host.strip("[]"), int(port)
