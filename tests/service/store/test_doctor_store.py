"""The doctor before a real Redis: each setting that is wrong is found, and none that is right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis

from enc.domain.limits import Limits
from enc.inventory import COMMAND_TIMEOUT, Inventory, connect
from provisioner.doctor.finding import Finding, Verdict
from provisioner.doctor.store import Store
from tests.builders import event
from tests.builders import role as plain_role
from tests.conftest import BINARIES, begin
from tests.fakes.clock import FakeClock
from tests.servers import RedisServer, free_port, wait_until
from tests.service.acl import PROVISIONER, READER, ROOT, aclfile, login, url
from tests.workbench import role

APPEND_ONLY = ("--appendonly", "yes")


@pytest.fixture(scope="module", params=BINARIES)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    """As docs/redis.md has it, with the users of the module."""
    binary = BINARIES[request.param]
    folder = tmp_path_factory.mktemp("doctor")
    options = ("--aclfile", str(aclfile(folder, before_7=binary.before_7)), *APPEND_ONLY)
    running = RedisServer(folder, binary.path, options=options, login=login(ROOT)).start()
    yield running
    running.kill()


@pytest.fixture
def root(server: RedisServer) -> Iterator[Redis]:
    client = connect(server.url, timeout=COMMAND_TIMEOUT)
    client.flushall()
    inventory = Inventory.on(client)
    begin(inventory)
    inventory.roles.apply([role("web")], event("roles applied"))
    inventory.limits.put(Limits(machines=100), event("roles applied"))
    yield client
    for name, value in {"appendonly": "yes", "maxmemory-policy": "noeviction"}.items():
        client.config_set(name, value)
    client.config_set("maxmemory", 0)
    # Redis before 7 gives 10 MB back when the rewrite ends that "appendonly yes" begins.
    wait_until("the end of the rewrite", lambda: not rewrites(client))
    client.close()


def rewrites(client: Redis) -> bool:
    said: Any = client.info("persistence")
    return bool(said["aof_rewrite_in_progress"] or said["aof_rewrite_scheduled"])


def looked(where: str, site: str = "default", timeout: float = COMMAND_TIMEOUT) -> Store:
    def open_() -> Inventory:
        return Inventory.on(connect(where, timeout=timeout))

    return Store(open_, where, site, RedisTime(where))


class RedisTime(FakeClock):
    """A clock that goes with Redis', where there is one."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self._where = where

    def now(self) -> Any:
        from enc.inventory.clock import redis_now

        return redis_now(connect(self._where, timeout=COMMAND_TIMEOUT))


def wrong(store: Store) -> dict[str, Finding]:
    return {each.what: each for each in store.examine() if each.verdict is not Verdict.OK}


def test_a_redis_as_documented_with_an_inventory_of_ours_is_well(
    server: RedisServer, root: Redis
) -> None:
    store = looked(url(server, PROVISIONER))

    assert wrong(store) == {}
    assert store.known.account == ""
    assert [spec.name for spec in store.known.roles or ()] == ["web"]


@pytest.mark.parametrize(
    ("setting", "value", "what"),
    [
        ("appendonly", "no", "Redis: persistence"),
        ("maxmemory-policy", "allkeys-lru", "Redis: eviction"),
        ("maxmemory", "a little more than is used", "Redis: memory"),
    ],
)
def test_a_setting_that_is_wrong_is_found_alone_by_the_provisioners_own_user(
    server: RedisServer, root: Redis, setting: str, value: str, what: str
) -> None:
    if setting == "maxmemory":
        # What the looking itself needs (connections, scripts) is there by then.
        wrong(looked(url(server, PROVISIONER)))
        said: Any = root.info("memory")
        value = str(int(said["used_memory"] * 1.05))
    root.config_set(setting, value)

    found = wrong(looked(url(server, PROVISIONER)))

    assert list(found) == [what]
    assert setting in found[what].remedy


def test_a_site_without_limits_is_a_warning_that_says_how_to_write_them(
    server: RedisServer, root: Redis
) -> None:
    root.hdel("meta", "limits")

    found = wrong(looked(url(server, PROVISIONER)))

    assert list(found) == ["Redis: limits"]
    assert "limits: {machines: N" in found["Redis: limits"].remedy


def test_limits_of_each_role_that_launches_are_enough(server: RedisServer, root: Redis) -> None:
    root.hdel("meta", "limits")
    bound = role("web", limits={"machines": 5})
    Inventory.on(root).roles.apply([bound], event("roles applied"))

    assert wrong(looked(url(server, PROVISIONER))) == {}


def test_a_replica_is_found(server: RedisServer, root: Redis) -> None:
    root.replicaof("127.0.0.1", free_port())
    try:
        found = wrong(looked(url(server, PROVISIONER)))
    finally:
        root.replicaof("NO", "ONE")

    assert "point REDIS_URL at the primary" in found["Redis: role"].remedy


def test_a_store_that_was_never_begun_is_told_with_the_command_that_does(
    server: RedisServer, root: Redis
) -> None:
    root.flushall()
    store = looked(url(server, PROVISIONER))

    found = wrong(store)

    assert list(found) == ["Redis: inventory"]
    assert "provisioner init" in found["Redis: inventory"].remedy
    assert store.known.account is None


def test_another_sites_store_is_told(server: RedisServer, root: Redis) -> None:
    found = wrong(looked(url(server, PROVISIONER), site="elsewhere"))

    assert "of site default" in found["Redis: inventory"].said


def test_a_store_without_roles_is_a_warning(server: RedisServer, root: Redis) -> None:
    root.flushall()
    begin(Inventory.on(root))

    found = wrong(looked(url(server, PROVISIONER)))

    assert found["Redis: roles"].verdict is Verdict.WARNING
    assert "roles apply" in found["Redis: roles"].remedy


def test_a_role_that_this_version_cannot_use_is_named_and_the_others_are_known(
    server: RedisServer, root: Redis
) -> None:
    strange = plain_role("strange", definition={"classes": {"x": {}}, "from_the_future": 1})
    Inventory.on(root).roles.apply([strange, role("web")], event("roles applied"))
    store = looked(url(server, PROVISIONER))

    found = wrong(store)

    assert "role strange" in found["Redis: roles"].said
    assert [spec.name for spec in store.known.roles or ()] == ["web"]


def test_a_clock_that_differs_by_more_than_a_minute_is_found(
    server: RedisServer, root: Redis
) -> None:
    def open_() -> Inventory:
        return Inventory.on(connect(url(server, PROVISIONER), timeout=COMMAND_TIMEOUT))

    found = wrong(Store(open_, url(server, PROVISIONER), "default", FakeClock()))

    assert "NTP" in found["Redis: clock"].remedy


@pytest.mark.parametrize("command", ["info", "time"])
def test_a_right_that_the_user_lacks_is_a_warning_that_names_it_and_the_rest_is_looked_at(
    server: RedisServer, root: Redis, command: str
) -> None:
    root.execute_command("ACL", "SETUSER", PROVISIONER, f"-{command}")
    try:
        store = Store(
            lambda: Inventory.on(connect(url(server, PROVISIONER), timeout=COMMAND_TIMEOUT)),
            url(server, PROVISIONER),
            "default",
            RedisTime(url(server, ROOT)),
        )
        found = wrong(store)
    finally:
        root.execute_command("ACL", "SETUSER", PROVISIONER, f"+{command}")

    [told] = found.values()
    assert told.verdict is Verdict.WARNING
    assert f"+{command}" in told.remedy
    assert store.known.roles is not None


def test_a_user_that_may_not_read_launches_is_told(server: RedisServer, root: Redis) -> None:
    found = wrong(looked(url(server, READER)))

    assert found["Redis: rights"].verdict is Verdict.BROKEN


def test_a_password_that_is_refused_is_told_and_not_shown(server: RedisServer) -> None:
    where = f"redis://{PROVISIONER}:guessed@127.0.0.1:{server.port}/0"
    found = wrong(looked(where))

    assert "refuses our login" in found["Redis"].said
    assert "guessed" not in f"{found}"


def test_a_redis_that_is_away_is_told_at_once() -> None:
    found = wrong(looked(f"redis://127.0.0.1:{free_port()}/0"))

    assert "is it running" in found["Redis"].remedy


def test_an_url_that_is_none_is_told() -> None:
    found = wrong(looked("http://127.0.0.1/"))

    assert "REDIS_URL is not usable" in found["Redis"].said


def test_a_redis_that_is_silent_costs_its_time_out_and_is_told(server: RedisServer) -> None:
    server.pause()
    try:
        found = wrong(looked(url(server, PROVISIONER), timeout=0.3))
    finally:
        server.resume()

    assert "did not answer in time" in found["Redis"].said


def test_nothing_is_written(server: RedisServer, root: Redis) -> None:
    before = changes(root)

    list(looked(url(server, PROVISIONER)).examine())

    assert changes(root) == before


def changes(redis: Redis) -> int:
    said: Any = redis.info("persistence")
    return int(said["rdb_changes_since_last_save"])
