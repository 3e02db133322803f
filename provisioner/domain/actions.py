"""What a pass decides to do: frozen values, each with the reason that a person is told."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from enc.domain.model import Backoff, Hold, Launch, LaunchState, Node
from provisioner.ports.ec2 import Instance


@dataclass(frozen=True, kw_only=True)
class Action:
    """``verb`` is for people, in ``plan`` as in the lines of ``converge``."""

    reason: str
    verb: ClassVar[str] = "?"

    @property
    def target(self) -> str:
        raise NotImplementedError

    @property
    def role(self) -> str:
        return ""


@dataclass(frozen=True, kw_only=True)
class _OfNode(Action):
    node: Node

    @property
    def target(self) -> str:
        return self.node.certname

    @property
    def role(self) -> str:
        return self.node.role


@dataclass(frozen=True, kw_only=True)
class Adopt(_OfNode):
    """Record a machine that EC2 lists with our tags; ``node`` is what it becomes."""

    verb = "adopt"


@dataclass(frozen=True, kw_only=True)
class Write(_OfNode):
    """Write down what EC2 says of a node, or what follows: ``fields`` with the event ``what``.

    ``ask`` : only if EC2, asked for this very machine, does not know it.
    """

    what: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    ask: bool = False

    @property
    def verb(self) -> str:  # type: ignore[override]
        return self.what


@dataclass(frozen=True, kw_only=True)
class Recount(Action):
    """Count a role's nodes anew: second looks go by these counts."""

    name: str
    verb = "recount"

    @property
    def target(self) -> str:
        return self.name

    @property
    def role(self) -> str:
        return self.name


@dataclass(frozen=True, kw_only=True)
class Drain(_OfNode):
    """Out of DNS and discovery; it is replaced, or one too many.

    Only while more than ``floor`` of its role are ready; None where that is not ours to decide.
    ``unseen`` are ready as the store has it, and not listed by EC2: they do not count.
    """

    floor: int | None
    unseen: int = 0
    verb = "drain"


@dataclass(frozen=True, kw_only=True)
class End(_OfNode):
    """Its end of life, begun or gone on with as far as it goes now.

    ``gone``: its machine is gone, so that this is cleaning up, which no hold stops; one that turns
    out to be there is left alone. ``taken``: EC2 takes it back, which no hold stops either.
    ``absent``: two passes did not find it listed; if EC2 does not know its id either, it is gone.
    """

    gone: bool = False
    taken: bool = False
    absent: bool = False
    verb = "retire"


@dataclass(frozen=True, kw_only=True)
class EndOrphan(Action):
    """Terminate a machine that has no record and may not have one."""

    instance: Instance
    verb = "terminate orphan"

    @property
    def target(self) -> str:
        return self.instance.id


@dataclass(frozen=True, kw_only=True)
class Suspect(Action):
    """Remember that this was seen: the next pass acts if it sees it too."""

    what: str
    of: str = ""
    verb = "suspect"

    @property
    def target(self) -> str:
        return self.what

    @property
    def role(self) -> str:
        return self.of


@dataclass(frozen=True, kw_only=True)
class Trust(Action):
    """What was suspected is not so."""

    what: str
    of: str = ""
    verb = "trust"

    @property
    def target(self) -> str:
        return self.what

    @property
    def role(self) -> str:
        return self.of


@dataclass(frozen=True, kw_only=True)
class Open(Action):
    """A new launch of fleet nodes, and its first request. ``most`` is what may be wanted then.

    ``dead`` are damaged records of machines that are gone: the store counts them, and we do not.
    """

    name: str
    count: int
    most: int
    spec_hash: str
    dead: int = 0
    verb = "launch"

    @property
    def target(self) -> str:
        return f"{self.count} x {self.name}"

    @property
    def role(self) -> str:
        return self.name


@dataclass(frozen=True, kw_only=True)
class _OfLaunch(Action):
    launch: Launch

    @property
    def target(self) -> str:
        return self.launch.id

    @property
    def role(self) -> str:
        return self.launch.role


@dataclass(frozen=True, kw_only=True)
class Advance(_OfLaunch):
    """The next request of an open launch of ours."""

    verb = "ask again"


@dataclass(frozen=True, kw_only=True)
class Close(_OfLaunch):
    """It asks for nothing more; its template goes. ``failed`` counts for the role's back-off."""

    state: LaunchState
    failed: bool = False
    verb = "close launch"


@dataclass(frozen=True, kw_only=True)
class Sweep(Action):
    """Delete a launch template that no launch needs."""

    region: str
    template: str
    verb = "delete template"

    @property
    def target(self) -> str:
        return self.template


@dataclass(frozen=True, kw_only=True)
class Sign(_OfNode):
    """Judge the certificate request that waits at the CA, and sign it if it is ours."""

    verb = "judge request"


@dataclass(frozen=True, kw_only=True)
class Stop(Action):
    """Hold a role, loudly."""

    hold: Hold
    verb = "hold"

    @property
    def target(self) -> str:
        return self.hold.role

    @property
    def role(self) -> str:
        return self.hold.role


@dataclass(frozen=True, kw_only=True)
class Resume(Action):
    """Lift a hold whose cause is gone."""

    hold: Hold
    verb = "lift hold"

    @property
    def target(self) -> str:
        return self.hold.role

    @property
    def role(self) -> str:
        return self.hold.role


@dataclass(frozen=True, kw_only=True)
class BackOff(Action):
    """Count a launch that failed: the next one waits."""

    backoff: Backoff
    verb = "back off"

    @property
    def target(self) -> str:
        return self.backoff.role

    @property
    def role(self) -> str:
        return self.backoff.role


@dataclass(frozen=True, kw_only=True)
class Forgive(Action):
    """A launch of the role became ready: earlier failures no longer count."""

    backoff: Backoff
    verb = "forget failures"

    @property
    def target(self) -> str:
        return self.backoff.role

    @property
    def role(self) -> str:
        return self.backoff.role


@dataclass(frozen=True, kw_only=True)
class Plan:
    """In the order in which they are done. ``notes`` are what a person should know besides."""

    actions: tuple[Action, ...]
    notes: tuple[str, ...] = ()

    def only(self, roles: Collection[str]) -> Plan:
        """What concerns these roles."""
        return replace(self, actions=tuple(one for one in self.actions if one.role in roles))
