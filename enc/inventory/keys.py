"""Every Redis key, in one place. docs/redis.md says what each holds.

The scripts spell out those that follow from a node; ``claims:`` and ``formerly:`` are theirs alone.
"""

from __future__ import annotations

META = "meta"
NODES = "nodes"
TEXTS = "nodes:texts"
ROLES = "roles"
LAUNCHES = "launches"
LAUNCHES_OPEN = "launches:open"
EVENTS = "events"
ARCHIVED = "archived"
PAUSE = "pause"
SUSPECTS = "suspects"
SWEPT = "swept"
LEASE = "lease:converge"
ORDERS = "orders"
# Nothing is ever there: whoever may write of requests tries on it whether Redis takes a write.
NEVER = "verdict:never"


def node(certname: str) -> str:
    return f"node:{certname}"


def nodes_of_kind(kind: str) -> str:
    return f"nodes:kind:{kind}"


def nodes_of_role(role: str) -> str:
    return f"nodes:role:{role}"


def nodes_in_state(state: str) -> str:
    return f"nodes:state:{state}"


def nodes_of_market(market: str) -> str:
    return f"nodes:market:{market}"


def fleet(role: str) -> str:
    return f"fleet:{role}"


def ran(role: str) -> str:
    return f"ran:{role}"


def name(name: str) -> str:
    """``name`` is a DNS name or ``<vpc>:<ip>``."""
    return f"name:{name}"


def role(role: str) -> str:
    return f"role:{role}"


def launch(launch_id: str) -> str:
    return f"launch:{launch_id}"


def drought(pool: str) -> str:
    """``pool`` is ``<market>:<type>:<zone>``."""
    return f"drought:{pool}"


def life(certname: str) -> str:
    return f"life:{certname}"


def runs(certname: str) -> str:
    return f"runs:{certname}"


def order(certname: str) -> str:
    return f"order:{certname}"


def signed(certname: str) -> str:
    return f"signed:{certname}"


def archive(certname: str) -> str:
    return f"archive:{certname}"


def hold(role: str) -> str:
    """``role`` "" means all of them."""
    return f"hold:{role}" if role else PAUSE


def approved(role: str) -> str:
    return f"approved:{role}"


def backoff(role: str) -> str:
    return f"backoff:{role}"


def suspect(what: str) -> str:
    """``what`` is ``<kind>:<id>``."""
    return f"suspect:{what}"
