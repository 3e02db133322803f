"""From the command line to `ready`: boot, request, signature, ENC, catalogue, report."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.real.ring import Ring
from tests.real.roles import SEEN
from tests.real.site import Site
from tests.region.boots import Booter

pytestmark = pytest.mark.root

SOON = 60
SPOT = "spot:*:*"


def test_one_that_came_as_spot_and_one_that_fell_back_are_ready_by_one_command(
    site: Site, booter: Booter
) -> None:
    site.region.capacity(SPOT, 1)
    try:
        nodes = site.launched_ready("web", "-n", "2", "--market", "spot", "--deadline", "2s")
    finally:
        site.region.capacity(SPOT, None)

    shown = [site.show(node) for node in nodes]
    assert sorted(node["market"] for node in shown) == ["on-demand", "spot"]
    assert [node["state"] for node in shown] == ["ready", "ready"]
    for node in nodes:
        assert "role=web " in booter.booted(node).read(SEEN)


def test_a_machine_whose_request_met_a_dead_service_is_ready_without_help(
    ring: Ring, site: Site, booter: Booter
) -> None:
    site.service.stop()
    with ThreadPoolExecutor(1) as pool:
        launch = pool.submit(site.launched_ready, "web")
        node = wait_for_a_pending_request(ring, site)
        site.service.start()
        assert launch.result() == [node]

    assert site.show(node)["state"] == "ready"
    assert ring.ca.state(node) == "signed"


def test_a_machine_that_nobody_waits_for_is_not_signed_until_sign_is_said(
    ring: Ring, site: Site, booter: Booter
) -> None:
    site.service.stop()
    node = site.launch("web")
    assert wait_for_a_pending_request(ring, site) == node
    site.service.start()
    assert ring.ca.state(node) == "requested"

    site.provisioner("sign")

    assert ring.ca.state(node) == "signed"
    assert site.wait_for_state(node, "ready") == "ready"


def wait_for_a_pending_request(ring: Ring, site: Site) -> str:
    """Of one of the site's machines; its certname."""
    deadline = time.monotonic() + SOON
    while time.monotonic() < deadline:
        for machine in site.region.instances("running"):
            if site.owns(machine) and ring.ca.state(machine["id"]) == "requested":
                return str(machine["id"])
        time.sleep(0.2)
    raise AssertionError("no machine of this site has a pending request")
