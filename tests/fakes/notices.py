"""A queue of EC2's notices in memory.

    queue = FakeNotices(clock)
    queue.interrupt("i-0abc1234")               # and rebalance(), state_change(), post(body)
    queue.fail("take", Trouble.DENIED)          # once; nothing is taken
    queue.fail("done", Trouble.THROTTLED)       # once; nothing is deleted, nothing raised
    queue.fail("done", Death(), after=True)     # deleted, and its caller dies before it knows
    assert queue.left == ["i-0abc1234"]         # instances whose notices are not deleted
    clock.step(HIDDEN)                          # what was taken and not done is there again

One contract test holds it and the real adapter to the same behaviour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from provisioner.domain.notices import NoNotice, merged, parse
from provisioner.ports.errors import CloudError
from provisioner.ports.notices import MOST, Notice
from tests.fakes import events
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import ACCOUNT, REGION
from tests.fakes.script import Script

HIDDEN = 30.0
URL = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/rolecall"


@dataclass
class Message:
    body: str
    handles: list[str]
    hidden_until: float = 0.0


class FakeNotices(Script):
    """Implements ``ports.notices.Notices``. ``dropped`` are the reasons of what was none."""

    def __init__(self, clock: FakeClock, hidden: float = HIDDEN, url: str = URL) -> None:
        super().__init__()
        self.url = url
        self.clock, self.hidden = clock, hidden
        self.messages: list[Message] = []
        self.dropped: list[str] = []
        self._handed_out = 0

    # What a test does and asks.

    def post(self, body: str, *, times: int = 1) -> None:
        self.messages += [Message(body, []) for _ in range(times)]

    def interrupt(self, instance_id: str, **said: Any) -> None:
        self.post(events.interruption(instance_id, **self._now(said)))

    def rebalance(self, instance_id: str, **said: Any) -> None:
        self.post(events.rebalance(instance_id, **self._now(said)))

    def state_change(self, instance_id: str, state: str, **said: Any) -> None:
        self.post(events.state_change(instance_id, state, **self._now(said)))

    def reappear(self) -> None:
        """What was taken is seen again at once."""
        for message in self.messages:
            message.hidden_until = 0.0

    @property
    def left(self) -> list[str]:
        read = [parse(message.body, account=ACCOUNT, handle="") for message in self.messages]
        return [one.instance_id for one in read if isinstance(one, Notice)]

    # The port.

    def take(self, most: int = MOST) -> tuple[Notice, ...]:
        with self.call("take", most):
            now = self.clock.monotonic()
            there = [each for each in self.messages if each.hidden_until <= now][:most]
            read = [self._read(message, now + self.hidden) for message in there]
            others = [one for one in read if isinstance(one, NoNotice)]
            self.dropped += [other.reason for other in others]
            self._delete([other.handle for other in others])
            return merged(one for one in read if isinstance(one, Notice))

    def done(self, notices: Sequence[Notice]) -> None:
        try:
            with self.call("done", tuple(notices)):
                self._delete([handle for notice in notices for handle in notice.handles])
        except CloudError as error:
            if not error.passing:
                raise

    def _read(self, message: Message, hidden_until: float) -> Notice | NoNotice:
        self._handed_out += 1
        message.hidden_until = hidden_until
        message.handles.append(f"handle-{self._handed_out}")
        return parse(message.body, account=ACCOUNT, handle=message.handles[-1])

    def _delete(self, handles: Sequence[str]) -> None:
        gone = set(handles)
        self.messages = [each for each in self.messages if not gone & set(each.handles)]

    def _now(self, said: dict[str, Any]) -> dict[str, Any]:
        at: datetime = said.get("at", self.clock.now())
        return {**said, "at": at}
