"""Calls that are written down, and faults that a test has planned for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from provisioner.ports.errors import CloudError, Trouble

# What EC2 says for each kind of trouble, unless the test says otherwise.
CODES = {
    Trouble.CAPACITY: "InsufficientInstanceCapacity",
    Trouble.QUOTA: "MaxSpotInstanceCountExceeded",
    Trouble.PRICE: "SpotMaxPriceTooLow",
    Trouble.UNSUPPORTED: "Unsupported",
    Trouble.NOT_YET: "InvalidLaunchTemplateName.NotFoundException",
    Trouble.THROTTLED: "RequestLimitExceeded",
    Trouble.UNAVAILABLE: "EndpointConnectionError",
    Trouble.UNKNOWN_OUTCOME: "ReadTimeoutError",
    Trouble.DENIED: "UnauthorizedOperation",
    Trouble.NO_CREDENTIALS: "NoCredentialsError",
    Trouble.GONE: "InvalidInstanceID.NotFound",
    Trouble.MALFORMED: "InvalidParameterValue",
}


@dataclass
class Fault:
    action: str
    error: BaseException
    times: int
    after: bool


@dataclass
class Script:
    """``calls`` are (action, request) in their order; actions are called as the port has them."""

    calls: list[tuple[str, Any]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    hooks: list[tuple[str, Callable[[], object]]] = field(default_factory=list)
    lock: RLock = field(default_factory=RLock)

    def fail(
        self,
        action: str,
        error: Trouble | BaseException,
        *,
        code: str = "",
        times: int = 1,
        after: bool = False,
    ) -> None:
        """The next ``times`` calls of action fail; with ``after`` they have done the work first.

        Faults of one action follow one another in the order of planning.
        """
        if isinstance(error, Trouble):
            error = CloudError(error, code or CODES[error], "as the test has it", action=action)
        self.faults.append(Fault(action, error, times, after))

    def on(self, action: str, happens: Callable[[], object]) -> None:
        """After the next call of action has done its work, this happens before the caller knows."""
        self.hooks.append((action, happens))

    def heal(self) -> None:
        self.faults.clear()

    def count(self, action: str) -> int:
        return len(self.requests(action))

    def requests(self, action: str) -> list[Any]:
        return [request for called, request in self.calls if called == action]

    @contextmanager
    def call(self, action: str, request: Any) -> Iterator[None]:
        """Write it down; raise before or after the work if the plan says so."""
        with self.lock:
            self.calls.append((action, request))
            fault = self._next(action)
            if fault and not fault.after:
                raise fault.error
            yield
            self._happen(action)
            if fault:
                raise fault.error

    def _happen(self, action: str) -> None:
        for hook in [hook for hook in self.hooks if hook[0] == action]:
            self.hooks.remove(hook)
            hook[1]()

    def _next(self, action: str) -> Fault | None:
        fault = next((f for f in self.faults if f.action == action and f.times > 0), None)
        if fault:
            fault.times -= 1
        return fault
