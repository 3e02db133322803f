"""Whom the CA does not sign: all but our own machines, each for itself, in time, with one key."""

import hmac
import json
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from enc.domain.csr import key_of_certificate, read
from enc.domain.trust import Reason
from enc.inventory.codec import iso
from tests.csrs import CLI_AUTH, request, rsa_key, spoiling
from tests.real.puppetserver import as_puppet
from tests.real.ring import Ring
from tests.real.site import Site
from tests.region.handle import Region, World

pytestmark = pytest.mark.root

REFUSED = "certificate request refused"
ACCEPTED = "certificate request accepted"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
POLICY_SECONDS = 30
# As many as there are tests of a node, and some more.
LAUNCHED = 20
SIGN, NO = 0, 1


@pytest.fixture(scope="module")
def site(ring: Ring, region: Region, world: World, numbers: Iterator[int]) -> Iterator[Site]:
    """One for all tests here: each has a node of its own."""
    site = Site.named(f"site{next(numbers)}", ring, region, world)
    try:
        site.start()
        yield site
    finally:
        site.stop()


@pytest.fixture(scope="module")
def nodes(site: Site) -> Iterator[str]:
    """Of one launch; nobody boots them."""
    return iter(site.launched("web", "-n", str(LAUNCHED)))


@pytest.fixture
def node(nodes: Iterator[str]) -> str:
    return next(nodes)


@pytest.fixture(scope="module")
def neighbour(nodes: Iterator[str]) -> str:
    return next(nodes)


@pytest.fixture(scope="module")
def elsewhere(site: Site) -> str:
    """A node of another launch."""
    return site.launch("web")


def submitted(ring: Ring, certname: str, pem: bytes) -> str:
    """What the CA made of a request that it took."""
    status, said = ring.ca.submit(certname, pem)
    assert status == 200, said
    return ring.ca.state(certname)


def told(site: Site, node: str, what: str) -> list[str]:
    """The reasons of such events in the node's history."""
    events = json.loads(site.provisioner("history", node, "--format", "json"))
    return [event["reason"] for event in events if event["what"] == what]


def logged(site: Site, certname: str) -> list[tuple[str, str]]:
    """The same of a certname that has no history, from the log of all: (what, reason)."""
    with site.redis.client() as client:
        events = [event for _, event in client.xrange("events") if event.get("node") == certname]
    return [(event["what"], event["reason"]) for event in events]


def asked_again(ring: Ring, certname: str, pem: bytes) -> int:
    """The exit code of the policy when it is asked as the CA asks it."""
    command = [*as_puppet(), str(ring.folder / "policy"), certname]
    env = {"PATH": "/usr/bin:/bin", **ring.server.environment}
    return subprocess.run(
        command, input=pem, env=env, cwd="/", check=False, timeout=POLICY_SECONDS
    ).returncode


def asked(ring: Ring, method: str, path: str, body: object = None) -> int:
    """With the provisioner's certificate."""
    headers = {"Content-Type": "application/json"}
    more = {"body": json.dumps(body), "headers": headers} if body else {}
    return ring.ca.ask(method, path, identity=ring.provisioner, **more)[0]


def clean(ring: Ring, node: str) -> None:
    assert asked(ring, "PUT", "clean", {"certnames": [node]}) == 200
    assert ring.ca.state(node) == ""


def test_a_launched_machine_is_signed_at_once_and_its_key_gets_the_same_yes_again(
    ring: Ring, site: Site, node: str
) -> None:
    pem = request(node, site.password(node))

    assert submitted(ring, node, pem) == "signed"
    assert asked_again(ring, node, pem) == SIGN
    clean(ring, node)
    assert submitted(ring, node, pem) == "signed"

    assert told(site, node, ACCEPTED) == [Reason.OURS, Reason.OURS_AGAIN]
    assert told(site, node, REFUSED) == []


@dataclass(frozen=True)
class Scene:
    """`neighbour` is of the node's launch, `elsewhere` of another."""

    site: Site
    node: str
    neighbour: str
    elsewhere: str

    @property
    def password(self) -> str:
        return self.site.password(self.node)

    def password_of_another_launch(self) -> str:
        key = self.site.launch_key(str(self.site.show(self.elsewhere)["launch"]))
        return hmac.digest(key.encode(), self.node.encode(), "sha256").hex()


STRANGERS: dict[str, tuple[Reason, Callable[[Scene], bytes]]] = {
    "no password": (Reason.NO_PASSWORD, lambda scene: request(scene.node)),
    "a wrong password": (Reason.WRONG_PASSWORD, lambda scene: request(scene.node, "open sesame")),
    "another node's password": (
        Reason.WRONG_PASSWORD,
        lambda scene: request(scene.node, scene.site.password(scene.neighbour)),
    ),
    "another launch's password": (
        Reason.WRONG_PASSWORD,
        lambda scene: request(scene.node, scene.password_of_another_launch()),
    ),
    "pp_cli_auth inside": (
        Reason.FORBIDDEN_EXTENSION,
        lambda scene: request(scene.node, scene.password, extensions={CLI_AUTH: "true"}),
    ),
    "alternative names inside": (
        Reason.ALTERNATIVE_NAMES,
        lambda scene: request(scene.node, scene.password, names=["puppet"]),
    ),
}


@pytest.fixture
def scene(site: Site, nodes: Iterator[str], neighbour: str, elsewhere: str) -> Scene:
    return Scene(site, next(nodes), neighbour, elsewhere)


@pytest.mark.parametrize(("reason", "craft"), STRANGERS.values(), ids=STRANGERS)
def test_a_stranger_in_a_nodes_name_is_not_signed_and_has_its_event(
    ring: Ring, site: Site, scene: Scene, reason: Reason, craft: Callable[[Scene], bytes]
) -> None:
    assert submitted(ring, scene.node, craft(scene)) == "requested"

    assert told(site, scene.node, REFUSED) == [reason]
    assert told(site, scene.node, ACCEPTED) == []


def test_an_unknown_certname_is_not_signed_and_has_its_event(ring: Ring, site: Site) -> None:
    unknown = f"i-0unknown{site.name}"

    assert submitted(ring, unknown, request(unknown, "a password")) == "requested"

    assert logged(site, unknown) == [(REFUSED, Reason.UNKNOWN_NODE)]


def test_a_machine_of_a_launch_that_has_expired_is_not_signed(ring: Ring, site: Site) -> None:
    node = site.launch("web")
    launch = site.show(node)["launch"]
    with site.redis.client() as client:
        client.hset(f"launch:{launch}", "key_expires", iso(LONG_AGO))

    assert submitted(ring, node, request(node, site.password(node))) == "requested"

    assert told(site, node, REFUSED) == [Reason.EXPIRED]


def test_a_retired_node_is_not_signed(ring: Ring, site: Site, node: str) -> None:
    pem = request(node, site.password(node))
    site.provisioner("retire", node, "--drain", "0s", "--yes")

    assert submitted(ring, node, pem) == "requested"

    assert told(site, node, REFUSED) == [Reason.ENDED_NODE]


def test_another_key_for_a_signed_node_is_not_signed_and_its_own_is_again(
    ring: Ring, site: Site, node: str
) -> None:
    own, other = (
        request(node, site.password(node), key=rsa_key(name)) for name in ("own", "other")
    )
    assert submitted(ring, node, own) == "signed"
    status, said = ring.ca.submit(node, other)
    assert (status, "already has a signed certificate" in said) == (400, True), said
    clean(ring, node)

    assert submitted(ring, node, other) == "requested"

    assert told(site, node, REFUSED) == [Reason.OTHER_KEY]
    assert asked(ring, "DELETE", f"certificate_request/{node}") == 204
    assert submitted(ring, node, own) == "signed"


def test_of_two_keys_at_once_one_is_signed_at_most_and_it_is_the_nodes(
    ring: Ring, site: Site, node: str
) -> None:
    password = site.password(node)
    pems = [request(node, password, key=rsa_key(name)) for name in ("own", "other")]

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda pem: ring.ca.submit(node, pem), pems))

    assert ring.ca.state(node) == "signed"
    _, certificate = ring.ca.ask("GET", f"certificate/{node}")
    assert key_of_certificate(certificate.encode()) == key_of_node(site, node)
    assert told(site, node, ACCEPTED) == [Reason.OURS]
    # Where the CA was done with one before the other came, it did not ask about that.
    late = [said for status, said in answers if status != 200]
    assert all("already has a" in said for said in late), late
    assert told(site, node, REFUSED) == ([] if late else [Reason.OTHER_KEY])


def test_the_policy_asked_for_two_keys_at_once_says_yes_to_one_and_each_has_its_event(
    ring: Ring, site: Site, node: str
) -> None:
    password = site.password(node)
    pems = [request(node, password, key=rsa_key(name)) for name in ("own", "other")]

    with ThreadPoolExecutor(2) as pool:
        codes = list(pool.map(lambda pem: asked_again(ring, node, pem), pems))

    assert sorted(codes) == [SIGN, NO]
    assert key_of_node(site, node) == read(pems[codes.index(SIGN)]).key.fingerprint
    assert told(site, node, ACCEPTED) == [Reason.OURS]
    assert told(site, node, REFUSED) == [Reason.OTHER_KEY]


def key_of_node(site: Site, node: str) -> str:
    with site.redis.client() as client:
        return str(client.hget(f"node:{node}", "csr_key"))


def test_another_nodes_name_as_the_subject_is_refused_by_the_ca_itself_and_by_the_policy(
    ring: Ring, site: Site, node: str, elsewhere: str
) -> None:
    pem = request(elsewhere, site.password(elsewhere))

    status, _ = ring.ca.submit(node, pem)

    assert (status, ring.ca.state(node)) == (400, "")
    assert told(site, node, REFUSED) == []

    assert asked_again(ring, node, pem) == NO
    assert told(site, node, REFUSED) == [Reason.OTHER_SUBJECT]


def test_sign_signs_ours_deletes_what_is_wrong_and_leaves_a_strangers(
    ring: Ring, site: Site, nodes: Iterator[str]
) -> None:
    ours, squatted, stranger = next(nodes), next(nodes), f"i-0stranger{site.name}"
    own = request(squatted, site.password(squatted))
    pending = {
        ours: request(ours, site.password(ours)),
        squatted: request(squatted, "guessed"),
        stranger: request(stranger, "guessed"),
    }
    site.service.stop()
    for certname, pem in pending.items():
        assert submitted(ring, certname, pem) == "requested"
    status, said = ring.ca.submit(squatted, own)
    assert (status, "already has a requested certificate" in said) == (400, True), said
    site.service.start()

    said = site.provisioner("sign")

    found = {line.split(":")[1].strip(): line.split(":")[0] for line in said.splitlines()}
    assert [found[name] for name in pending] == ["signed", "refused", "left"]
    assert [ring.ca.state(name) for name in pending] == ["signed", "", "requested"]
    assert submitted(ring, squatted, own) == "signed"


def test_one_request_of_a_stranger_that_the_ca_cannot_list_stops_neither_sign_nor_an_end(
    ring: Ring, site: Site, nodes: Iterator[str]
) -> None:
    waits, ends, stranger = next(nodes), next(nodes), f"i-0spoils{site.name}"
    assert submitted(ring, ends, request(ends, site.password(ends))) == "signed"
    site.service.stop()
    pem = request(waits, site.password(waits))
    assert submitted(ring, waits, pem) == "requested"
    site.service.start()
    file = ring.server.folder / "ca" / "requests" / f"{stranger}.pem"
    try:
        assert ring.ca.submit(stranger, spoiling(stranger))[0] == 200
        assert asked(ring, "GET", "certificate_statuses/any?state=requested") == 500

        assert f"signed: {waits}" in site.provisioner("sign")
        site.provisioner("retire", ends, "--drain", "0s", "--yes")

        # It ends with 1, for the list is broken.
        with pytest.raises(AssertionError, match=f"the request of {stranger} spoils the list"):
            site.provisioner("doctor")
        assert [ring.ca.state(name) for name in (waits, ends)] == ["signed", ""]
        assert site.show(ends)["state"] == "archived"
    finally:
        # As the message says.
        file.unlink()
    assert asked(ring, "GET", "certificate_statuses/any?state=requested") == 200
