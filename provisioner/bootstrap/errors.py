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
    """EC2 takes ``limit`` bytes of user-data before base64; this is ``size``."""

    def __init__(self, size: int, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(
            f"the user-data is {size} bytes and EC2 takes {limit}: shorten extra_user_data by "
            f"{size - limit} bytes, or let it fetch what it needs"
        )
