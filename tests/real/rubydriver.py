"""A Ruby process with the module's library in it, asked in lines of JSON."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from tests.real.jvm import BRIEF

HERE = Path(__file__).parent
MODULE_LIB = HERE.parents[1] / "puppet/rolecall/lib"
MRI = ("ruby",)
JRUBY_HOME = Path("/usr/share/jruby")


def jruby(*options: str) -> tuple[str, ...]:
    """The puppetserver's own copy of Puppet, and its gems, in a JVM with these options."""
    return (
        *("env", "GEM_PATH=/usr/lib/puppetserver/vendored-jruby-gems", "java", *options),
        *(f"-Djruby.home={JRUBY_HOME}", "-cp", f"{JRUBY_HOME}/lib/*", "org.jruby.Main"),
        *("-I", "/usr/lib/puppetserver/ruby/vendor_ruby"),
    )


JRUBY = jruby(*BRIEF)
# As Debian 13 starts its puppetserver: with less, for Ruby takes what it reads for US-ASCII then.
LOCALE = {"LANG": "C", "LC_ALL": "C"}
ANSWER_SECONDS = 120


class NoAnswerError(Exception):
    """It ended, or takes too long."""


class RubyDriver:
    """``program`` is the Ruby file that answers."""

    program: ClassVar[Path]
    greeting: dict[str, str]

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @classmethod
    @contextlib.contextmanager
    def start(cls, ruby: Sequence[str] = MRI, within: Sequence[str] = ()) -> Iterator[Self]:
        """`within` is a command that runs a command. The spool's folders are not its business."""
        with tempfile.TemporaryDirectory(prefix="rolecall-puppet-") as folder:
            Path(folder).chmod(0o777)
            # Copied: another user may not be let into the checkout.
            lib, program = Path(folder, "lib"), Path(folder, cls.program.name)
            shutil.copytree(MODULE_LIB, lib)
            shutil.copyfile(cls.program, program)
            said = Path(folder, "said")
            with said.open("wb") as stderr:
                process = subprocess.Popen(
                    [*within, *ruby, "-I", str(lib), str(program), folder],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env=os.environ | {"HOME": folder} | LOCALE,
                    start_new_session=True,
                )
            try:
                driver = cls(process)
                driver.greeting = driver._read()
                yield driver
            except NoAnswerError as error:
                raise RuntimeError(f"no answer from Ruby; it said: {said.read_text()}") from error
            finally:
                # With what `within` started: a thread in a look-up of a name outlives its limit.
                os.killpg(process.pid, signal.SIGKILL)
                process.communicate()

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], ANSWER_SECONDS)
        line = self._process.stdout.readline() if ready else b""
        if not line:
            raise NoAnswerError
        answer: dict[str, Any] = json.loads(line)
        return answer
