"""All of it: which checks there are, and which wait for what others learn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from enc.domain.rolespec import RoleSpec
from enc.inventory import Inventory
from provisioner.doctor import (
    account,
    authority,
    certificates,
    ground,
    notices,
    permissions,
    puppetdb,
    regions,
    service,
    service_roles,
    store,
)
from provisioner.doctor.finding import Finding, skipped
from provisioner.doctor.permissions import LaunchPlace
from provisioner.doctor.running import SECONDS, Check, examine
from provisioner.domain.ground import requests
from provisioner.ports.checks import (
    Authority,
    Aws,
    EncService,
    Permissions,
    PuppetDBStatus,
    Validity,
)
from provisioner.ports.ec2 import Cloud
from provisioner.ports.host import Clock
from provisioner.signing.requests import refused_lately

# A role's look-ups are five calls.
SECONDS_FOR_A_ROLE = 2.0
_NOT_SET = "{} is not set: {}"


@dataclass(frozen=True, kw_only=True)
class Patient:
    """What is looked at, by its ports. None: not configured. ``unusable`` variables are told."""

    site: str
    clock: Clock
    redis_url: str
    open_store: Callable[[], Inventory]
    aws: Aws
    cloud: Cloud
    permissions: Permissions
    enc: EncService
    enc_bind: str
    enc_named: bool
    validity: Callable[[str, str], Validity]
    certificates: dict[str, str] = field(default_factory=dict)
    ca: Authority | None = None
    puppetdb: PuppetDBStatus | None = None
    queue_urls: tuple[str, ...] = ()
    regions: tuple[str, ...] | None = None
    seconds: float = SECONDS
    unusable: frozenset[str] = frozenset()


def diagnose(patient: Patient) -> list[Finding]:
    """Every finding, in the order in which things depend on each other."""
    looked = store.Store(patient.open_store, patient.redis_url, patient.site, patient.clock)
    identity = account.Identity(patient.aws)
    redis, aws, *others = examine(
        [
            Check(what=store.WHAT, act=looked.examine, seconds=patient.seconds),
            Check(what=account.WHAT, act=identity.examine, seconds=patient.seconds),
            *_independent(patient),
        ],
        patient.clock,
    )
    ec2: list[list[Finding]]
    if identity.account:
        aws = [*aws, account.matched(identity.account, looked.known.account)]
        ec2 = _ec2(patient, looked.known)
    else:
        ec2 = [[skipped("EC2", "not looked at: AWS does not say who we are", "see AWS: account")]]
    queue = _without_queue(patient, looked.known.roles or ())
    return [each for found in (redis, aws, *ec2, queue, *others) for each in found]


def _independent(patient: Patient) -> Iterator[Check]:
    seconds = patient.seconds
    ca, db, clock = patient.ca, patient.puppetdb, patient.clock
    if patient.certificates:
        files, read = patient.certificates, patient.validity
        yield Check(
            what="Puppet: certificates", act=lambda: certificates.examine(files, read, clock)
        )
    if ca is not None:
        yield Check(
            what=authority.WHAT,
            act=lambda: authority.examine(ca, lambda: refused_lately(patient.open_store())),
            seconds=seconds,
        )
    else:
        said = "certificates are not signed and not revoked"
        yield _unset(authority.WHAT, "PUPPET_CA_URL", said, patient)
    if db is not None:
        yield Check(what=puppetdb.WHAT, act=lambda: puppetdb.examine(db), seconds=seconds)
    else:
        yield _unset(
            puppetdb.WHAT, "PUPPETDB_URL", "PuppetDB does not learn which machines ended", patient
        )
    if "ENC_BIND" not in patient.unusable:
        yield Check(what=service.WHAT, act=lambda: _service(patient), seconds=seconds)


def _service(patient: Patient) -> Iterator[Finding]:
    named = patient.enc_named
    return service.examine(patient.enc, patient.enc_bind, patient.site, named=named)


def _unset(what: str, variable: str, said: str, patient: Patient) -> Check:
    finding = skipped(what, _NOT_SET.format(variable, said), f"set {variable} (README, section 3)")
    return Check(what=what, act=lambda: _absent(variable, patient, finding))


def _absent(variable: str, patient: Patient, finding: Finding) -> list[Finding]:
    """Of a variable that is set and cannot be used, that has been told."""
    return [] if variable in patient.unusable else [finding]


def _ec2(patient: Patient, known: store.Known) -> list[list[Finding]]:
    roles = known.roles or ()
    where = regions.Regions(patient.aws, patient.clock, known.regions)
    found = examine(list(_of_aws(patient, where, roles)), patient.clock)
    # What the roles launch in has been looked at.
    others = [name for name in where.used if name not in {p.region for p in places("", roles)}]
    unread = examine([_read(patient, name) for name in others], patient.clock)
    said = list(regions.judged(known.regions, patient.regions, roles))
    return [*found, *unread, said]


def _read(patient: Patient, region: str) -> Check:
    return Check(
        what=regions.what(region),
        act=lambda: regions.examine(patient.permissions, region, patient.site),
        seconds=patient.seconds,
    )


def _of_aws(
    patient: Patient, where: regions.Regions, roles: tuple[RoleSpec, ...]
) -> Iterator[Check]:
    aws, seconds = patient.aws, patient.seconds
    yield Check(what="EC2", act=where.examine, seconds=seconds)
    yield Check(what="IAM", act=lambda: service_roles.examine(aws, roles), seconds=seconds)
    for place in places(patient.site, roles):
        yield _permitted(patient, place)
        yield _grounded(patient, place)
    for url in patient.queue_urls:
        yield _queued(patient, url)


def _queued(patient: Patient, url: str) -> Check:
    return Check(
        what=notices.what(url),
        act=lambda: notices.examine(patient.aws, url),
        seconds=patient.seconds,
    )


def _without_queue(patient: Patient, roles: tuple[RoleSpec, ...]) -> list[Finding]:
    if not patient.queue_urls:
        return _absent("SPOT_QUEUE_URL", patient, notices.without_queue())
    return notices.unheard(patient.queue_urls, roles)


def _permitted(patient: Patient, place: LaunchPlace) -> Check:
    return Check(
        what=place.what("permissions"),
        act=lambda: permissions.examine(patient.permissions, patient.cloud, place),
        seconds=2 * patient.seconds,
    )


def _grounded(patient: Patient, place: LaunchPlace) -> Check:
    wanted = requests(place.specs)
    return Check(
        what=place.what("images, subnets, groups"),
        act=lambda: ground.examine(patient.cloud, wanted),
        seconds=patient.seconds + SECONDS_FOR_A_ROLE * len(wanted),
    )


def places(site: str, roles: tuple[RoleSpec, ...]) -> list[LaunchPlace]:
    """The regions that roles launch in; where there is none, the session's own. Pure."""
    regions = sorted({spec.launch.region for spec in roles if spec.launch})
    found = [
        LaunchPlace(
            region=region,
            site=site,
            specs=[spec for spec in roles if spec.launch and spec.launch.region == region],
        )
        for region in regions
    ]
    return found or [LaunchPlace(region="", site=site)]
