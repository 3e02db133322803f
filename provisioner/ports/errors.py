"""What goes wrong with EC2 and with Puppet, sorted by what it means for the one who asked."""

from __future__ import annotations

from enum import StrEnum


class Trouble(StrEnum):
    """What a refusal means for the one who asked; EC2's codes are sorted into these."""

    CAPACITY = "capacity"  # this pool, not now
    QUOTA = "quota"  # this family of types, in this market and region, not now
    PRICE = "price"  # this pool, not now at this price
    UNSUPPORTED = "unsupported"  # this type is not to be had in this zone
    NOT_YET = "not yet"  # what was made a moment ago is not visible yet
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"  # EC2 is ill; nothing was done
    UNKNOWN_OUTCOME = "unknown outcome"  # no answer: the work may or may not have been done
    DENIED = "denied"
    NO_CREDENTIALS = "no credentials"
    GONE = "gone"  # no such instance
    MALFORMED = "malformed"  # our own mistake, or the role's


# These may pass by themselves; a launch goes on until its deadline.
PASSING = frozenset(
    {
        Trouble.CAPACITY,
        Trouble.QUOTA,
        Trouble.PRICE,
        Trouble.UNSUPPORTED,
        Trouble.NOT_YET,
        Trouble.THROTTLED,
        Trouble.UNAVAILABLE,
        Trouble.UNKNOWN_OUTCOME,
    }
)


class CloudError(Exception):
    """EC2 said no, or said nothing. ``code`` is EC2's own (or the client library's word).

    ``hint`` is what the user can do about it; it is "" where there is nothing but to wait.
    """

    def __init__(
        self, trouble: Trouble, code: str, message: str, *, action: str = "", hint: str = ""
    ) -> None:
        self.trouble, self.code, self.message, self.action = trouble, code, message, action
        self.hint = hint
        said = f"{action}: " if action else ""
        super().__init__(f"{said}{code}: {message}")

    @property
    def passing(self) -> bool:
        return self.trouble in PASSING


class Refusal(StrEnum):
    """What no answer, or a no, of Puppet's CA or of PuppetDB means for the one who asked."""

    AWAY = "away"  # nobody answered; what was asked may or may not have been done
    DENIED = "denied"  # 401, 403: our certificate, or what auth.conf allows it
    MISSING = "missing"  # 404: no such certificate or request, or no such service
    CONFLICT = "conflict"  # 409: not possible in the state that the thing is in
    ILL = "ill"  # 5xx
    UNEXPECTED = "unexpected"  # any other answer, or one that cannot be read


# The same for every node: asking for the next one is asking in vain.
FOR_ALL = frozenset({Refusal.AWAY, Refusal.DENIED})


class PuppetError(Exception):
    """The CA or PuppetDB said no, or said nothing. ``hint`` is what the user can do about it."""

    def __init__(self, refusal: Refusal, message: str, *, hint: str = "") -> None:
        self.refusal, self.hint = refusal, hint
        super().__init__(message)

    @property
    def passing(self) -> bool:
        """Whether it may pass by itself, so that the same again may help."""
        return self.refusal in (Refusal.AWAY, Refusal.ILL)


class PuppetCommandError(Exception):
    """Puppet cannot be asked, or does not like what it was given; the message is for people."""


def advised(error: CloudError | PuppetError) -> str:
    """What went wrong, and what to do about it where there is something to do."""
    return f"{error}; {error.hint}" if error.hint else str(error)
