"""What a limit lets through, and what it says."""

from __future__ import annotations

from enc.domain.limits import Bound, Limits, bounds

MACHINES = Bound(role="web", what="machines", most=10)
HOURLY = Bound(role="", what="launches_per_hour", most=3)


def test_a_role_and_its_site_bind_a_launch_and_what_is_not_said_does_not() -> None:
    own, site = Limits(machines=10), Limits(launches_per_hour=3)

    assert bounds(site, "web", own) == (MACHINES, HOURLY)
    assert bounds(Limits(), "web", Limits()) == ()
    assert bounds(Limits(), "web", Limits(machines=0)) == (
        Bound(role="web", what="machines", most=0),
    )


def test_machines_that_live_and_those_asked_for_take_room() -> None:
    assert MACHINES.left(living=6, asked=3, opened=99) == 1
    assert MACHINES.left(living=9, asked=3, opened=0) < 0


def test_launches_of_the_hour_leave_room_for_one_more_or_none() -> None:
    assert HOURLY.left(living=99, asked=99, opened=2) > 1000
    assert HOURLY.left(living=0, asked=0, opened=3) == 0


def test_a_limit_says_what_stands_against_it_and_what_to_do() -> None:
    assert MACHINES.reached(2, living=9, asked=1, opened=5) == (
        "limits.machines of role web is 10: 9 live, open launches ask for 1 more, and 2 are "
        "wanted; retire machines ('provisioner ls --role web'), or raise it in roles.yaml"
    )
    assert HOURLY.reached(2, living=9, asked=1, opened=3) == (
        "limits.launches_per_hour of the site is 3: 3 launches were opened within the last hour; "
        "wait, or raise it in roles.yaml"
    )
