"""How a launch ended, as its exit code and its last words. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from enc.domain.durations import format_duration
from enc.domain.model import Kind, LaunchState, Node, State
from provisioner.cli.errors import advised
from provisioner.cli.exit_codes import DONE, FAILED, INTERRUPTED, PARTLY
from provisioner.cli.texts import some
from provisioner.launching.launch import Outcome
from provisioner.launching.order import Order

_REACHED = {
    "accepted": {State.PENDING, State.RUNNING, State.READY},
    "running": {State.RUNNING, State.READY},
    "ready": {State.READY},
}


@dataclass(frozen=True, kw_only=True)
class LaunchReport:
    """``nodes`` as they stood when we stopped looking.

    ``stopped``: by Ctrl-C, while waiting; ``trouble``: why they could not be followed.
    ``deaths``: why those that are lost are so, by certname, as far as that is known.
    """

    order: Order
    outcome: Outcome
    nodes: tuple[Node, ...]
    wait_until: str
    stopped: bool = False
    trouble: str = ""
    deaths: Mapping[str, str] = field(default_factory=dict)

    @property
    def interrupted(self) -> bool:
        return self.stopped or self.outcome.launch.state is LaunchState.INTERRUPTED

    @property
    def code(self) -> int:
        if self.interrupted:
            return INTERRUPTED
        if len(self._good) == self.order.count and not self.outcome.left and not self.trouble:
            return DONE
        # A machine that is there is not nothing, even if nobody has seen it run: asking for it
        # again, as after a failure, would make two.
        return PARTLY if self._came else FAILED

    @property
    def verdict(self) -> str:
        """The first line says what came and why not all, the others what to do."""
        return "\n".join([self._headline(), *(f"  {line}" for line in self._next_steps())])

    def _headline(self) -> str:
        launch, name = self.outcome.launch, self.order.spec.name
        came = f"{len(self._came)} of {self.order.count} came for {name} (launch {launch.id})"
        if self.stopped:
            return f"interrupted while waiting for {self.wait_until}; {came}, and are recorded"
        if self.interrupted:
            left = "" if self._came or self.outcome.left else "; nothing is left"
            return f"interrupted; {came}{left}"
        if self.trouble:
            return f"{came}; whether they are {self.wait_until} is not known: {self.trouble}"
        return f"{came}{self._why()}"

    def _why(self) -> str:
        if self.outcome.error is not None:
            return f": {advised(self.outcome.error)}"
        # How many came has been said.
        why = re.sub(r"^got [0-9]+ of [0-9]+: ", "", self.outcome.launch.why)
        return f": {why}" if why else ""

    def _next_steps(self) -> list[str]:
        launch, name = self.outcome.launch.id, self.order.spec.name
        steps = [f"left behind: {left}" for left in self.outcome.left]
        late = [node for node in self.nodes if node not in self._good]
        if late and not self.interrupted and not self.trouble:
            said = some(map(self._state, late))
            steps.append(f"not {self.wait_until}: {said}")
        if self._came and (self.stopped or self.trouble or late):
            steps.append(f"'provisioner ls --role {name}' shows how they get on")
        if self._came and (missing := self.order.count - len(self._came)):
            steps.append(f"'{self._again(missing)}' asks for the rest")
        if self._came or self.outcome.left:
            steps.append(f"'provisioner retire {launch}' ends all of it")
        return steps

    def _state(self, node: Node) -> str:
        why = self.deaths.get(node.certname)
        return f"{node.certname} is {node.state}" + (f" ({why})" if why else "")

    @property
    def _came(self) -> list[Node]:
        return [node for node in self.nodes if node.state not in (State.LOST, State.RETIRING)]

    @property
    def _good(self) -> list[Node]:
        return [node for node in self.nodes if node.state in _REACHED[self.wait_until]]

    def _again(self, count: int) -> str:
        """The command for what is missing: the same kind of machines as asked for now."""
        order, spec = self.order, self.order.launch_spec
        words = ["provisioner", "launch", order.spec.name, "-n", str(count)]
        if order.market is not spec.market:
            words += ["--market", order.market.value]
        if order.deadline != spec.spot_deadline:
            words += ["--deadline", format_duration(order.deadline)]
        if order.ttl is not None:
            words += ["--ttl", format_duration(timedelta(seconds=order.ttl.total_seconds()))]
        if order.kind is Kind.FLEET:
            words.append("--fleet")
        return shlex.join(words)
