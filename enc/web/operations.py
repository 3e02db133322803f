"""What the API has: each path with its parameters, its answer and its problems, once for all uses.

Requests are checked by these tables, and /v1/openapi.json is made from them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from enc.domain.model import LaunchState
from enc.domain.retention import KEPT
from enc.web.documents import CORRUPT, ENDED_NODE, UNKNOWN_LAUNCH, UNKNOWN_NODE, UNKNOWN_ROLE, Kind
from enc.web.parameters import (
    CURSOR,
    LIMIT,
    NODE_FILTERS,
    ORDER,
    PORT,
    ROLE,
    Parameter,
    event_id,
    moment,
    one_of,
    text,
)
from enc.web.schemas import ANSIBLE, Schema, list_of, page, ref


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A GET. ``path`` is as OpenAPI writes it, ``places`` says what each part in braces is.

    ``problems`` are those besides a bad parameter and a store that cannot be read.
    """

    path: str
    summary: str
    answer: Schema
    media_type: str = "application/json"
    parameters: tuple[Parameter, ...] = ()
    places: dict[str, str] = field(default_factory=dict)
    problems: tuple[Kind, ...] = ()


_NAME = {"name": "a certname, a DNS name, or VPC:ADDRESS"}
_PAGED = (LIMIT, CURSOR)
_SHORT = "A page may be short, even empty, and have a cursor: one request looks at a bounded number"

NODES = Operation(
    path="/v1/nodes",
    summary=f"Nodes, by the time of their launch. {_SHORT}",
    answer=page("nodes", "Node"),
    parameters=(*NODE_FILTERS, ORDER, *_PAGED),
)
NODE = Operation(
    path="/v1/nodes/{name}",
    summary="One node and its last runs",
    answer=ref("NodeWithRuns"),
    places=_NAME,
    problems=(UNKNOWN_NODE, ENDED_NODE, CORRUPT),
)
EXPLAIN = Operation(
    path="/v1/nodes/{name}/explain",
    summary="Why a node is here, and why Puppet gets what it gets; also of one that has ended",
    answer=ref("Explanation"),
    places=_NAME,
    problems=(UNKNOWN_NODE, CORRUPT),
)
ROLES = Operation(
    path="/v1/roles",
    summary="Roles as last applied, by name, and what their nodes are together",
    answer=page("roles", "Role"),
    parameters=_PAGED,
)
ROLE_ALONE = Operation(
    path="/v1/roles/{name}",
    summary="One role",
    answer=ref("Role"),
    places={"name": "a role"},
    problems=(UNKNOWN_ROLE, CORRUPT),
)
LAUNCHES = Operation(
    path="/v1/launches",
    summary=f"Launches, the latest first, with what EC2 answered to each attempt. {_SHORT}",
    answer=page("launches", "Launch"),
    parameters=(ROLE, one_of("state", "in this state", tuple(LaunchState)), *_PAGED),
)
LAUNCH = Operation(
    path="/v1/launches/{id}",
    summary="One launch",
    answer=ref("Launch"),
    places={"id": "a launch, as in l-0123456789abcdef"},
    problems=(UNKNOWN_LAUNCH, CORRUPT),
)
EVENTS = Operation(
    path="/v1/events",
    summary=f"The audit log: the latest first, or oldest first behind `after`. {_SHORT}",
    answer=page("events", "Event"),
    parameters=(
        event_id("before", "earlier than this id, the latest first: the cursor of such a page"),
        event_id(
            "after",
            "later than this id, oldest first: the cursor of such a page, which is "
            "there even when nothing new has come. Not with `before`",
        ),
        text("node", "about this certname"),
        ROLE,
        text("who", "done by: the whole text, as it stands in the log"),
        text("what", "what happened, as in ready: the whole text, as it stands in the log"),
        LIMIT,
    ),
)
ARCHIVE = Operation(
    path="/v1/archive",
    summary=f"Nodes that ended, the latest first; kept for {KEPT.days} days. {_SHORT}",
    answer=page("nodes", "ArchivedNode"),
    parameters=(ROLE, moment("since", "that ended then or later"), *_PAGED),
)
PROMETHEUS = Operation(
    path="/v1/discovery/prometheus",
    summary="Targets for Prometheus' HTTP service discovery: running, failed and ready nodes, "
    "at the ports of their role's checks",
    answer=list_of("TargetGroup"),
    parameters=(ROLE, PORT),
    problems=(UNKNOWN_ROLE,),
)
ANSIBLE_INVENTORY = Operation(
    path="/v1/discovery/ansible",
    summary="Ansible's inventory, as an inventory script prints it: running, failed and ready "
    "nodes",
    answer=ANSIBLE,
    parameters=(ROLE,),
    problems=(UNKNOWN_ROLE,),
)
NAGIOS = Operation(
    path="/v1/discovery/nagios",
    summary="Nagios' object definitions: ready nodes, a group for each role, services by its "
    "checks. 'provisioner export nagios' keeps a file of them, in which lost machines stay",
    answer={"type": "string"},
    media_type="text/plain",
    parameters=(ROLE,),
    problems=(UNKNOWN_ROLE,),
)
OPERATIONS = (
    *(NODES, NODE, EXPLAIN, ROLES, ROLE_ALONE, LAUNCHES, LAUNCH, EVENTS, ARCHIVE),
    *(PROMETHEUS, ANSIBLE_INVENTORY, NAGIOS),
)
