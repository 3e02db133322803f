"""The contract where the CA says no, or nothing: each has its refusal, and the same again works."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from provisioner.ports.errors import PuppetError, Refusal
from tests.service.contract_ca.stages import FaultyStage

NODE = "i-0abc"
# What nothing may come of: a missing one is an answer where something is looked for.
NOES = [Refusal.AWAY, Refusal.DENIED, Refusal.CONFLICT, Refusal.ILL, Refusal.UNEXPECTED]
DOING: dict[str, Callable[[FaultyStage], Any]] = {
    "pending": lambda stage: stage.ca.pending(),
    "request": lambda stage: stage.ca.request(NODE),
    "certificate": lambda stage: stage.ca.certificate(NODE),
    "state": lambda stage: stage.ca.state(NODE),
    "sign": lambda stage: stage.ca.sign(NODE),
    "refuse": lambda stage: stage.ca.refuse(NODE),
    "clean": lambda stage: stage.ca.clean([NODE]),
}


@pytest.mark.parametrize("refusal", NOES)
@pytest.mark.parametrize("action", DOING)
def test_a_no_is_an_error_of_its_kind_and_nothing_was_done(
    stage: FaultyStage, action: str, refusal: Refusal
) -> None:
    stage.submit(NODE)
    stage.fail(action, refusal)
    with pytest.raises(PuppetError) as caught:
        DOING[action](stage)

    assert caught.value.refusal is refusal
    assert caught.value.passing == (refusal in (Refusal.AWAY, Refusal.ILL))
    assert stage.ca.pending() == (NODE,)


@pytest.mark.parametrize("refusal", [Refusal.AWAY, Refusal.ILL])
@pytest.mark.parametrize("action", ["refuse", "clean"])
def test_work_whose_answer_was_lost_is_found_done_by_the_repeat(
    stage: FaultyStage, action: str, refusal: Refusal
) -> None:
    if action == "refuse":
        stage.submit(NODE)
        certificate = b""
    else:
        certificate = stage.issue(NODE)
    stage.fail(action, refusal, after=True)
    with pytest.raises(PuppetError):
        DOING[action](stage)
    DOING[action](stage)

    assert stage.ca.pending() == ()
    assert stage.ca.certificate(NODE) is None
    assert not certificate or stage.is_revoked(certificate)


def test_a_signature_whose_answer_was_lost_is_a_conflict_at_the_repeat(stage: FaultyStage) -> None:
    stage.submit(NODE)
    stage.fail("sign", Refusal.AWAY, after=True)
    with pytest.raises(PuppetError):
        stage.ca.sign(NODE)
    with pytest.raises(PuppetError) as caught:
        stage.ca.sign(NODE)

    assert caught.value.refusal is Refusal.CONFLICT
    assert stage.ca.certificate(NODE) is not None


def test_an_old_server_that_cannot_clean_says_so(stage: FaultyStage) -> None:
    certificate = stage.issue(NODE)
    stage.fail("clean", Refusal.MISSING)
    with pytest.raises(PuppetError) as caught:
        stage.ca.clean([NODE])

    assert caught.value.refusal is Refusal.MISSING
    assert not stage.is_revoked(certificate)
