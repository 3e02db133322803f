"""Never a wrong catalogue: where nobody can say who a node is, Puppet is told nothing at all."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.real.agent import CHANGED, FAILED_RUN, Agent
from tests.real.ring import Ring
from tests.real.roles import SEEN
from tests.real.site import Site

pytestmark = pytest.mark.root
Machines = Callable[..., Agent]

# The ENC script's exit codes.
REFUSED, NO_ANSWER = 1, 3
MAX_AGE = "1s"
LONGER_THAN_MAX_AGE = 1.5


@pytest.fixture
def agent(ring: Ring, site: Site, start_machine: Machines) -> Agent:
    """A launched node after its first good run: a catalogue and the ENC's answer are cached."""
    ring.configure_enc(url=site.service.url, cache=str(ring.enc_cache))
    agent = start_machine(site.launch("pdf2swf"))
    run = agent.test()
    assert run.code == CHANGED, run.said
    assert [file.name for file in ring.enc_cache.iterdir()] == [agent.certname]
    return agent


def lose_the_store(site: Site, node: str) -> None:
    with site.redis.client() as client:
        client.flushall()


def forget(site: Site, node: str) -> None:
    """A whole store that never heard of the node."""
    lose_the_store(site, node)
    site.provisioner("init", "--no-ec2")


def retire(site: Site, node: str) -> None:
    """Where no CA is configured: its certificate would be refused before the ENC is asked."""
    site.provisioner("retire", node, "--drain", "0s", "--yes", PUPPET_CA_URL="")


@dataclass(frozen=True)
class Fault:
    """How it comes; what the script says to it; whether the script has a fresh answer cached."""

    strike: Callable[[Site, str], object]
    enc_exit: int
    cached: bool


FAULTS = {
    # No is an answer: a fresh cache says nothing against it.
    "an unknown node": Fault(forget, REFUSED, cached=True),
    "a retired node": Fault(retire, REFUSED, cached=True),
    "a dead service": Fault(lambda site, _: site.service.stop(), NO_ANSWER, cached=False),
    "a dead Redis": Fault(lambda site, _: site.redis.kill(), NO_ANSWER, cached=False),
    "a hung Redis": Fault(lambda site, _: site.redis.pause(), NO_ANSWER, cached=False),
    "a lost store": Fault(lose_the_store, NO_ANSWER, cached=False),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_fault_fails_the_compile_and_leaves_the_cached_catalogue_as_it_was(
    ring: Ring, site: Site, agent: Agent, fault: Fault
) -> None:
    good = agent.digest()
    if not fault.cached:
        ring.configure_enc(url=site.service.url)
    fault.strike(site, agent.certname)

    by_hand = agent.test()

    assert by_hand.code == FAILED_RUN, by_hand.said
    assert by_hand.enc_exit == fault.enc_exit, by_hand.said
    assert agent.digest() == good

    agent.host.run(["rm", SEEN])
    as_daemon = agent.daemon_like()

    assert as_daemon.enc_exit == fault.enc_exit, as_daemon.said
    assert as_daemon.used_the_cache, as_daemon.said
    assert as_daemon.code == CHANGED, as_daemon.said
    assert "role=pdf2swf " in agent.host.read(SEEN)
    assert agent.digest() == good


def test_a_dead_service_is_bridged_by_a_fresh_answer_in_the_cache(site: Site, agent: Agent) -> None:
    site.service.stop()
    agent.host.run(["rm", SEEN])

    run = agent.test()

    assert run.code == CHANGED, run.said
    assert not run.used_the_cache
    assert "role=pdf2swf " in agent.host.read(SEEN)


def test_a_dead_service_is_not_bridged_by_an_answer_that_is_too_old(
    ring: Ring, site: Site, agent: Agent
) -> None:
    good = agent.digest()
    ring.configure_enc(url=site.service.url, cache=str(ring.enc_cache), cache_max_age=MAX_AGE)
    site.service.stop()
    time.sleep(LONGER_THAN_MAX_AGE)

    run = agent.test()

    assert run.enc_exit == NO_ANSWER, run.said
    assert agent.digest() == good
