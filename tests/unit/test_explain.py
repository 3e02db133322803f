"""Why a machine is here, and why it gets what it gets: sentences in pairs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from enc.domain.damage import Unreadable
from enc.domain.explain import Explanation, explanation_shape
from enc.domain.model import CONVERGE, Kind, LaunchState, Market, State
from tests.builders import foreign, launch, node, role
from tests.explaining import (
    DRY,
    LAUNCH,
    NAME,
    NOW,
    POOL,
    attempt,
    said,
    stored,
    why,
)
from tests.worlds import of_fleet

# Who it is.


def test_a_machine_of_ours_was_launched_and_a_foreign_one_is_known() -> None:
    assert why(node(NAME)).headline.endswith(", launched 1h ago.")
    assert why(foreign("db1.example.com")).headline.endswith(", known for 1h.")


# Where it came from.


@pytest.mark.parametrize(("image", "told"), [("ami-0abc", True), ("", False)])
def test_the_image_is_told_where_it_is_known(image: str, told: bool) -> None:
    origin = why(node(NAME, image=image)).origin
    assert said(origin, ", from image ami-0abc.") is told
    assert said(origin, "image") is told


def test_who_asked_for_how_many_and_when_is_told() -> None:
    asked = launch(want=3, market=Market.SPOT, state=LaunchState.COMPLETE, owner="alice@ops")

    origin = why(node(launch=LAUNCH), launch=asked).origin

    assert said(origin, f"Launch {LAUNCH}: alice@ops asked for 3 x web (extra) on 2026-01-01 12:00")
    assert said(origin, "it ended complete")


def test_converge_is_told_from_a_person() -> None:
    asked = launch(owner=CONVERGE, kind=Kind.FLEET)

    assert said(
        why(of_fleet(1), launch=asked).origin, "converge, which keeps the fleet at its size"
    )


def test_spot_is_said_to_be_asked_first_with_the_attempt_that_gave_it() -> None:
    asked = launch(market=Market.SPOT, attempts=(attempt(1, Market.SPOT, NAME),))

    origin = why(node(NAME, launch=LAUNCH), launch=asked).origin

    assert said(origin, "It is spot because spot is asked first: attempt 1 gave it.")
    assert not said(origin, "deadline")


def test_a_fallback_is_explained_by_the_pools_that_refused() -> None:
    refused = (
        ("spot:c5.large:us-east-1a", DRY, "None left."),
        ("spot:c5.large:us-east-1b", DRY, ""),
    )
    attempts = (
        attempt(1, Market.SPOT, answers=refused),
        attempt(2, Market.ON_DEMAND, NAME),
        attempt(3, Market.ON_DEMAND, "i-0aaaaaaaaaaaaaaa2"),
    )
    asked = launch(market=Market.SPOT, attempts=attempts)

    origin = why(node(NAME, launch=LAUNCH, market=Market.ON_DEMAND), launch=asked).origin

    assert said(origin, "It is on-demand though spot was asked first, because spot's deadline")
    assert said(
        origin,
        "Attempt 1 on 2026-01-01 12:00:00 UTC asked spot for 3 and got 0: "
        f"{POOL}a, {POOL}b said {DRY} (None left.).",
    )
    assert not said(origin, "Attempt 3"), "what came later has nothing to do with it"


def test_pools_that_were_left_out_are_named_where_they_refused() -> None:
    refused = (("spot:c6g.large:us-east-1a", "InvalidParameterValue", "no such architecture"),)
    attempts = (
        attempt(1, Market.SPOT, answers=refused, unfit=("spot:c6g.large:us-east-1a",)),
        attempt(2, Market.SPOT, NAME),
    )
    asked = launch(market=Market.SPOT, attempts=attempts)

    origin = why(node(NAME, launch=LAUNCH, market=Market.SPOT), launch=asked).origin

    assert said(origin, "(no such architecture); not asked again: spot:c6g.large:us-east-1a.")
    assert not said(origin, "Attempt 2 on 2026-01-01 12:00:00 UTC asked spot for 3 and got 1; not")


def test_pools_that_refused_for_good_are_no_deadline() -> None:
    attempts = (
        attempt(
            1, Market.SPOT, answers=(("*", "MaxSpotInstanceCountExceeded", ""),), hopeless=True
        ),
        attempt(2, Market.ON_DEMAND, NAME),
    )
    asked = launch(market=Market.SPOT, attempts=attempts)

    origin = why(node(NAME, launch=LAUNCH, market=Market.ON_DEMAND), launch=asked).origin

    assert said(origin, "because every spot pool refused for what waiting does not change")
    assert said(origin, "the whole call said MaxSpotInstanceCountExceeded.")
    assert not said(origin, "deadline")


def test_on_demand_that_was_asked_for_is_no_fallback() -> None:
    asked = launch(market=Market.ON_DEMAND, attempts=(attempt(1, Market.ON_DEMAND, NAME),))

    origin = why(node(NAME, launch=LAUNCH, market=Market.ON_DEMAND), launch=asked).origin

    assert said(origin, "It is on-demand because the launch asked for nothing else")


def test_a_machine_that_no_answer_names_was_found_by_its_tags() -> None:
    asked = launch(market=Market.SPOT, attempts=(attempt(1, Market.SPOT, "i-0bbbbbbbbbbbbbbb1"),))

    assert said(why(node(NAME, launch=LAUNCH), launch=asked).origin, "found by its tags")


def test_many_attempts_and_pools_are_counted_and_not_listed() -> None:
    pools = tuple((f"{POOL}{c}", DRY, "") for c in "abcdefghij")
    asked = launch(
        market=Market.SPOT,
        attempts=tuple(attempt(n, Market.SPOT, answers=pools) for n in range(40)),
    )

    origin = why(node(NAME, launch=LAUNCH), launch=asked).origin

    assert said(origin, "28 earlier attempts are left out here.")
    assert said(origin, f"us-east-1f and 4 more said {DRY}")
    assert sum(one.startswith("Attempt") for one in origin) == 12


def test_another_role_than_it_was_launched_as_is_told() -> None:
    origin = why(node(launch=LAUNCH), launch=launch(role="batch")).origin

    assert said(origin, "launched as batch; 'provisioner assign' made it web later")
    assert not said(why(node(launch=LAUNCH), launch=launch()).origin, "later")


def test_adopted_foreign_and_forgotten_origins_are_told_apart() -> None:
    assert said(why(node()).origin, "adopted without a launch")
    assert said(why(foreign()).origin, "'import' made it known on 2026-01-01 12:00:00 UTC")
    assert said(why(node(launch=LAUNCH)).wrong, f"The record of launch {LAUNCH} is gone")
    assert not said(why(node(launch=LAUNCH), launch=launch()).wrong, "is gone")
    assert not said(why(foreign()).wrong, "is gone")


# What Puppet gets.


def shaped(found: Explanation) -> dict[tuple[str, str | None, str | None], tuple[Any, str]]:
    given = explanation_shape(found)["given"]
    return {(g["what"], g["class"], g["name"]): (g["value"], g["source"]) for g in given}


def test_each_class_and_parameter_has_its_value_and_source() -> None:
    applied = "role web rev 7, applied on 2026-01-01 12:00:00 UTC by bob@desk"

    given = shaped(why(node(), role=stored(environment="production")))

    assert given["class", None, "role::web"] == (None, applied)
    assert given["class parameter", "role::web", "workers"] == (4, applied)
    assert given["parameter", None, "tier"] == ("front", applied)
    assert given["environment", None, None] == ("production", applied)
    assert given["parameter", None, "role"][0] == "web"
    value, source = given["parameter", None, "rolecall"]
    assert (value["market"], source) == ("spot", "rolecall itself")


def test_a_class_is_told_as_puppet_gets_it() -> None:
    given = shaped(why(node(), role=stored(classes={"::role::web": {"workers": 4}})))

    assert ("class", None, "role::web") in given
    assert given["class parameter", "role::web", "workers"][0] == 4


def test_an_environment_of_its_own_is_said_to_be_that() -> None:
    own = shaped(why(node(environment="staging"), role=stored(environment="production")))

    assert own["environment", None, None] == (
        "staging",
        "the node's own ('provisioner assign --environment'), over the role's production",
    )


def test_no_environment_leaves_the_agents_own_and_is_said() -> None:
    found = why(node(), role=stored())

    assert ("environment", None, None) not in shaped(found)
    assert said(found.answer, "the agent's own choice stands")
    assert not said(why(node(environment="x"), role=stored()).answer, "the agent's own")


@pytest.mark.parametrize(
    ("definition", "words"),
    [
        ({"classes": {}}, "role web has no classes"),
        ({"classes": ["role::web"]}, "classes is not a map"),
        ({"classes": {"a": None}}, "class a of role web: parameters are not a map"),
        ({"parameters": {"role": 1}}, "parameter role is rolecall's own"),
        ({"parameters": {"x": "\ud800"}}, "half a character"),
        ({"environment": 3}, "environment is not a text"),
    ],
)
def test_what_cannot_be_classified_is_said_in_the_encs_words(
    definition: dict[str, Any], words: str
) -> None:
    found = why(node(), role=stored(**definition))

    assert said(found.wrong, words)
    assert said(found.answer, "422")
    assert found.given == ()


def test_a_role_that_is_gone_is_wrong_and_one_that_is_there_is_not() -> None:
    gone = why(node(), role=None)

    assert said(gone.wrong, "Role web is gone, so Puppet is refused this node (422)")
    assert said(gone.wrong, f"'provisioner assign {NAME} ROLE'")
    assert why(node()).wrong == ()


def test_a_retiring_node_gets_nothing_whatever_its_role() -> None:
    for given in (role(), None):
        found = why(node(state=State.RETIRING, retire_step="clean"), role=given)
        assert found.given == ()
        assert found.wrong == ()
        assert said(found.answer, "410")
        assert said(found.next, "next, its certificate is revoked and deleted")


def test_a_role_that_cannot_be_read_is_not_said_to_be_gone() -> None:
    found = why(node(), role=Unreadable("role:web"))

    assert said(found.wrong, "Role web cannot be read, so Puppet is refused this node (422)")
    assert said(found.wrong, "role:web in Redis holds what rolecall did not write")
    assert not said(found.wrong, "gone")
    assert found.given == ()


def test_a_launch_that_cannot_be_read_is_not_said_to_be_gone() -> None:
    found = why(node(launch=LAUNCH), launch=Unreadable(f"launch:{LAUNCH}"))

    assert said(found.origin, f"Launch {LAUNCH} made it; its record cannot be read")
    assert said(found.wrong, f"The record of launch {LAUNCH} cannot be read")
    assert not said(found.wrong, "400 days")


def test_a_launch_is_missed_until_it_was_to_be_forgotten_and_no_longer() -> None:
    for days, missed in ((399, True), (401, False)):
        old = node(launch=LAUNCH, launched_at=NOW - timedelta(days=days))
        assert said(why(old).wrong, f"The record of launch {LAUNCH} is gone") is missed
