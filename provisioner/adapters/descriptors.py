"""File descriptors: a process that has none left fails in ways that look like the network's."""

from __future__ import annotations

import errno

NONE_LEFT = (
    "this process has no file descriptor left: allow it more (LimitNOFILE in its unit, ulimit -n), "
    "and see who holds them: ls /proc/PID/fd"
)


def none_left(error: BaseException | None) -> bool:
    """Whether that is why: client libraries wrap it, each in its own way."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
            return True
        error = error.__cause__ or error.__context__
    return False
