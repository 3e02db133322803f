"""From a certname to the text that Puppet gets, with what can be kept ready kept ready."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Generic, TypeVar

from enc.domain.classify import RoleText, UnclassifiableError, render, role_text
from enc.domain.model import ANSWERED, Node
from enc.inventory import Found, StoreUnavailableError
from enc.inventory.lookup import LookUp, LookUps
from enc.inventory.meta import OtherSiteError

V = TypeVar("V")

# A role's definition may change between the look-up and the reading of it; more often than this
# in a row, somebody is writing without pause.
_TRIES = 3
# Per worker: a role's text has a few kilobytes, an answer with what it was made of about three.
_KEPT_ROLES = 1_000
_KEPT_ANSWERS = 10_000


class UnknownError(Exception):
    """No node of that certname is in the inventory."""

    def __init__(self, certname: str) -> None:
        super().__init__(
            f"{certname} is not in the inventory; 'provisioner launch' makes known machines, "
            f"'provisioner assign {certname} ROLE' makes this one known"
        )


class EndedError(Exception):
    """The node is archived, or on its way there."""


class Kept(Generic[V]):
    """What was made of something, to be had again as long as that is the very same text.

    Nothing goes stale: the text is asked for every time. Of too many, the one that was not
    wanted for longest goes.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[str, tuple[str, V]] = OrderedDict()
        self._lock = Lock()

    def get(self, name: str, made_of: str) -> V | None:
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or kept[0] != made_of:
                return None
            self._kept.move_to_end(name)
            return kept[1]

    def keep(self, name: str, made_of: str, value: V) -> None:
        with self._lock:
            self._kept[name] = (made_of, value)
            self._kept.move_to_end(name)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


class Answers:
    def __init__(self, lookups: LookUps, site: str) -> None:
        self._lookups, self._site = lookups, site
        self._roles: Kept[RoleText] = Kept(_KEPT_ROLES)
        self._answers: Kept[bytes] = Kept(_KEPT_ANSWERS)

    def to(self, certname: str) -> bytes:
        """The whole classification, in UTF-8.

        Raises UnknownError, EndedError, UnclassifiableError, and StoreError's kinds.
        """
        for _ in range(_TRIES):
            said = self._lookups.ask(certname)
            answer = self._answers.get(certname, said) or self._made(certname, said)
            if answer is not None:
                return answer
        raise StoreUnavailableError(
            f"the role of {certname} changed each of the {_TRIES} times that it was read; is "
            "somebody applying roles without pause?"
        )

    def _made(self, certname: str, said: str) -> bytes | None:
        """None when the role changed since the look-up: an answer is of one moment, or is none."""
        found = self._lookups.read(certname, said)
        if found.site != self._site:
            raise OtherSiteError(found.site, self._site)
        node = _classifiable(certname, found)
        sha = found.definition_sha
        text = self._roles.get(node.role, sha) or self._role(node.role, sha)
        if text is None:
            return None
        answer = render(node, text).encode()
        self._answers.keep(certname, said, answer)
        return answer

    def _role(self, role: str, sha: str) -> RoleText | None:
        found = self._lookups.definition(role)
        if found is None or found[0] != sha:
            return None
        text = role_text(found[1])
        self._roles.keep(role, sha, text)
        return text


def _classifiable(certname: str, found: LookUp) -> Node:
    if found.found is Found.UNKNOWN:
        raise UnknownError(certname)
    node = found.node
    if node is None:
        raise EndedError(f"{certname} has ended and is archived; it never comes back")
    if node.state not in ANSWERED:
        raise EndedError(f"{certname} is {node.state}: its end of life is under way")
    if not found.definition_sha:
        raise UnclassifiableError(
            f"{certname} has role {node.role}, which has no definition in the store; bring it "
            f"back with 'provisioner roles apply', or give the node another with "
            f"'provisioner assign {certname} ROLE'"
        )
    return node
