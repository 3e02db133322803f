"""The main job: a machine is launched for a role, and Puppet knows who it is."""

from collections.abc import Callable

import pytest

from tests.real.agent import CHANGED, Agent
from tests.real.roles import SEEN
from tests.real.site import Site

pytestmark = [pytest.mark.differs, pytest.mark.root]
Machines = Callable[..., Agent]
# Two, three and four bytes in UTF-8.
BEYOND_ASCII = "ä-日本-😀"


def workers(agent: Agent) -> int:
    """What the class role::pdf2swf was told."""
    found = agent.resource("Class", "Role::Pdf2swf")
    return int(found["parameters"]["workers"])


def test_a_launched_nodes_first_run_applies_its_roles_class_and_sees_what_it_was_launched_as(
    site: Site, start_machine: Machines
) -> None:
    node = site.launch("pdf2swf")
    known = site.show(node)

    agent = start_machine(node)
    run = agent.test()

    assert run.code == CHANGED, run.said
    assert "role::pdf2swf" in agent.catalogue()["classes"]
    assert "role::web" not in agent.catalogue()["classes"]
    assert workers(agent) == 4
    words = agent.host.read(SEEN).split()
    assert words[:2] == ["role=pdf2swf", "environment=production"]
    assert {f"instance_id={node}", f"launch={known['launch']}", "kind=extra"} <= set(words)


def test_values_beyond_ascii_arrive_as_they_are_whatever_the_puppetservers_locale_is(
    site: Site, start_machine: Machines
) -> None:
    site.apply(web={"parameters": {"greeting": BEYOND_ASCII}})

    agent = start_machine(site.launch("web"))
    run = agent.test()

    assert run.code == CHANGED, run.said
    assert f"greeting={BEYOND_ASCII}" in agent.host.read(SEEN).split()


def test_a_changed_role_shows_at_the_next_run_and_not_before_it_is_applied(
    site: Site, start_machine: Machines
) -> None:
    agent = start_machine(site.launch("pdf2swf"))
    agent.test()
    before = workers(agent)

    site.apply(pdf2swf={"classes": {"role::pdf2swf": {"workers": 7}}})
    run = agent.test()

    assert run.code == CHANGED, run.said
    assert (before, workers(agent)) == (4, 7)


def test_a_node_that_is_assigned_another_role_has_it_at_the_next_run(
    site: Site, start_machine: Machines
) -> None:
    node = site.launch("pdf2swf")
    agent = start_machine(node)
    agent.test()

    site.provisioner("assign", node, "web")
    run = agent.test()

    assert run.code == CHANGED, run.said
    assert "role::web" in agent.catalogue()["classes"]
    assert "role::pdf2swf" not in agent.catalogue()["classes"]


def test_a_roles_environment_is_followed(site: Site, start_machine: Machines) -> None:
    site.apply(web={"environment": "staging"})

    agent = start_machine(site.launch("web"))
    run = agent.test()

    assert run.code == CHANGED, run.said
    assert agent.catalogue()["environment"] == "staging"
    assert "environment=staging" in agent.host.read(SEEN)


def test_a_machine_that_got_a_dead_ones_host_name_gets_its_own_role_and_the_dead_one_kept_its(
    site: Site, start_machine: Machines
) -> None:
    old = site.launch("pdf2swf")
    name = site.show(old)["private_dns"]
    new = site.launch_with_the_name_of(old, "web")
    assert site.show(new)["private_dns"] == name

    first, second = start_machine(old, name), start_machine(new, name)
    runs = first.test(), second.test()

    assert [run.code for run in runs] == [CHANGED, CHANGED], runs[0].said + runs[1].said
    assert first.host.run(["hostname"]).stdout == second.host.run(["hostname"]).stdout
    assert "role=pdf2swf " in first.host.read(SEEN)
    assert "role=web " in second.host.read(SEEN)
    assert site.show(name)["certname"] == new
