"""Calling AWS through boto3: clients, time-outs, what is repeated and how often.

The client library never retries by itself: a call that does work is made once, and its caller
decides with a deadline and a token; a call that may be repeated is, a few times, here.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from copy import copy
from datetime import timedelta
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from provisioner.adapters.descriptors import NONE_LEFT, none_left
from provisioner.adapters.ec2_errors import (
    CUT,
    REGION,
    SILENT,
    SORTED,
    plain,
    readable,
    report_guesses,
    trouble_of,
)
from provisioner.adapters.ec2_hints import hint
from provisioner.ports.errors import CloudError, Trouble
from provisioner.ports.host import Clock

# (service, region) -> client; region "" is the session's own, for what is the same everywhere.
ClientFactory = Callable[[str, str], Any]

CONNECT_TIMEOUT = 5.0
# CreateFleet answers when all its machines are launched or refused, which takes a while for many.
READ_TIMEOUT = 60.0
# Of two minutes' notice, none may be spent on a queue that says nothing.
READ_TIMEOUTS = {"sqs": 10.0}
TRIES = 4
FIRST_WAIT = 0.25
HOME_REGION = "us-east-1"

# A message that was received and lost comes again: to receive is to look.
_LOOKING = ("Describe", "Get", "Receive")
_WORTH_A_REPEAT = frozenset({Trouble.THROTTLED, Trouble.UNAVAILABLE, Trouble.UNKNOWN_OUTCOME})


def client_factory(**session: Any) -> ClientFactory:
    """Clients of one boto3 session, which is made at the first call. Arguments: boto3.Session's."""
    made: list[Any] = []

    def client(service: str, region: str) -> Any:
        if not made:
            # At DEBUG botocore logs whole requests, and with them the key in the user-data.
            logging.getLogger("botocore").setLevel(logging.INFO)
            made.append(_session(**session))
        home = made[0].region_name or HOME_REGION
        return made[0].client(service, region_name=region or home, config=_config(service))

    return client


def partition_of(region: str) -> str:
    """Which part of AWS a region is in: ``aws``, ``aws-cn``, ``aws-us-gov``. Nothing is asked.

    ``region`` "" is the session's own. One that the library does not know is of ``aws``.
    """
    import boto3

    try:
        session = boto3.Session()
        return session.get_partition_for_region(region or session.region_name or HOME_REGION)
    except BotoCoreError:
        return "aws"


def _session(**session: Any) -> Any:
    import boto3
    import botocore.session

    from provisioner.adapters.ec2_listing import Parsers

    core = botocore.session.get_session()
    core.register_component("response_parser_factory", Parsers())
    return boto3.Session(botocore_session=core, **session)


def _config(service: str) -> Config:
    return Config(
        connect_timeout=CONNECT_TIMEOUT,
        read_timeout=READ_TIMEOUTS.get(service, READ_TIMEOUT),
        retries={"mode": "standard", "total_max_attempts": 1},
        user_agent_extra="rolecall",
    )


class Calls:
    """Calls by AWS's names, with errors as CloudError. May be used from several threads."""

    def __init__(self, clients: ClientFactory, clock: Clock) -> None:
        self._new_client, self._clock = clients, clock
        self._check: Callable[[], None] = lambda: None
        self._clients: dict[tuple[str, str], Any] = {}
        self._skews: dict[str, timedelta] = {}
        self._lock = Lock()

    def guarded(self, check: Callable[[], None]) -> Calls:
        """The same calls, with what ``check`` raises in place of any request that is sent then."""
        found = copy(self)
        found._check = check  # noqa: SLF001 - of its own class
        return found

    def once(self, region: str, action: str, **parameters: Any) -> Mapping[str, Any]:
        """Of EC2, and work: without an answer it is UNKNOWN_OUTCOME."""
        return self._call(region, "ec2", action, parameters, doing=True)

    def repeated(
        self, region: str, action: str, *, service: str = "ec2", **parameters: Any
    ) -> Mapping[str, Any]:
        """A call that may be made twice. A silence has cost its time-out and is not repeated."""
        doing = not action.startswith(_LOOKING)
        for wait in (FIRST_WAIT * 2**n for n in range(TRIES - 1)):
            try:
                return self._call(region, service, action, parameters, doing=doing)
            except CloudError as error:
                if error.trouble not in _WORTH_A_REPEAT or error.code in SILENT:
                    raise
            self._clock.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
        return self._call(region, service, action, parameters, doing=doing)

    def pages(self, region: str, action: str, **parameters: Any) -> Iterator[Mapping[str, Any]]:
        """All of them, or an error: a short listing would be taken for missing machines."""
        while True:
            page = self.repeated(region, action, **parameters)
            yield page
            if not page.get("NextToken"):
                return
            if page["NextToken"] == parameters.get("NextToken"):
                # As botocore's own paginator has it: this would go on for ever.
                message = f"{region} names the same next page again"
                raise CloudError(Trouble.UNAVAILABLE, "PaginationError", message, action=action)
            parameters["NextToken"] = page["NextToken"]

    def _call(
        self, region: str, service: str, action: str, parameters: Mapping[str, Any], *, doing: bool
    ) -> Mapping[str, Any]:
        self._check()
        with translated(service, action, region, doing=doing):
            client = self._client(service, region)
            answer: Mapping[str, Any] = getattr(client, _method(action))(**parameters)
        self._note_time(region, answer)
        return answer

    def skew(self, region: str) -> timedelta | None:
        """How far AWS' clock was ahead of ours at its last answer from there."""
        return self._skews.get(region)

    def _note_time(self, region: str, answer: Mapping[str, Any]) -> None:
        """By the Date header, which is in whole seconds."""
        said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
        with suppress(TypeError, ValueError):
            self._skews[region] = parsedate_to_datetime(said) - self._clock.now()

    def _client(self, service: str, region: str) -> Any:
        # Clients may be shared between threads; a session that makes one may not.
        with self._lock:
            key = (service, region)
            if key not in self._clients:
                self._clients[key] = self._new_client(service, region)
            return self._clients[key]


def _method(action: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower()


@contextmanager
def translated(service: str, action: str, region: str, *, doing: bool = False) -> Iterator[None]:
    """Errors of AWS and of its client library leave as CloudError. ``action`` is AWS's name."""
    try:
        yield
    except (BotoCoreError, ClientError, ResponseParserError, ValueError) as error:
        # ValueError: an AWS_ENDPOINT_URL that is no URL.
        code, status, message = _read(error)
        trouble = trouble_of(code, status, message, doing=doing)
        report_guesses([code], region)
        # A batch needs the right to do one.
        permission = f"{service}:{action.removesuffix('Batch')}"
        advice = hint(trouble, code, permission, region, message)
        advice = NONE_LEFT if none_left(error) else advice
        raise CloudError(trouble, code, readable(message), action=action, hint=advice) from error


def _read(error: Exception) -> tuple[str, int, str]:
    if not isinstance(error, ClientError):
        return _kind(error), 0, str(error)
    said = error.response.get("Error", {})
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return plain(said.get("Code", "")), status, said.get("Message", "") or str(error)


def _kind(error: Exception) -> str:
    """The nearest name that is in a set: the library derives new exceptions from older ones."""
    names = [base.__name__ for base in type(error).__mro__]
    known = SORTED.keys() | CUT | REGION
    return next((name for name in names if name in known), names[0])
