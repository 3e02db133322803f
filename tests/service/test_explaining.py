"""What is damaged beside a node is told in its explanation, alike by API, page and command."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient
from redis import Redis

from enc.domain.trust import REVOKED
from enc.inventory import CorruptError, Inventory
from enc.inventory.clock import redis_now
from enc.inventory.explanation import explained
from tests.builders import event
from tests.service.pages import LAUNCH, NAME, fill, page, words

DAMAGED = {
    ("role:web", "definition"): "Role web cannot be read",
    (f"launch:{LAUNCH}", "want"): f"The record of launch {LAUNCH} cannot be read",
}


@pytest.fixture
def filled(inventory: Inventory, client: FlaskClient) -> FlaskClient:
    fill(inventory)
    return client


@pytest.mark.parametrize("place", DAMAGED)
def test_a_damaged_role_or_launch_is_told_everywhere_in_the_same_words(
    inventory: Inventory, redis: Redis, filled: FlaskClient, place: tuple[str, str]
) -> None:
    redis.hset(*place, "canary-4f1c")
    found = inventory.nodes.get(NAME)
    assert found is not None
    wrong = explained(inventory, found, redis_now(redis)).wrong
    shown = filled.get(f"/v1/nodes/{NAME}/explain")

    assert any(one.startswith(DAMAGED[place]) for one in wrong)
    assert shown.status_code == 200
    assert shown.json is not None
    assert shown.json["wrong"] == list(wrong)
    assert all(one in words(page(filled, f"/nodes/{NAME}")) for one in wrong)
    assert "canary" not in shown.text


def test_a_certificate_that_was_just_revoked_is_told_everywhere(
    inventory: Inventory, redis: Redis, filled: FlaskClient
) -> None:
    now = redis_now(redis)
    inventory.signing.note(event(REVOKED, at=now, node=NAME, why="of another key"))
    found = inventory.nodes.get(NAME)
    assert found is not None
    wrong = explained(inventory, found, redis_now(redis)).wrong

    [said] = [one for one in wrong if one.startswith("Its certificate was revoked on")]
    assert filled.get(f"/v1/nodes/{NAME}/explain").json["wrong"] == list(wrong)  # type: ignore[index]
    assert said in words(page(filled, f"/nodes/{NAME}"))


def test_what_is_whole_is_told_without_a_word_of_damage(
    inventory: Inventory, redis: Redis, filled: FlaskClient
) -> None:
    found = inventory.nodes.get(NAME)
    assert found is not None
    told = explained(inventory, found, redis_now(redis)).wrong
    assert not any("cannot be read" in one for one in told)


def test_a_damaged_node_itself_has_no_explanation(
    redis: Redis, inventory: Inventory, filled: FlaskClient
) -> None:
    redis.hset(f"node:{NAME}", "state", "odd")
    with pytest.raises(CorruptError):
        inventory.nodes.get(NAME)
    assert filled.get(f"/v1/nodes/{NAME}/explain").status_code == 422
