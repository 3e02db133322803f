"""What the adapter sends: names as they are, few calls, and nothing that deletes a certificate."""

from __future__ import annotations

import pytest

from provisioner.adapters import puppet_ca
from provisioner.ports.errors import PuppetError, Refusal
from tests.csrs import spoiling
from tests.fakes.ca_server import PuppetServer
from tests.fakes.https_server import How
from tests.service.contract_ca.stages import adapter

NODE, OTHER = "i-0abc", "i-0abd"


def test_an_old_server_that_lists_everything_is_filtered_here(puppet: PuppetServer) -> None:
    puppet.filters = False
    puppet.vault.submit(NODE)
    puppet.vault.issue(OTHER)

    assert adapter(puppet).pending() == (NODE,)


@pytest.mark.parametrize("name", ["a b", "a%2fb", "a/../b", "a?state=x", "ä", "a+b"])
def test_a_name_arrives_as_it_is(puppet: PuppetServer, name: str) -> None:
    puppet.vault.requests[name] = pem = puppet.vault.submit(NODE)

    assert adapter(puppet).request(name) == pem


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_a_name_that_would_be_a_way_through_the_path_is_not_sent(
    puppet: PuppetServer, name: str
) -> None:
    with pytest.raises(PuppetError, match="is not a certname"):
        adapter(puppet).refuse(name)
    assert puppet.calls == []


def test_many_are_cleaned_in_few_calls(puppet: PuppetServer) -> None:
    names = [f"i-0{n:04}" for n in range(puppet_ca.BATCH + 1)]
    adapter(puppet).clean([*names, names[0]])

    sent = [about for action, about in puppet.calls if action == "clean"]
    assert sent == [names[: puppet_ca.BATCH], names[puppet_ca.BATCH :]]
    assert len(puppet.calls) == 3


def test_nothing_to_clean_asks_nothing(puppet: PuppetServer) -> None:
    adapter(puppet).clean([])

    assert puppet.calls == []


def test_one_connection_serves_many_calls(puppet: PuppetServer) -> None:
    ca = adapter(puppet)
    for _ in range(3):
        ca.pending()

    assert puppet.connections == 1


# Refusing, where the CA cannot delete a request alone.


@pytest.mark.parametrize("answer", [403, 404])
def test_a_request_is_refused_by_a_ca_that_deletes_only_everything(
    puppet: PuppetServer, answer: int
) -> None:
    puppet.may_delete_requests = answer
    puppet.vault.submit(NODE)
    puppet.vault.issue(OTHER)
    ca = adapter(puppet)
    for name in (NODE, OTHER, "i-0nobody"):
        ca.refuse(name)

    assert puppet.vault.requests == {}
    assert list(puppet.vault.signed) == [OTHER]
    assert puppet.count("delete") == 1


def test_such_a_ca_deletes_no_certificate_along_with_a_request(puppet: PuppetServer) -> None:
    puppet.may_delete_requests = 403
    puppet.vault.issue(NODE)
    puppet.vault.submit(NODE)
    with pytest.raises(PuppetError, match="has a certificate too") as caught:
        adapter(puppet).refuse(NODE)

    assert caught.value.refusal is Refusal.CONFLICT
    assert list(puppet.vault.signed) == list(puppet.vault.requests) == [NODE]


@pytest.mark.parametrize("answer", [403, 404])
def test_such_a_ca_deletes_a_request_of_which_it_cannot_tell_the_state(
    puppet: PuppetServer, answer: int
) -> None:
    puppet.may_delete_requests = answer
    puppet.vault.submit(NODE, spoiling(NODE))
    adapter(puppet).refuse(NODE)

    assert puppet.vault.requests == {}


@pytest.mark.parametrize("how", [500, 503, 400, 403, "close", "garbage"])
def test_where_the_list_is_no_answer_requests_are_deleted_by_name(
    puppet: PuppetServer, how: How
) -> None:
    puppet.vault.issue(NODE)
    puppet.vault.submit(NODE)
    puppet.vault.submit(OTHER)
    puppet.fail("pending", how)
    adapter(puppet).clean([NODE])

    assert puppet.vault.revoked == [NODE]
    assert list(puppet.vault.requests) == [OTHER]
