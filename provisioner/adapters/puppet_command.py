"""The ``puppet`` command: its parser, and where it looks for modules."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from provisioner.ports.errors import PuppetCommandError

# Where the packages of Puppet and of OpenVox put it; sudo's PATH often lacks that.
_VENDORS = "/opt/puppetlabs/bin/puppet"
# Ten megabytes take Puppet 7 half a minute on a quiet machine.
_SECONDS = 600.0
# Puppet 7.23 reads 60,000 node statements, and ends without a word over 150,000.
_LARGE = 4 * 1024 * 1024
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_ERROR = re.compile(r"^Error: (?!--- )", re.MULTILINE)


class PuppetCommand:
    """Implements provisioner.importing.apply.Puppet. ``command`` "" looks for it."""

    def __init__(self, command: str = "") -> None:
        self._command = command

    def dump(self, file: Path) -> str:
        """The syntax tree of a manifest as JSON.

        Puppet ends with 0 where the file does not parse as well: what it printed tells.
        """
        path = str(file.absolute())
        done = self._run(["parser", "dump", "--color", "false", "--format", "json", path])
        if done.returncode or not done.stdout.startswith("{"):
            raise PuppetCommandError(_not_parsed(file, done))
        return done.stdout

    def module_path(self, environment: str) -> tuple[str, ...]:
        """Raises PuppetCommandError."""
        where = ["--section", "server", "--environment", environment]
        done = self._run(["config", "print", "modulepath", "--color", "false", *where])
        if done.returncode:
            raise PuppetCommandError(f"puppet config print modulepath: {_said(done)}")
        lines = done.stdout.strip().splitlines()
        return tuple(folder for folder in (lines[-1] if lines else "").split(":") if folder)

    def _run(self, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        command = self._found()
        try:
            return subprocess.run(
                [command, *words],
                # Puppet reads files as the locale says.
                env={**os.environ, "LC_ALL": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                check=False,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            message = f"{command} {words[0]} {words[1]} did not end within {_SECONDS:.0f} s"
            raise PuppetCommandError(message) from error
        except OSError as error:
            message = f"{command} cannot be run: {error.strerror}; --puppet names another"
            raise PuppetCommandError(message) from error

    def _found(self) -> str:
        wanted = self._command or "puppet"
        if found := shutil.which(wanted) or ("" if self._command else shutil.which(_VENDORS)):
            return found
        raise PuppetCommandError(
            f"{wanted!r} is not a command that can be run: Puppet's own parser reads the file; "
            "install the package puppet-agent (or openvox-agent), or say where it is with --puppet"
        )


def _not_parsed(file: Path, done: subprocess.CompletedProcess[str]) -> str:
    if not done.returncode and not done.stderr.strip() and not _too_large(file):
        return (
            f"{file}: what Puppet's parser printed has no statement in it: the file is a lone "
            "value, or --puppet another program"
        )
    said = _said(done)
    if "invalid byte sequence" in said:
        said += "; save it as UTF-8, as in: iconv -f latin1 -t utf-8"
    if not done.stderr.strip() and _too_large(file):
        said += "; it may be too much for it: split the file"
    return f"{file}: Puppet does not parse it: {said}"


def _said(done: subprocess.CompletedProcess[str]) -> str:
    """Its errors without the lines that name the file or the help."""
    lines = _COLOUR.sub("", done.stderr).splitlines()
    errors = [line for line in lines if _ERROR.match(line) and "for usage" not in line]
    told = " ".join(line.removeprefix("Error: ").strip() for line in errors or lines if line)
    return told or f"it said nothing, and ended with exit code {done.returncode}"


def _too_large(file: Path) -> bool:
    try:
        return file.stat().st_size > _LARGE
    except OSError:
        return False
