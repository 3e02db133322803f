"""What to tell of a launch that is under way, was cut short, or left something behind."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from enc.domain.model import CONVERGE
from provisioner.cli.texts import some

if TYPE_CHECKING:
    from enc.domain.model import Launch
    from enc.inventory import Inventory

# Older ones of a dead command are the business of converge.
_LATEST = 20


def how_to_undo(launch_id: str) -> str:
    return (
        f"'provisioner show {launch_id}' says what is there, "
        f"'provisioner retire {launch_id}' ends all of it"
    )


def standing(launch: Launch, now: datetime, dead: timedelta) -> str:
    """What an open launch is just now; "" for one that is closed."""
    if launch.state != "open":
        return ""
    if launch.owner == CONVERGE:
        return (
            f"under way: {launch.got} of {launch.want}, asked for {launch.asked} time(s); each "
            "pass of converge asks once more"
        )
    silent = now - (launch.heartbeat or launch.opened_at)
    heard = f"{max(silent.total_seconds(), 0):.0f} s ago"
    if silent <= dead:
        return f"under way: its command was last heard {heard}"
    return (
        f"cut short: its command was last heard {heard}; EC2 may have machines that are not "
        f"recorded: 'provisioner retire {launch.id}' finds and ends all of it"
    )


def cut_short(store: Inventory, now: datetime, dead: timedelta) -> list[str]:
    """A line for each launch that a dead command has left open."""
    found = store.launches.latest(_LATEST)
    return [
        f"warning: launch {launch.id} ({launch.role}) was {standing(launch, now, dead)}"
        for launch in found
        if "cut short" in standing(launch, now, dead)
    ]


def how_it_was_left(store: Inventory, launch_id: str) -> str:
    """What a launch came to whose command was stopped a second time."""
    from enc.domain.timeouts import Timeouts
    from enc.inventory import StoreError

    try:
        launch = store.launches.get(launch_id)
        nodes = store.nodes.of_launch(launch_id, launch.role) if launch else []
    except StoreError as error:
        return f"launch {launch_id} was left as it stood ({error}); {how_to_undo(launch_id)}"
    if launch is None:
        return "nothing was launched and nothing is left"
    recorded = some(node.certname for node in nodes) or "no machine"
    if launch.state != "open":
        undone = f"'provisioner retire {launch_id}' ends all of it"
        return f"launch {launch_id} is closed; recorded: {recorded}; {undone}"
    return (
        f"launch {launch_id} was left open; recorded: {recorded}; EC2 may have more machines; "
        f"wait {Timeouts().dead.total_seconds():.0f} s, then 'provisioner retire {launch_id}' "
        "finds and ends all of it"
    )
