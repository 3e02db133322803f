"""The node terminus against the table of misbehaviours that the ENC script runs through."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.real.terminusdriver import Found, TerminusDriver, answers, is_warning
from tests.service.enc_script import is_one_line
from tests.service.laboratory import (
    SHORT_TIMEOUT,
    TRANSPORTS,
    TRIED,
    Laboratory,
    answer_to,
    kept_after,
    named,
    seconds_for,
)
from tests.service.misbehaving import Server, deaf, read, refusing, send, serve
from tests.service.misbehaviours import NODE, TABLE, WHOLE, Misbehaviour, Outcome, response
from tests.service.scripts.test_enc_script_usage import IMPOSSIBLE, POSSIBLE

pytestmark = pytest.mark.differs

SENTENCES = {
    Outcome.UNKNOWN: f"give it a role: provisioner assign {NODE} ROLE (404: ",
    Outcome.RETIRED: f"or see what it was: provisioner show {NODE} (410: ",
    Outcome.UNUSABLE: f"give it one that can: provisioner assign {NODE} ROLE (422: ",
    Outcome.NO_ANSWER: "no answer, nor one in the cache (",
}


@pytest.fixture(scope="module")
def laboratory(puppet: TerminusDriver, tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    """One for each Ruby."""
    return Laboratory.below(tmp_path_factory.mktemp(puppet.greeting["ruby"]))


@pytest.mark.parametrize("case", TABLE, ids=named)
def test_without_a_cache_it_is_a_whole_answer_or_an_error(
    puppet: TerminusDriver, laboratory: Laboratory, case: Misbehaviour
) -> None:
    tried = laboratory.attempt(puppet.look_up, "unix", case, cached=False)

    assert_manners(tried.run, case, answer_to(case, cached=False))


@pytest.mark.parametrize(("transport", "case"), TRIED, ids=named)
def test_with_a_cache_it_is_the_last_answer_only_when_nothing_definite_came(
    puppet: TerminusDriver, laboratory: Laboratory, transport: str, case: Misbehaviour
) -> None:
    tried = laboratory.attempt(puppet.look_up, transport, case)

    assert_manners(tried.run, case, answer_to(case, cached=True))
    assert tried.kept == kept_after(case)


def assert_manners(found: Found, case: Misbehaviour, answer: bytes) -> None:
    """In time, and silent or with one line that names the node and what to do."""
    assert found.seconds < seconds_for(case)
    if answer:
        assert answers(found, answer), found
        assert found.logs == [] if case.outcome is Outcome.ANSWERED else is_warning(found)
    else:
        assert (found.node, found.logs) == (None, [])
        assert is_one_line(f"{found.raised}\n")
        assert found.raised.startswith(f"Puppet::Error: rolecall: {NODE}: ")
        assert SENTENCES[case.outcome] in found.raised


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("way", [deaf, refusing])
def test_nobody_there_is_no_answer(
    puppet: TerminusDriver,
    laboratory: Laboratory,
    tmp_path: Path,
    transport: str,
    way: Callable[[str, Path], AbstractContextManager[Server]],
) -> None:
    with way(transport, tmp_path) as server:
        settings = laboratory.tls_settings
        found = puppet.look_up(NODE, url=server.url, timeout=SHORT_TIMEOUT, **settings)

    assert found.node is None
    assert server.url in found.raised


@pytest.mark.parametrize("what", ["missing", "a file", "a folder", "a name of 200 characters"])
def test_no_socket_in_the_place_of_the_socket_is_no_answer(
    puppet: TerminusDriver, tmp_path: Path, what: str
) -> None:
    place = tmp_path / ("x" * 200 if "200" in what else "place")
    if what == "a file":
        place.write_bytes(WHOLE)
    if what == "a folder":
        place.mkdir()

    found = puppet.look_up(NODE, url=f"unix:{place}")

    assert found.node is None
    assert str(place) in found.raised


@pytest.mark.parametrize("given", [name for name in IMPOSSIBLE if name], ids=ascii)
def test_an_impossible_certname_is_an_error_and_nothing_is_asked(
    puppet: TerminusDriver, tmp_path: Path, given: str
) -> None:
    with serve((read, send(response(WHOLE))), "unix", tmp_path) as server:
        found = puppet.look_up(given, url=server.url)

    assert (found.node, server.requests) == (None, [])
    assert "nothing was asked" in found.raised
    assert is_one_line(f"{found.raised}\n")


@pytest.mark.parametrize("given", POSSIBLE)
def test_a_possible_certname_is_asked_for_with_one_get(
    puppet: TerminusDriver, tmp_path: Path, given: str
) -> None:
    with serve((read, send(response(WHOLE))), "unix", tmp_path) as server:
        puppet.look_up(given, url=server.url)

    (request,) = server.requests
    assert request.startswith(f"GET /v1/enc/{given} HTTP/1.0\r\nHost: localhost\r\n".encode())


class TestTheNode:
    def test_has_the_environment_of_the_answer(
        self, puppet: TerminusDriver, tmp_path: Path
    ) -> None:
        assert self._node(puppet, tmp_path, WHOLE)["environment"] == "production"

    def test_has_the_agents_environment_where_the_answer_has_none(
        self, puppet: TerminusDriver, tmp_path: Path
    ) -> None:
        text = WHOLE.replace(b'environment: "production"\n', b"")

        assert self._node(puppet, tmp_path, text)["environment"] == "testing"

    def test_has_the_facts_beside_the_parameters_which_win(
        self, puppet: TerminusDriver, tmp_path: Path
    ) -> None:
        parameters = self._node(puppet, tmp_path, WHOLE)["parameters"]

        assert parameters["kernel"] == "Linux"
        assert parameters["role"] == "pdf2swf"

    @pytest.mark.parametrize(
        "wrong",
        [
            pytest.param('"role::x": [', id="no-YAML"),
            pytest.param("- ~\nparameters: []", id="parameters-that-are-a-list"),
            pytest.param("role::x:\nenvironment: [x]", id="an-environment-that-is-a-list"),
            pytest.param("!ruby/object:Object {}", id="an-object"),
            pytest.param("role::x: !ruby/object:Object {}", id="an-object-within"),
            pytest.param('""', id="text"),
            pytest.param("null", id="null"),
            pytest.param("&a {}", id="nothing-with-an-anchor"),
        ],
    )
    def test_is_not_made_of_what_is_no_classification(
        self, puppet: TerminusDriver, tmp_path: Path, wrong: str
    ) -> None:
        text = f"---\nclasses:\n  {wrong}\n# end {NODE}\n".encode()
        with serve((read, send(response(text))), "unix", tmp_path) as server:
            found = puppet.look_up(NODE, url=server.url, cache=tmp_path)

        assert found.node is None
        assert not (tmp_path / NODE).exists()

    @staticmethod
    def _node(puppet: TerminusDriver, folder: Path, text: bytes) -> dict[str, object]:
        facts = {"kernel": "Linux", "role": "spoofed"}
        with serve((read, send(response(text))), "unix", folder) as server:
            settings = {"url": server.url, "facts": facts, "asked": "testing"}
            (found,) = puppet.look_all_up([NODE], **settings)
        assert found.node is not None, found
        return found.node
