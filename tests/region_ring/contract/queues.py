"""Two queues that the contract is held against: in memory, and SQS over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from provisioner.ports.errors import Trouble
from provisioner.ports.notices import Notice, Notices
from tests.fakes.clock import FakeClock
from tests.fakes.events import wrapped
from tests.fakes.notices import FakeNotices
from tests.region.handle import Region, World
from tests.region_ring.region_calls import fleet, ids, template

ENDLESS = -1
# What SQS says, with its status.
CODES = {
    Trouble.DENIED: ("AccessDenied", 403),
    Trouble.THROTTLED: ("RequestThrottled", 403),
    Trouble.UNAVAILABLE: ("ServiceUnavailable", 503),
}
ACTIONS = {"take": "ReceiveMessage", "done": "DeleteMessageBatch"}


class Queue(Protocol):
    """A queue, two spot machines of which it hears, and the hands to make it behave."""

    machines: tuple[str, str]

    @property
    def notices(self) -> Notices: ...

    def interrupt(self, instance_id: str) -> None: ...

    def rebalance(self, instance_id: str) -> None: ...

    def post(self, body: str) -> None:
        """Something else comes into the queue."""

    def by_sns(self, body: str) -> None:
        """The same, by way of a topic that the queue is subscribed to."""

    def reappear(self, taken: Sequence[Notice]) -> None:
        """The time is over for which they were hidden."""

    def fail(self, action: str, trouble: Trouble) -> None:
        """Calls of a method of the port are refused until ``heal``, and nothing is done."""

    def heal(self) -> None: ...

    def waiting(self) -> int:
        """Messages that are not deleted, hidden ones too."""


class InMemory:
    machines = ("i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2")

    def __init__(self) -> None:
        self.notices = FakeNotices(FakeClock())
        self.interrupt, self.rebalance = self.notices.interrupt, self.notices.rebalance
        self.post, self.heal = self.notices.post, self.notices.heal

    def by_sns(self, body: str) -> None:
        self.notices.post(wrapped(body))

    def reappear(self, taken: Sequence[Notice]) -> None:
        self.notices.reappear()

    def fail(self, action: str, trouble: Trouble) -> None:
        self.notices.fail(action, trouble, times=1000)

    def waiting(self) -> int:
        return len(self.notices.messages)


class OverHttp:
    """The adapter, and the queue of a simulated region."""

    def __init__(self, notices: Notices, region: Region, world: World, clients: Any) -> None:
        self.notices, self._region = notices, region
        self._sqs, self._sns = clients["sqs"], clients["sns"]
        template(clients["ec2"], world)
        first, second = ids(fleet(clients["ec2"], world, 2))
        self.machines = (first, second)
        self.url = region.queue()
        self.interrupt, self.rebalance = region.interrupt, region.rebalance
        self.heal = region.clear_faults

    def post(self, body: str) -> None:
        self._sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def by_sns(self, body: str) -> None:
        said = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])
        queue = said["Attributes"]["QueueArn"]
        topic = self._sns.create_topic(Name="spot")["TopicArn"]
        self._sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
        self._sns.publish(TopicArn=topic, Message=body)

    def reappear(self, taken: Sequence[Notice]) -> None:
        for handle in [handle for notice in taken for handle in notice.handles]:
            self._sqs.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=handle, VisibilityTimeout=0
            )

    def fail(self, action: str, trouble: Trouble) -> None:
        # What may be repeated is, by the adapter: such a fault must last.
        code, status = CODES[trouble]
        self._region.fault(ACTIONS[action], code, status=status, times=ENDLESS)

    def waiting(self) -> int:
        said = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return sum(int(said["Attributes"][name]) for name in names)
