"""The ring's own puppetserver: one process for all of it."""

from collections.abc import Callable

import pytest

from tests.real.agent import FAILED_RUN, Agent
from tests.real.puppetserver import PuppetServer
from tests.real.ring import Ring

pytestmark = pytest.mark.root


def reload_with(server: PuppetServer, **settings: str) -> int:
    """The pid that serves after the reload."""
    server.settings |= settings
    server.write_settings()
    server.reload()
    assert server.process
    return server.process.pid


def test_a_reload_takes_over_new_settings_in_the_same_process(
    ring: Ring, start_machine: Callable[..., Agent]
) -> None:
    policy = ring.server.settings["autosign"]
    try:
        without = reload_with(ring.server, autosign="false")
        run = start_machine("i-0nobody").test()
    finally:
        again = reload_with(ring.server, autosign=policy)

    assert run.code == FAILED_RUN, run.said
    assert "still need to sign this agent's certificate" in run.said
    assert without == again
