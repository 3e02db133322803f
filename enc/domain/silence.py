"""Nodes of which Puppet has said nothing for long: one rule, for alerts and for explain. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from enc.domain.model import Node, State

# Two runs, as agents run by default: one may fall out.
LONG = timedelta(hours=1)
# A draining or lost node may be silent, and of a failed one it is known.
_HEARD = frozenset({State.RUNNING, State.READY})


def silent_since(node: Node, now: datetime, *, reports: bool) -> datetime | None:
    """When it was last heard of, if that is too long ago; else None.

    ``reports``: its role waits for reports, so that one which never came counts from the launch.
    """
    if node.state not in _HEARD:
        return None
    heard = node.report_at or (node.launched_at if reports else None)
    return heard if heard is not None and now - heard > LONG else None
