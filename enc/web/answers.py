"""From a certname to the text that Puppet gets, with each role's part kept ready per worker."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from enc.classify import RoleText, UnclassifiableError, render, role_text
from enc.inventory import Found, StoreUnavailableError
from enc.inventory.lookup import LookUps
from enc.model import ANSWERED, Node

# A role's definition may change between the look-up and the reading of it; more often than this
# in a row, somebody is writing without pause.
_TRIES = 3
# Kilobytes each. Beyond this many the one that was not asked for longest is read again.
_KEPT_ROLES = 1000


class UnknownError(Exception):
    """No node of that certname is in the inventory."""

    def __init__(self, certname: str) -> None:
        super().__init__(
            f"{certname} is not in the inventory; 'provisioner launch' makes known machines, "
            f"'provisioner assign {certname} ROLE' makes this one known"
        )


class EndedError(Exception):
    """The node is archived, or on its way there."""


class RoleTexts:
    """What was made of each role, under the hash of the definition that it was made of."""

    def __init__(self, size: int = _KEPT_ROLES) -> None:
        self._size = size
        self._kept: OrderedDict[str, tuple[str, RoleText]] = OrderedDict()
        self._lock = Lock()

    def get(self, role: str, sha: str) -> RoleText | None:
        with self._lock:
            kept = self._kept.get(role)
            if kept is None or kept[0] != sha:
                return None
            self._kept.move_to_end(role)
            return kept[1]

    def keep(self, role: str, sha: str, text: RoleText) -> None:
        with self._lock:
            self._kept[role] = (sha, text)
            self._kept.move_to_end(role)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)


class Answers:
    def __init__(self, lookups: LookUps, texts: RoleTexts) -> None:
        self._lookups, self._texts = lookups, texts

    def to(self, certname: str) -> str:
        """The whole classification.

        Raises UnknownError, EndedError, UnclassifiableError, and StoreError's kinds.
        """
        for _ in range(_TRIES):
            node, sha = self._node(certname)
            text = self._texts.get(node.role, sha) or self._read(node.role, sha)
            if text is not None:
                return render(node, text)
        raise StoreUnavailableError(
            f"the definition of role {node.role} changed each of the {_TRIES} times that it was "
            "read; who applies roles without pause?"
        )

    def _node(self, certname: str) -> tuple[Node, str]:
        found = self._lookups.look_up(certname)
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
        return node, found.definition_sha

    def _read(self, role: str, sha: str) -> RoleText | None:
        """None when the definition is no longer the one that the look-up saw."""
        found = self._lookups.definition(role)
        if found is None or found[0] != sha:
            return None
        text = role_text(found[1])
        self._texts.keep(role, sha, text)
        return text
