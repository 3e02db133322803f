"""From `provisioner launch` to an applied catalogue, with nothing in between done by the test."""

import pytest

from tests.real import puppetserver
from tests.real.host import Host
from tests.real.ring import Ring
from tests.real.roles import SEEN
from tests.real.site import Site

pytestmark = pytest.mark.root

BOOTSTRAP_SECONDS = 120
BOOTSTRAPPED = "/var/lib/rolecall/bootstrapped"
BOOTSTRAP_LOG = "/var/log/rolecall-bootstrap.log"


def test_a_launched_machine_boots_asks_puppet_by_itself_and_is_what_its_role_says(
    ring: Ring, site: Site
) -> None:
    port = ring.server.port
    with Host("i-not-launched-yet", relays={port: (puppetserver.HOST, port)}) as host:
        site.apply(
            puppet_server={
                "host": puppetserver.NAME,
                "address": host.gateway,
                "port": port,
                "ca": str(ring.server.ca_certificate),
            }
        )
        node = site.launch("pdf2swf")
        host.instance_id, host.user_data = node, site.region.instance(node)["user_data"]

        boot = host.boot()

        assert boot.ok, boot.output
        try:
            host.wait_for(f"test -e {BOOTSTRAPPED}", seconds=BOOTSTRAP_SECONDS)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{host.read(BOOTSTRAP_LOG)}") from None
        assert "role=pdf2swf " in host.read(SEEN)
        assert f"instance_id={node}" in host.read(SEEN)
        assert f"certname = {node}" in host.read("/etc/puppet/puppet.conf")
