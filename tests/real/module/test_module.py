"""The Puppet module on a machine of its own with a real systemd: from nothing to `ready`, and back.

The tests share the machine, and are in the order of its life; the last one takes rolecall away.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.master import (
    ABSENT,
    CATALOGUE,
    MANIFEST,
    NAME,
    OWN_CLASS,
    PUPPET_CONF,
    Master,
    master,
)
from tests.real.ring import image
from tests.real.roles import SEEN
from tests.real.wayin import MANIFESTS, run_agent
from tests.region.boots import Booter
from tests.region.handle import Region, World

# Two puppetservers start before the first test, each in half a minute to one and a half.
pytestmark = [pytest.mark.differs, pytest.mark.root, pytest.mark.timeout(900)]

FACTS = Path(__file__).parents[3] / "puppet/rolecall/spec/facts"
SYSTEMS = sorted(path.stem for path in FACTS.glob("*.yaml"))
# A puppetserver that starts on a busy machine.
JVM_SECONDS = 240
# Thirty between two reloads of the balancer, and what it takes to notice and to reload.
REVOKED_SECONDS = 35
# One minute and a tenth between two passes of the loop.
PASS_SECONDS = 100
# The loop ends within ten seconds, on a machine that is not busy.
STOP_SECONDS = 20
FORBIDDEN, UNKNOWN, GOOD, NO_METHOD = 403, 404, 200, 405


@pytest.fixture(scope="module")
def ours(region: Region, world: World) -> Iterator[Master]:
    with master(region, world) as found:
        yield found


@pytest.fixture(scope="module")
def booter(ours: Master) -> Iterator[Booter]:
    with Booter(ours.region, ours.services, image, ours.owns) as booter:
        yield booter


@pytest.fixture(scope="module")
def node(ours: Master, booter: Booter) -> str:
    """The certname of a machine that one command has launched and seen ready."""
    return ours.launched_ready("web")


class TestTheWayIn:
    """README's section "With Puppet", on a site whose agents have their classes from nodes.pp."""

    def test_changes_no_agents_catalogue_before_the_switch(self, ours: Master) -> None:
        way_in = ours.way_in

        assert way_in.joined.changed, way_in.joined.said
        assert "node_terminus" not in way_in.conf
        assert "autosign = false" in way_in.conf
        assert way_in.agent.returncode in {0, 2}, way_in.agent.stdout + way_in.agent.stderr
        assert classes(way_in.catalogue) == {"settings", NAME, OWN_CLASS}

    def test_leads_to_a_store_that_the_doctor_finds_whole(self, ours: Master) -> None:
        filled = ours.way_in.filled

        assert filled.returncode == 0, filled.stdout + filled.stderr

    def test_ends_with_the_same_classes_from_rolecall(self, ours: Master) -> None:
        assert "node_terminus = rolecall" in ours.host.read("/etc/puppet/puppet.conf")

        ours.host.write(f"{MANIFESTS}/nodes.pp", "node default { }\n")

        run = run_agent(ours.host)

        assert run.returncode == 0, run.stdout + run.stderr
        assert classes(ours.host.read(CATALOGUE)) == {"settings", "default", OWN_CLASS}
        assert ours.show(NAME)["kind"] == "foreign"


class TestOneApply:
    def test_sets_everything_up(self, ours: Master) -> None:
        assert ours.first.changed, ours.first.said
        units = ("enc", "redis", "provisioner", "balancer", "watch-crl", "puppetserver@two")
        for unit in (f"rolecall-{name}.service" for name in units):
            assert ours.host.is_active(unit), ours.host.journal(unit)

    def test_and_the_next_one_changes_nothing(self, ours: Master) -> None:
        assert ours.second.unchanged, ours.second.said

    def test_shows_no_password(self, ours: Master) -> None:
        secrets = ours.host.run(["sh", "-c", "cat /etc/rolecall/secrets/*"]).stdout.split()
        assert len(secrets) == 4
        cached = ours.host.run(["sh", "-c", "cat /var/cache/puppet/client_data/catalog/* || :"])
        for secret in secrets:
            assert secret not in ours.first.said + ours.second.said + cached.stdout

    def test_lets_nobody_but_root_read_what_it_wrote(self, ours: Master) -> None:
        for path in ("service.env", "provisioner.env", "secrets/rolecall-service"):
            assert ours.host.mode(f"/etc/rolecall/{path}") == "600 root:root"

    def test_leaves_nothing_open_to_others_but_the_balancer(self, ours: Master) -> None:
        listing = ours.host.run(["ss", "--listening", "--tcp", "--numeric", "--no-header"]).stdout
        addresses = {line.split()[3] for line in listing.splitlines()}
        everywhere = {a for a in addresses if not a.startswith(("127.", "[::1]", "[::ffff:127."))}
        assert {address.rpartition(":")[2] for address in everywhere} == {"8140", "8141"}

    @pytest.mark.parametrize("system", SYSTEMS)
    def test_compiles_with_the_facts_of_each_system(self, ours: Master, system: str) -> None:
        ours.host.write("/etc/facter/facts.d/system.yaml", (FACTS / f"{system}.yaml").read_text())
        # It is made, and applied to nothing: the machine has neither dnf nor /etc/puppetlabs.
        applied = ours.host.apply(MANIFEST, "--noop", "--tags", "nothing")
        ours.host.run(["rm", "/etc/facter/facts.d/system.yaml"])

        if system == "ubuntu-22.04":
            assert "Redis 6.2 or later is needed" in applied.said
        else:
            assert "Compiled catalog for" in applied.said, applied.said


def classes(catalogue: str) -> set[str]:
    return set(json.loads(catalogue)["classes"])


class TestAnAgent:
    def test_elsewhere_is_ready_by_one_command(
        self, ours: Master, booter: Booter, node: str
    ) -> None:
        assert ours.show(node)["state"] == "ready"
        assert f"instance_id={node}" in booter.booted(node).read(SEEN)

    def test_of_the_machine_itself_is_told_the_same_and_changes_nothing(self, ours: Master) -> None:
        """Its catalogue comes from its own puppetserver, which has no hocon, and as JSON."""
        ours.provisioner("assign", NAME, "master")

        run = run_agent(ours.host)

        assert run.returncode == 0, run.stdout + run.stderr
        assert "Rolecall::Balancer" in ours.host.read(CATALOGUE)

    def test_runs_on_while_either_puppetserver_is_stopped(
        self, ours: Master, booter: Booter, node: str
    ) -> None:
        agent = booter.booted(node)
        units = ("rolecall-puppetserver@two.service", "puppetserver.service")
        for stopped, other in (units, units[::-1]):
            ours.host.run(["systemctl", "stop", stopped])
            run = agent.run(["puppet", "agent", "--test"], check=False)
            active = [ours.host.is_active(unit) for unit in (stopped, other)]
            ours.host.start_unit(stopped, JVM_SECONDS)

            assert run.returncode in {0, 2}, run.stdout + run.stderr
            assert active == [False, True]

    def test_whose_certificate_is_revoked_is_out_soon(self, ours: Master) -> None:
        before, _ = ours.curl("/status/v1/simple", cert="agent.example", port=8140)
        ours.host.run(["puppetserver", "ca", "revoke", "--certname", "agent.example"])

        begun = time.monotonic()
        while ours.curl("/status/v1/simple", cert="agent.example", port=8140)[0]:
            assert time.monotonic() < begun + REVOKED_SECONDS
            time.sleep(0.5)

        assert before == GOOD
        assert ours.curl("/status/v1/simple", cert="puppet2.example", port=8140)[0] == GOOD


class TestTheFront:
    @pytest.mark.parametrize(
        "header",
        [
            "X-Client-Verify: SUCCESS",
            f"X-Client-DN: CN={NAME}",
            f"X-Client-DN: /CN={NAME}",
            "X-Client-Cert: anything",
        ],
    )
    def test_believes_no_header_about_who_asks(self, ours: Master, header: str) -> None:
        """The puppetserver's own certificate may read the list of certificates."""
        path = "/puppet-ca/v1/certificate_statuses/any"
        spoofed = ("--header", "X-Client-Verify: SUCCESS", "--header", f"X-Client-DN: CN={NAME}")

        assert ours.curl(path, cert=NAME, port=8140)[0] == GOOD
        assert ours.curl(path, "--header", header, *spoofed, port=8140)[0] == FORBIDDEN
        asked = ours.curl(path, "--header", header, *spoofed, cert="alice", port=8140)
        assert asked[0] == FORBIDDEN

    def test_lets_a_puppetserver_ask_who_a_node_is_and_nothing_else(self, ours: Master) -> None:
        status, text = ours.curl("/v1/enc/i-0nobody", cert="puppet2.example")
        assert (status, json.loads(text)["status"]) == (UNKNOWN, UNKNOWN)

        for path in ("/v1/nodes", "/", "/metrics", "/v1/roles", "/v1/enc/../nodes"):
            assert ours.curl(path, cert="puppet2.example")[0] == FORBIDDEN, path

    @pytest.mark.parametrize("who", ["", "provisioner"])
    def test_lets_agents_and_strangers_ask_nothing(self, ours: Master, who: str) -> None:
        for path in ("/v1/enc/i-0nobody", "/v1/nodes", "/"):
            assert ours.curl(path, cert=who)[0] == FORBIDDEN, path

    @pytest.mark.parametrize(
        ("user", "answered"), [("www-data", False), ("nobody", False), ("rolecall-front", True)]
    )
    def test_alone_is_believed_by_the_service(
        self, ours: Master, user: str, answered: bool
    ) -> None:
        """What else may ask there, such as a program of the site's own Apache, needs no login."""
        ask = ["curl", "--silent", "--unix-socket", "/run/rolecall/front.sock", "http://x/readyz"]

        asked = ours.host.run(["runuser", "--user", user, "--", *ask], check=False)

        assert (asked.returncode == 0) == answered, asked.stdout

    def test_lets_people_look_and_change_nothing(self, ours: Master) -> None:
        assert ours.curl("/v1/nodes", cert="alice")[0] == GOOD
        assert ours.curl("/v1/enc/i-0nobody", cert="alice")[0] == FORBIDDEN
        posted = ours.curl("/v1/reports", "--data", "{}", cert="alice")
        assert posted[0] in {FORBIDDEN, NO_METHOD}


class TestTheLoop:
    def test_tells_systemd_what_it_last_did(self, ours: Master) -> None:
        """Its certificate and `provisioner init` came after it."""
        begun = time.monotonic()
        while "nodes; " not in ours.host.property_of("rolecall-provisioner.service", "StatusText"):
            assert time.monotonic() < begun + PASS_SECONDS
            time.sleep(0.5)

    def test_sees_the_aws_profiles_of_root(self, ours: Master) -> None:
        """Its sandbox, looked at from within."""
        ours.host.write("/root/.aws/config", "[profile site]\n")
        process = ours.host.property_of("rolecall-provisioner.service", "MainPID")

        seen = ours.host.run(["cat", f"/proc/{process}/root/root/.aws/config"])
        ours.host.run(["rm", "-r", "/root/.aws"])

        assert seen.stdout == "[profile site]\n"

    def test_ends_soon_when_it_is_told_to(self, ours: Master) -> None:
        begun = time.monotonic()
        ours.host.run(["systemctl", "restart", "rolecall-provisioner"])

        assert time.monotonic() < begun + STOP_SECONDS
        assert ours.host.is_active("rolecall-provisioner")


class TestTheRedis:
    def test_takes_a_new_password_without_a_restart(self, ours: Master) -> None:
        before = ours.host.property_of("rolecall-redis.service", "MainPID")
        ours.host.hiera_adds("rolecall::redis::reader_password: another\n")
        applied = ours.host.apply("include rolecall::redis")
        login = ["redis-cli", "-p", "6390", "--user", "rolecall-reader", "--pass", "another"]
        pong = ours.host.run([*login, "--no-auth-warning", "ping"]).stdout
        ours.host.hiera_adds("")
        ours.host.apply("include rolecall::redis")
        refused = ours.host.run([*login, "--no-auth-warning", "ping"], check=False)

        assert applied.changed, applied.said
        assert pong == "PONG\n"
        assert "PONG" not in refused.stdout
        assert ours.host.property_of("rolecall-redis.service", "MainPID") == before


class TestPendingRequests:
    def test_are_read_by_the_provisioner_alone(self, ours: Master) -> None:
        path = "/puppet-ca/v1/certificate_request/i-0nobody"

        assert ours.curl(path, cert="provisioner", port=8140)[0] == UNKNOWN
        for who in ("", "alice", NAME):
            assert ours.curl(path, cert=who, port=8140)[0] == FORBIDDEN, who


class TestPuppetservers:
    def test_share_the_work(self, ours: Master) -> None:
        for _ in range(6):
            assert ours.curl("/status/v1/simple", cert=NAME, port=8140)[0] == GOOD

        logs = ours.host.run(["cat", "/var/log/rolecall-balancer/access.log"]).stdout
        for port in ("8150", "8151"):
            assert f"http://127.0.0.1:{port}" in logs


def test_powerdns_has_a_port_of_its_own_where_nothing_else_is_answered(ours: Master) -> None:
    def ask(path: str) -> str:
        answered = ["curl", "--silent", "--write-out", " %{http_code}"]
        return ours.host.run([*answered, f"http://127.0.0.1:8053{path}"]).stdout

    assert '"zone": "fleet.example."' in ask("/dns/getAllDomains")
    assert ask("/dns/lookup/nobody.fleet.example./ANY").split() == ['{"result":', "false}", "200"]
    assert ask("/v1/nodes").endswith("404")


class TestBadInput:
    def test_a_port_that_is_taken_is_named_with_who_has_it(self, ours: Master) -> None:
        three = "rolecall::puppetserver::instance { 'three': port => 6390, ensure => %s }"
        ours.host.hiera_adds("rolecall::balancer::backends: ['127.0.0.1:8150', '127.0.0.1:6390']\n")
        manifest = f"include rolecall::service\ninclude rolecall::balancer\n{three}"
        applied = ours.host.apply(manifest % "present", "--tags", "three")
        ours.host.apply(manifest % "absent", "--tags", "three")
        ours.host.hiera_adds("")

        assert applied.failed, applied.said
        said = "port of rolecall::puppetserver::instance three is 6390: Address already in use"
        assert f"{said} by redis-server" in applied.said

    def test_a_list_of_the_revoked_that_is_missing_is_named_with_its_parameter(
        self, ours: Master
    ) -> None:
        service, missing = "include rolecall::service\n", "crl => '/nonexistent/crl.pem'"
        applied = ours.host.apply(f"{service}class {{ 'rolecall::balancer': {missing} }}")
        goes_on = ours.host.is_active("rolecall-balancer")
        again = ours.host.apply(f"{service}include rolecall::balancer")

        assert applied.failed, applied.said
        assert "rolecall::balancer::crl is /nonexistent/crl.pem: No such file" in applied.said
        # The old one goes on.
        assert goes_on, ours.host.journal("rolecall-balancer")
        assert ours.host.is_active("rolecall-balancer"), ours.host.journal("rolecall-balancer")
        assert again.changed, again.said

    def test_a_redis_that_refuses_the_service_is_named(self, ours: Master) -> None:
        sensitive = "service_password => Sensitive('wrong')"
        manifest = f"class {{ 'rolecall': {sensitive} }}\ninclude rolecall::service"
        applied = ours.host.apply(manifest)
        # The unit tries again by itself, and one that begins just before the new password fails.
        ours.host.run(["systemctl", "stop", "rolecall-enc.service"])
        again = ours.host.apply("include rolecall::service")

        assert applied.failed, applied.said
        assert "the service cannot start: Redis refuses our login" in applied.said
        assert again.changed, again.said

    def test_a_value_of_a_wrong_type_makes_no_catalogue(self, ours: Master) -> None:
        applied = ours.host.apply("class { 'rolecall::balancer': backends => ['10.0.0.1:8150'] }")

        assert applied.refused
        assert "parameter 'backends'" in applied.said


class TestAbsent:
    def test_puts_everything_back(self, ours: Master) -> None:
        """To the last byte: what the packages brought, and what the site had written."""
        packages = Path("/etc/puppet/puppetserver/conf.d")
        absent = ours.host.apply(ABSENT)
        again = ours.host.apply(ABSENT)

        assert absent.changed, absent.said
        assert again.unchanged, again.said
        for path, text in ours.conf().items():
            before = PUPPET_CONF if path.endswith("puppet.conf") else (packages / Path(path).name)
            assert text == (before if isinstance(before, str) else before.read_text()), path
        for path in ("secrets", "service.env", "provisioner.env", "redis.acl"):
            assert not ours.host.exists(f"/etc/rolecall/{path}"), path
        listing = ["systemctl", "list-unit-files", "--no-legend", "rolecall-*"]
        assert ours.host.run(listing, check=False).stdout == ""
        assert ours.host.is_active("puppetserver")
