"""A queue of EC2's notices through boto3, as provisioner.ports.notices.Notices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from provisioner.adapters.aws import Calls, ClientFactory
from provisioner.domain.notices import NoNotice, counted, merged, parse
from provisioner.ports.errors import CloudError
from provisioner.ports.host import Clock
from provisioner.ports.notices import MOST, Notice, place_of

BATCH = 10  # SQS's most, for both calls
# A second is the shortest wait in which SQS asks all its servers: without one it asks a few, and
# says "nothing" of a queue that has something. It is spent only where there is nothing.
WAIT = 1
# Whatever was taken and not done comes again after that. Longer than a pass needs from its take
# to its first writes; shorter than the time between two passes, so that of the two minutes that an
# interruption leaves, the death of a pass costs one pass and no more.
HIDDEN = 30
# A queue that fills as fast as it is read must not hold a pass, nor outlive HIDDEN.
LONGEST_TAKE = 10.0


class SqsNotices:
    """Implements ``ports.notices.Notices``. ``hidden``: seconds until what is not done returns.

    ``say`` is given a line for people. Raises ValueError for a URL that is not a queue's.
    """

    def __init__(
        self,
        clients: ClientFactory,
        clock: Clock,
        url: str,
        say: Callable[[str], None],
        hidden: int = HIDDEN,
    ) -> None:
        place = place_of(url)
        if place is None:
            raise ValueError(f"{url} is not the URL of an SQS queue")
        self._calls, self._clock, self._say = Calls(clients, clock), clock, say
        self._url, self._place, self._hidden = url, place, hidden

    @property
    def url(self) -> str:
        return self._url

    def take(self, most: int = MOST) -> tuple[Notice, ...]:
        read = [self._parsed(message) for message in self._received(most)]
        self._drop([one for one in read if isinstance(one, NoNotice)])
        return merged(one for one in read if isinstance(one, Notice))

    def done(self, notices: Sequence[Notice]) -> None:
        try:
            self._delete([handle for notice in notices for handle in notice.handles])
        except CloudError as error:
            if not error.passing:
                raise
            self._warn(f"notices could not be deleted and come again: {error}")

    def _received(self, most: int) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        until = self._clock.monotonic() + LONGEST_TAKE
        while len(found) < most and self._clock.monotonic() < until:
            try:
                batch = self._receive(min(BATCH, most - len(found)))
            except CloudError as error:
                if not found:
                    raise
                self._warn(f"some notices could not be read: {error}")
                break
            if not batch:
                break
            found += batch
        return found

    def _receive(self, most: int) -> Sequence[Mapping[str, Any]]:
        said = self._call(
            "ReceiveMessage",
            MaxNumberOfMessages=most,
            WaitTimeSeconds=WAIT,
            VisibilityTimeout=self._hidden,
        )
        return said.get("Messages") or ()

    def _parsed(self, message: Mapping[str, Any]) -> Notice | NoNotice:
        body, handle = message.get("Body", ""), message.get("ReceiptHandle", "")
        return parse(body, account=self._place.account, handle=handle)

    def _drop(self, others: Sequence[NoNotice]) -> None:
        if not others:
            return
        self._warn(f"{len(others)} message(s) are no notices and are deleted: {counted(others)}")
        try:
            self._delete([other.handle for other in others])
        except CloudError as error:
            self._warn(f"messages that are no notices could not be deleted: {error}")

    def _delete(self, handles: Sequence[str]) -> None:
        """Raises CloudError at the first batch of which there is no answer."""
        failed: Counter[str] = Counter()
        for batch in _batches([handle for handle in dict.fromkeys(handles) if handle]):
            entries = [{"Id": str(n), "ReceiptHandle": one} for n, one in enumerate(batch)]
            said = self._call("DeleteMessageBatch", Entries=entries)
            failed.update(entry.get("Code", "") for entry in said.get("Failed") or ())
        if failed:
            codes = ", ".join(f"{count} x {code}" for code, count in failed.items())
            self._warn(f"messages were not deleted and come again: {codes}")

    def _call(self, action: str, **parameters: Any) -> Mapping[str, Any]:
        # Both may be repeated: a message that an answer lost comes again, one deleted is deleted.
        region = self._place.region
        return self._calls.repeated(region, action, service="sqs", QueueUrl=self._url, **parameters)

    def _warn(self, text: str) -> None:
        self._say(f"warning: {self._url}: {text}")


def _batches(handles: Sequence[str]) -> Iterator[Sequence[str]]:
    return (handles[start : start + BATCH] for start in range(0, len(handles), BATCH))
