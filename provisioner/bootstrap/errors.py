"""What can be wrong with a bootstrap. No message carries a secret."""

from __future__ import annotations


class BootstrapError(ValueError):
    """No user-data can be made of this."""


class ImpossibleValueError(BootstrapError):
    """``field`` holds what no machine could use; the message says what it may hold."""

    def __init__(self, field: str, may_be: str) -> None:
        self.field = field
        super().__init__(f"{field}: {may_be}")


class UserDataTooLarge(BootstrapError):  # noqa: N818  # its name is part of the interface
    """EC2 takes ``limit`` bytes of user-data before base64; this is ``size``.

    ``ca`` and ``extra`` are the bytes of the CA's certificates and of the role's own part as they
    are sent; the rest is ours.
    """

    def __init__(self, size: int, limit: int, *, ca: int, extra: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(
            f"the user-data is {size} bytes and EC2 takes {limit}: {extra} are extra_user_data, "
            f"{ca} the certificates of puppet_server.ca, and {size - extra - ca} rolecall's own; "
            f"take {size - limit} bytes out of the first two, or let extra_user_data fetch them"
        )
