"""What the doctor concludes from what it was told, in pairs: well, and not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from enc.domain.rolespec import RoleSpec
from provisioner.doctor import (
    account,
    certificates,
    clocks,
    environment,
    ground,
    notices,
    permissions,
    policy,
    redis_info,
    redis_url,
    regions,
    service,
)
from provisioner.doctor.diagnosis import places
from provisioner.doctor.finding import Finding, Verdict, refused
from provisioner.doctor.permissions import LaunchPlace
from provisioner.domain.ground import requests
from provisioner.ports.checks import QueueState, Validity
from provisioner.ports.ec2 import Ground, Subnet, TypeOffer
from provisioner.ports.errors import CloudError, PuppetError, Refusal, Trouble
from provisioner.settings import SettingError
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import GROUP, IMAGE, FakeCloud
from tests.workbench import role

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/spot"
INFO: dict[str, Any] = {
    "redis_version": "7.0.15",
    "redis_mode": "standalone",
    "role": "master",
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
    "aof_last_bgrewrite_status": "ok",
    "rdb_last_bgsave_status": "ok",
    "maxmemory": 0,
    "maxmemory_policy": "noeviction",
    "used_memory": 2**20,
}
VALKEY = {name: value for name, value in INFO.items() if name != "redis_mode"} | {
    "redis_version": "7.2.4",
    "server_name": "valkey",
    "valkey_version": "8.1.1",
    "server_mode": "standalone",
}


def spec(name: str = "web", **launch: Any) -> RoleSpec:
    return RoleSpec.of(role(name, **launch))


def ill(info: dict[str, Any]) -> list[tuple[str, Verdict]]:
    found = redis_info.judged(info)
    return [(each.what, each.verdict) for each in found if each.verdict is not Verdict.OK]


def test_a_redis_as_it_should_be_has_nothing_wrong() -> None:
    assert ill(INFO) == []
    assert ill(INFO | {"redis_version": "6.2.14", "maxmemory": 2**30}) == []


@pytest.mark.parametrize(
    ("changed", "what", "verdict"),
    [
        ({"redis_version": "6.0.16"}, "Redis: version", Verdict.BROKEN),
        ({"redis_version": "unknown"}, "Redis: version", Verdict.BROKEN),
        ({"role": "slave"}, "Redis: role", Verdict.BROKEN),
        ({"redis_mode": "cluster"}, "Redis: role", Verdict.BROKEN),
        ({"aof_enabled": 0}, "Redis: persistence", Verdict.BROKEN),
        ({"aof_last_write_status": "err"}, "Redis: persistence", Verdict.BROKEN),
        ({"aof_last_bgrewrite_status": "err"}, "Redis: persistence", Verdict.WARNING),
        ({"rdb_last_bgsave_status": "err"}, "Redis: persistence", Verdict.WARNING),
        ({"maxmemory_policy": "allkeys-lru"}, "Redis: eviction", Verdict.BROKEN),
        ({"maxmemory": 2**20}, "Redis: memory", Verdict.WARNING),
    ],
)
def test_each_wrong_setting_of_redis_is_found_alone(
    changed: dict[str, Any], what: str, verdict: Verdict
) -> None:
    assert ill(INFO | changed) == [(what, verdict)]


def test_a_valkey_as_it_should_be_has_nothing_wrong_and_is_told_by_its_own_version() -> None:
    assert ill(VALKEY) == []
    assert next(redis_info.judged(VALKEY)).said == "Valkey 8.1.1, which works as Redis 7.2.4"
    assert next(redis_info.judged(INFO)).said == "7.0.15"


def test_a_cluster_of_valkey_is_found() -> None:
    assert ill(VALKEY | {"server_mode": "cluster"}) == [("Redis: role", Verdict.BROKEN)]


def test_what_info_does_not_tell_cannot_be_asked() -> None:
    found = list(redis_info.judged({}))

    assert {each.verdict for each in found} == {Verdict.WARNING}
    assert "maxmemory_policy" in found[3].said


@pytest.mark.parametrize(
    ("url", "verdict"),
    [
        ("redis://127.0.0.1:6379/0", Verdict.OK),
        ("redis://localhost:6379/0", Verdict.OK),
        ("redis://[::1]:6379/0", Verdict.OK),
        ("unix:///run/redis.sock?db=0", Verdict.OK),
        ("rediss://ops:s3cret@redis.example:6379/0", Verdict.OK),
        ("redis://ops:s3cret@redis.example:6379/0", Verdict.BROKEN),
        ("redis://ops:s3cret@10.0.0.9:6379/0", Verdict.BROKEN),
        ("rediss://redis.example:6379/0", Verdict.BROKEN),
        ("rediss://:s3cret@redis.example:6379/0?ssl_cert_reqs=none", Verdict.WARNING),
        ("redis+sentinel://:s3cret@127.0.0.1,[::1]:26380/m/0", Verdict.OK),
        ("redis+sentinel://:s3cret@127.0.0.1,10.0.0.9:26379/m/0", Verdict.BROKEN),
        ("rediss+sentinel://:s3cret@10.0.0.8,10.0.0.9:26379/m/0", Verdict.OK),
        ("rediss://:s3cret@redis.example:6379/0?ssl_check_hostname=false", Verdict.WARNING),
    ],
)
def test_a_remote_redis_needs_tls_and_a_password_and_its_url_is_not_repeated(
    url: str, verdict: Verdict
) -> None:
    found = redis_url.judged(url)

    assert found.verdict is verdict
    assert "s3cret" not in f"{found.said}{found.remedy}"


@pytest.mark.parametrize(
    ("off", "verdict"),
    [(0, Verdict.OK), (-60, Verdict.OK), (60, Verdict.OK), (61, Verdict.BROKEN)],
)
def test_clocks_may_differ_by_a_minute(off: int, verdict: Verdict) -> None:
    assert clocks.compared("clock", NOW, NOW + timedelta(seconds=off)).verdict is verdict


def test_a_wrong_clock_is_said_with_its_direction() -> None:
    assert "ours is 300 s ahead of it" in clocks.compared("c", NOW, NOW + timedelta(0, 300)).said
    assert "ours is 300 s behind it" in clocks.compared("c", NOW, NOW - timedelta(0, 300)).said


@pytest.mark.parametrize(
    ("begins", "ends", "verdict"),
    [
        (-1, 31, Verdict.OK),
        (-1, 29, Verdict.WARNING),
        (-1, 0, Verdict.BROKEN),
        (1, 400, Verdict.BROKEN),
    ],
)
def test_a_certificate_is_valid_and_for_another_30_days(
    begins: int, ends: int, verdict: Verdict
) -> None:
    valid = Validity(begins=NOW + timedelta(days=begins), ends=NOW + timedelta(days=ends))

    found = certificates.judged("Puppet: PUPPET_CERT", "PUPPET_CERT", valid, NOW)

    assert found.verdict is verdict
    assert bool(found.remedy) == (verdict is not Verdict.OK)


@pytest.mark.parametrize(
    ("wanted", "verdict"),
    [("1", Verdict.OK), ("", Verdict.OK), ("2", Verdict.BROKEN), (None, Verdict.WARNING)],
)
def test_the_account_is_the_inventorys(wanted: str | None, verdict: Verdict) -> None:
    assert account.matched("1", wanted).verdict is verdict


@pytest.mark.parametrize(
    ("remembered", "named", "said"),
    [
        (("eu-west-1",), None, ["a: launches outside of the regions in use (eu-west-1)"]),
        (("eu-west-1", "us-east-1"), ("us-east-1", "eu-west-1"), []),
        ((), ("us-east-1",), ["REGIONS says us-east-1, and the inventory remembers all"]),
        (("us-east-1",), (), ["REGIONS says all, and the inventory remembers us-east-1"]),
        ((), None, []),
        ((), (), []),
        (None, ("eu-west-1",), []),
    ],
)
def test_what_is_said_of_regions_agrees_or_is_a_warning(
    remembered: tuple[str, ...] | None, named: tuple[str, ...] | None, said: list[str]
) -> None:
    found = list(regions.judged(remembered, named, [spec("a", region="us-east-1")]))

    assert [one.said for one in found] == said
    assert all(one.verdict is Verdict.WARNING and one.remedy for one in found)


READY = b'{"status": "ready", "site": "prod", "schema": 1}'


@pytest.mark.parametrize(
    ("status", "body", "verdict", "part"),
    [
        (200, READY, Verdict.OK, "ready"),
        (200, READY.replace(b"prod", b"test"), Verdict.BROKEN, "its site is test"),
        (503, b'{"detail": "Redis is away"}', Verdict.BROKEN, "Redis is away"),
        (503, b"<html>", Verdict.BROKEN, "answers 503"),
        (200, b"<html>", Verdict.BROKEN, "it is not the ENC service"),
        (200, b"[]", Verdict.BROKEN, "it is not the ENC service"),
        (404, READY, Verdict.BROKEN, "answers 404"),
    ],
)
def test_the_service_is_ready_for_our_site_or_broken(
    status: int, body: bytes, verdict: Verdict, part: str
) -> None:
    found = service.judged("unix:/enc.sock", status, body, "prod")

    assert (found.verdict, part in found.said) == (verdict, True), found


def test_a_queue_may_hold_some_notices_but_not_pile_them_up() -> None:
    assert notices.judged(QUEUE, QueueState(waiting=1000, taken=3)).verdict is Verdict.OK
    assert notices.judged(QUEUE, QueueState(waiting=1001, taken=3)).verdict is Verdict.WARNING


def test_a_queue_is_told_by_its_region() -> None:
    assert notices.what(QUEUE) == "SQS us-east-1: notices"
    assert notices.what("http://127.0.0.1:4566/123456789012/spot") == "SQS: notices"


def test_a_region_whose_spot_machines_no_queue_hears_of_is_named() -> None:
    roles = [spec("a", market="spot"), spec("b", market="spot", region="eu-west-1")]

    [found] = notices.unheard([QUEUE], roles)

    assert (found.what, found.verdict) == ("SQS eu-west-1: notices", Verdict.SKIPPED)
    assert "SPOT_QUEUE_URL" in found.said


def test_where_every_region_has_a_queue_or_launches_no_spot_nothing_is_said() -> None:
    calm = spec("b", market="on-demand", region="eu-west-1")
    far = spec("b", market="spot", region="eu-west-1")

    assert notices.unheard([QUEUE], [spec("a"), calm]) == []
    assert notices.unheard([QUEUE, QUEUE.replace("us-east-1", "eu-west-1")], [far]) == []
    assert notices.unheard(["http://127.0.0.1:4566/123456789012/spot"], [far]) == []


def error(code: str, trouble: Trouble, hint: str = "") -> CloudError:
    return CloudError(trouble, code, "says EC2", action="CreateFleet", hint=hint)


@pytest.mark.parametrize(
    ("code", "trouble", "verdict"),
    [
        ("DryRunOperation", Trouble.MALFORMED, Verdict.OK),
        ("UnauthorizedOperation", Trouble.DENIED, Verdict.BROKEN),
        ("OptInRequired", Trouble.DENIED, Verdict.BROKEN),
        ("RequestExpired", Trouble.NO_CREDENTIALS, Verdict.BROKEN),
        ("OperationNotPermitted", Trouble.DENIED, Verdict.WARNING),
        ("InvalidAMIID.NotFound", Trouble.MALFORMED, Verdict.WARNING),
        ("RequestLimitExceeded", Trouble.THROTTLED, Verdict.WARNING),
    ],
)
def test_a_dry_run_is_allowed_denied_or_proves_nothing(
    code: str, trouble: Trouble, verdict: Verdict
) -> None:
    found = permissions.judged("EC2: CreateFleet", error(code, trouble, hint="do this"))

    assert found.verdict is verdict
    assert (found.remedy == "do this") == (verdict is not Verdict.OK)


def test_a_dry_run_that_ends_in_no_error_counts_as_allowed() -> None:
    assert permissions.tried("EC2: CreateFleet", lambda: None).verdict is Verdict.OK


def test_one_role_stands_for_each_instance_profile() -> None:
    roles = [spec("a"), spec("b", instance_profile="node"), spec("c", instance_profile="node")]

    found = permissions.by_profile(roles)

    assert [each.name for each in found] == ["a", "b"]


def test_the_calls_that_are_tried_carry_the_sites_tag_and_no_user_data() -> None:
    place = LaunchPlace(region="us-east-1", site="prod", specs=[spec(instance_profile="node")])

    template = permissions.template_request(place)
    fleet = permissions.fleet_request(place, "l-1")

    assert template.tags["rolecall:site"] == fleet.tags["rolecall:site"] == "prod"
    assert (template.user_data, template.instance_profile) == ("", "node")
    assert (fleet.template, fleet.overrides) == ("l-1", (("c5.large", "subnet-a"),))


def test_roles_that_stand_on_the_same_ground_are_looked_up_once() -> None:
    found = requests([spec("a"), spec("b"), spec("c", image="ami-00000000000000002")])

    assert [[each.name for each in roles] for roles in found.values()] == [["a", "b"], ["c"]]


def test_a_ground_of_ipv6_alone_is_not_full() -> None:
    [asked] = requests([spec()])
    full = Subnet(id="subnet-a", zone="a", vpc="vpc-1", free_addresses=0)
    alone = Subnet(id="subnet-b", zone="b", vpc="vpc-1", free_addresses=0, ipv6_only=True)

    everywhere = TypeOffer(architectures=(), zones=frozenset("ab"))
    offers = dict.fromkeys(asked.instance_types, everywhere)
    stands = Ground(image=asked.image, subnets=(full, alone), types=offers)

    found = ground.judged("g", asked, stands)

    assert found.verdict is Verdict.OK
    assert "1 subnet(s) with 0 free addresses, 1 of IPv6 alone" in found.said


def test_a_root_device_that_is_not_the_images_is_broken_ground() -> None:
    cloud = FakeCloud(FakeClock())

    def verdicts(device: str) -> list[Verdict]:
        made = spec(volumes={device: {"size": 8}}, image=IMAGE, security_groups=[GROUP])
        return [each.verdict for each in ground.examine(cloud, requests([made]))]

    assert verdicts("/dev/sda1") == [Verdict.BROKEN]
    assert verdicts("/dev/xvda") == verdicts("root") == verdicts("/dev/sdf") == [Verdict.OK]


def test_a_stored_role_whose_user_data_is_too_large_by_now_is_broken() -> None:
    def verdicts(size: int) -> list[Verdict]:
        made = spec(
            extra_user_data="#!/bin/sh\n" + "x" * size, image=IMAGE, security_groups=[GROUP]
        )
        found = ground.examine(FakeCloud(FakeClock()), requests([made]))
        return [each.verdict for each in found]

    assert verdicts(5000) == [Verdict.OK]
    assert verdicts(10_000) == [Verdict.BROKEN, Verdict.OK]


def test_a_ground_without_free_addresses_is_a_warning() -> None:
    [asked] = requests([spec()])
    full = Subnet(id="subnet-a", zone="a", vpc="vpc-1", free_addresses=0)
    free = Subnet(id="subnet-b", zone="b", vpc="vpc-1", free_addresses=5)

    types = {
        kind: TypeOffer(architectures=(), zones=frozenset("ab")) for kind in asked.instance_types
    }
    bad = ground.judged("g", asked, Ground(image=asked.image, subnets=(full,), types=types))
    good = ground.judged("g", asked, Ground(image=asked.image, subnets=(full, free), types=types))

    assert (bad.verdict, good.verdict) == (Verdict.WARNING, Verdict.OK)


def test_each_region_of_the_roles_is_a_place_and_without_roles_the_sessions_own() -> None:
    two = (spec("a"), spec("b", region="eu-west-1"))

    assert [place.region for place in places("prod", two)] == ["eu-west-1", "us-east-1"]
    assert [place.region for place in places("prod", ())] == [""]


def test_an_error_is_told_with_its_own_advice_or_with_ours() -> None:
    hinted = refused("x", error("X", Trouble.DENIED, hint="allow it"), "never mind")
    away = refused("x", PuppetError(Refusal.AWAY, "no connection"), "see that it runs")
    plain = refused("x", ValueError("it is bad; mend it; soon"))
    passing = refused("x", error("X", Trouble.THROTTLED))

    assert hinted.remedy == "allow it"
    assert (away.said, away.remedy) == ("no connection", "see that it runs")
    assert (plain.said, plain.remedy) == ("it is bad", "mend it; soon")
    assert "try again" in passing.remedy


def test_settings_that_cannot_be_used_are_told_and_the_rest_is_read() -> None:
    given = {
        "PUPPET_CA_URL": "https://puppet:8140",  # without the three files
        "ENC_BIND": "0.0.0.0:8080",
        "SPOT_QUEUE_URL": "ftp://x",
        "ROLECALL_SITE": "prod",
    }

    found = environment.read(given)

    assert found.settings.site == "prod"
    assert found.unusable == {"PUPPET_CA_URL", "ENC_BIND", "SPOT_QUEUE_URL"}
    assert [each.verdict for each in found.findings] == [Verdict.BROKEN] * 3
    assert all(each.remedy for each in found.findings)


@pytest.mark.parametrize(
    "bind", ["unix:/run/enc.sock", "127.0.0.1:8080", "[::1]:8080", "localhost:8080", " ", ""]
)
def test_where_the_service_may_listen_is_usable(bind: str) -> None:
    assert environment.read({"ENC_BIND": bind}).findings == ()


@pytest.mark.parametrize(
    "bind", ["unix:enc.sock", "0.0.0.0:8080", "10.0.0.1:80", "127.0.0.1", "127.0.0.1:99999", "x:1"]
)
def test_where_the_service_listens_never_is_told(bind: str) -> None:
    assert environment.read({"ENC_BIND": bind}).unusable == {"ENC_BIND"}


def test_settings_that_can_be_used_have_no_findings() -> None:
    assert environment.read({"ROLECALL_SITE": "prod"}).findings == ()


def test_findings_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Finding(what="x", verdict=Verdict.OK, said="").said = "y"  # type: ignore[misc]


def test_a_certificate_file_that_cannot_be_read_is_a_finding() -> None:
    def unreadable(variable: str, path: str) -> Validity:
        raise SettingError(f"{variable}: {path} cannot be read: Permission denied")

    [found] = certificates.examine({"PUPPET_CERT": "/c.pem"}, unreadable, Never())

    assert (found.verdict, found.said) == (
        Verdict.BROKEN,
        "/c.pem cannot be read: Permission denied",
    )


class Never:
    """A clock that nobody may ask."""

    def now(self) -> datetime:
        raise AssertionError

    def monotonic(self) -> float:
        raise AssertionError

    def sleep(self, seconds: float) -> None:
        raise AssertionError


def test_what_the_policy_needs_comes_from_the_roles() -> None:
    roles = [
        spec("a", instance_profile="node", image="resolve:ssm:/images/web"),
        spec("b"),
    ]

    urls = [f"https://sqs.{region}.amazonaws.com/1/notices" for region in ("a-b-1", "c-d-2")]
    found = policy.needs("prod", [*urls, "https://sqs.e-f-1.amazonaws.com/1/more"], roles)

    assert (found.profiles, found.parameters) == (("node",), ("/images/web",))
    assert found.queues == ("notices", "more")
    assert policy.needs("a.b", (), None).queues == ("rolecall-a-b",)
