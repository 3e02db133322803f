"""A file in a folder that another program reads: replaced whole, by one at a time."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from stat import S_IMODE, S_ISREG

from provisioner.ports.exports import ExportError
from provisioner.ports.host import Clock

_NEW_MODE = 0o644
_LOOK = 0.1


class Folder:
    """Implements Place. Nagios reads no file whose name begins with a dot.

    ``patience``: how many seconds another export is waited for.
    """

    def __init__(self, folder: Path, name: str, clock: Clock, patience: float) -> None:
        self._folder, self._file = folder, folder / name
        self._new, self._try = folder / f".{name}.new", folder / f".{name}.try"
        self._lock, self._loaded = folder / f".{name}.lock", folder / f".{name}.loaded"
        self._clock, self._patience = clock, patience

    @property
    def name(self) -> str:
        return str(self._file)

    @contextmanager
    def locked(self) -> Iterator[None]:
        with self._said():
            handle = self._open_lock()
        try:
            self._take(handle)
            yield
        finally:
            os.close(handle)

    def _open_lock(self) -> int:
        """Who may write in the folder must not choose what we, perhaps root, cut to nothing."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        handle = os.open(self._lock, flags, 0o600)
        found = os.fstat(handle)
        if S_ISREG(found.st_mode) and found.st_nlink == 1:
            return handle
        os.close(handle)
        raise OSError(errno.ELOOP, "is not a file of its own", str(self._lock))

    def current(self) -> bytes | None:
        with self._said():
            try:
                return self._file.read_bytes()
            except FileNotFoundError:
                return None

    @contextmanager
    def staged(self, data: bytes) -> Iterator[str]:
        """A folder that holds the file as it would be, and links to the others.

        Always the same one: what an export that died left there goes with the next.
        """
        with self._said():
            self._unstage()
            self._try.mkdir()
            # Whoever verifies may be another user; the file itself is no secret either.
            self._try.chmod(0o755)
            for other in self._folder.iterdir():
                if not other.name.startswith(".") and other != self._file:
                    (self._try / other.name).symlink_to(other)
            self._write(self._try / self._file.name, data)
        try:
            yield str(self._try)
        finally:
            with self._said():
                self._unstage()

    def _unstage(self) -> None:
        if self._try.exists():
            shutil.rmtree(self._try)

    def put(self, data: bytes) -> None:
        """Whole, on the disk, with the mode and owner of the one before."""
        with self._said():
            self._write(self._new, data, like=self._stat())
            self._new.replace(self._file)
            self._sync()

    def loaded(self) -> str:
        with self._said():
            try:
                return self._loaded.read_text(errors="replace").strip()
            except FileNotFoundError:
                return ""

    def note_loaded(self, what: str) -> None:
        """Its time is that of the last export that went well, so it is written each time."""
        with self._said():
            self._write(self._new, f"{what}\n".encode())
            self._new.replace(self._loaded)

    def forget_loaded(self) -> None:
        with self._said():
            self._loaded.unlink(missing_ok=True)
            self._sync()

    def stood(self) -> tuple[datetime, datetime] | None:
        """When it was written, and when it was last known to be right; None: there is none."""
        try:
            written = self._file.stat().st_mtime
        except OSError:
            return None
        known = written
        with suppress(OSError):
            known = max(written, self._loaded.stat().st_mtime)
        return datetime.fromtimestamp(written, UTC), datetime.fromtimestamp(known, UTC)

    def _take(self, handle: int) -> None:
        until = self._clock.monotonic() + self._patience
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if self._clock.monotonic() >= until:
                    raise ExportError(self._held(handle)) from None
                self._clock.sleep(_LOOK)
            else:
                break
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)

    def _held(self, handle: int) -> str:
        pid = os.pread(handle, 20, 0).decode(errors="replace").strip()
        return (
            f"another export to {self._folder} is at work (pid {pid or 'unknown'}) and did not end "
            f"within {self._patience:.0f} s; nothing was changed"
        )

    def _stat(self) -> os.stat_result | None:
        """Of a file; what a link points at is not ours to look like."""
        try:
            found = self._file.lstat()
        except FileNotFoundError:
            return None
        return found if S_ISREG(found.st_mode) else None

    def _write(self, path: Path, data: bytes, like: os.stat_result | None = None) -> None:
        # What a dead export left goes; nobody's link is followed.
        path.unlink(missing_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(handle, S_IMODE(like.st_mode) if like else _NEW_MODE)
            if like:
                _keep_owner(lambda owner, group: os.fchown(handle, owner, group), like)
            os.fsync(handle)

    def _sync(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = error.filename or self._folder
            raise ExportError(
                f"{where}: {error.strerror}; the export needs to read and write in {self._folder}"
            ) from error


def _keep_owner(chown: Callable[[int, int], None], like: os.stat_result) -> None:
    """As far as we may: without root, a group of our own at least."""
    try:
        chown(like.st_uid, like.st_gid)
    except PermissionError:
        with suppress(PermissionError):
            chown(-1, like.st_gid)
