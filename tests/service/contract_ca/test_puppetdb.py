"""PuppetDB's adapter before a server with its manners; the fake is too simple to differ."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from provisioner.adapters.puppetdb import PuppetDBCommands
from provisioner.cli.errors import advised
from provisioner.ports.errors import PuppetError, Refusal
from tests.fakes.ca_server import PuppetServer
from tests.fakes.https_server import How
from tests.service.contract_ca.stages import caller

NODE = "i-0abc"
AT = datetime(2026, 11, 24, 1, 2, 3, 123456, tzinfo=UTC)


@pytest.fixture
def puppetdb(puppet: PuppetServer) -> PuppetDBCommands:
    return PuppetDBCommands(caller(puppet, service="PuppetDB"))


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=2))], ids=["UTC", "elsewhere"])
def test_a_node_is_deactivated_at_a_time_in_utc(
    puppet: PuppetServer, puppetdb: PuppetDBCommands, zone: timezone
) -> None:
    puppetdb.deactivate(NODE, AT.astimezone(zone))

    assert puppet.deactivated == {NODE: "2026-11-24T01:02:03.123Z"}


def test_a_name_arrives_as_it_is(puppet: PuppetServer, puppetdb: PuppetDBCommands) -> None:
    puppetdb.deactivate("a&b=c d", AT)

    assert list(puppet.deactivated) == ["a&b=c d"]


def test_a_command_whose_answer_was_lost_may_be_sent_again(
    puppet: PuppetServer, puppetdb: PuppetDBCommands
) -> None:
    puppet.fail("deactivate", "close", after=True)
    with pytest.raises(PuppetError) as caught:
        puppetdb.deactivate(NODE, AT)
    puppetdb.deactivate(NODE, AT)

    assert caught.value.passing
    assert puppet.count("deactivate") == 2
    assert list(puppet.deactivated) == [NODE]


@pytest.mark.parametrize(
    ("how", "refusal", "advice"),
    [
        (401, Refusal.DENIED, "certificate-allowlist"),
        (403, Refusal.DENIED, "certificate-allowlist"),
        (404, Refusal.MISSING, "PUPPETDB_URL is that of PuppetDB"),
        (400, Refusal.UNEXPECTED, ""),
        (500, Refusal.ILL, "try again"),
        (503, Refusal.ILL, "try again"),
        ("close", Refusal.AWAY, "try again"),
        ("garbage", Refusal.UNEXPECTED, "PUPPETDB_URL is that of PuppetDB"),
        ("stranger", Refusal.UNEXPECTED, "PUPPETDB_URL is that of PuppetDB"),
        ("huge", Refusal.UNEXPECTED, ""),
    ],
    ids=str,
)
def test_each_bad_answer_has_one_message(
    puppet: PuppetServer, puppetdb: PuppetDBCommands, how: How, refusal: Refusal, advice: str
) -> None:
    puppet.fail("deactivate", how)
    with pytest.raises(PuppetError) as caught:
        puppetdb.deactivate(NODE, AT)

    assert caught.value.refusal is refusal
    assert str(caught.value).startswith(f"PuppetDB ({puppet.url}): deactivate {NODE}: ")
    assert advice in advised(caught.value)
    assert puppet.deactivated == {}


def test_a_certificate_that_is_not_on_the_list_may_do_nothing(puppet: PuppetServer) -> None:
    with pytest.raises(PuppetError) as caught:
        PuppetDBCommands(caller(puppet, who="i-0agent")).deactivate(NODE, AT)

    assert caught.value.refusal is Refusal.DENIED
    assert puppet.deactivated == {}
