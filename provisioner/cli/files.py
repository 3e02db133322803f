"""Results that go to a file: whole, or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import click

from provisioner.cli import output
from provisioner.cli.errors import CommandError

F = TypeVar("F", bound=Callable[..., object])
# As files are made: what the umask leaves of it.
_NEW = 0o666

output_option = click.option(
    "--output",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to this file, which is replaced whole or stays as it is.",
)


def deliver(text: str, file: Path | None) -> None:
    """To the file, or to stdout without one. Raises CommandError."""
    if file is None:
        output.write(text)
        return
    try:
        replace(file, text)
    except OSError as error:
        raise CommandError(f"{file} is as it was: {error.strerror}") from error


def replace(file: Path, text: str) -> None:
    """Who reads it meanwhile has the old text or the new one. Raises OSError.

    A link stays, and what it points at is replaced; mode and owner of what was there are kept.
    What is no file (a pipe, a terminal, /dev/stdout) is written to.
    """
    if _is_stream(file):
        with file.open("w", encoding="utf-8") as stream:
            stream.write(text)
        return
    target = Path(os.path.realpath(file))
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as new:
            new.write(text)
            new.flush()
            _like(target, new.fileno())
            os.fsync(new.fileno())
        Path(name).replace(target)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _is_stream(file: Path) -> bool:
    """Also what is a file by way of /dev: somebody else has it open, and goes on with that."""
    if file.absolute().parts[1:2] in (("dev",), ("proc",)):
        return True
    return file.exists() and not file.is_file()


def create(file: Path, text: str, mode: int) -> None:
    """A new file, whole, that is open to nobody whom ``mode`` keeps out.

    Raises OSError, FileExistsError for one that is there.
    """
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as new:
            new.write(text)
            new.flush()
            os.fchmod(new.fileno(), mode & _NEW)
            os.fsync(new.fileno())
        os.link(name, file)
    finally:
        Path(name).unlink()


def _like(target: Path, new: int) -> None:
    try:
        old = target.stat()
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(new, _NEW & ~mask)
        return
    if (old.st_uid, old.st_gid) != (os.geteuid(), os.getegid()):
        # Only root may give a file away; others write it as their own.
        with suppress(PermissionError):
            os.fchown(new, old.st_uid, old.st_gid)
    os.fchmod(new, stat.S_IMODE(old.st_mode))
