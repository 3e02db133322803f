"""The command line: groups, exit codes, and no traceback for an expected failure."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from provisioner.cli.assign import assign
from provisioner.cli.burst import burst
from provisioner.cli.converge import converge, plan
from provisioner.cli.converge import run as run_for_ever
from provisioner.cli.doctor import doctor
from provisioner.cli.errors import explained, tell
from provisioner.cli.exit_codes import INTERRUPTED, MISTYPED, NOBODY_READS
from provisioner.cli.explain import explain
from provisioner.cli.export import export
from provisioner.cli.history import history
from provisioner.cli.holds import hold, pause, resume, rotate, unhold
from provisioner.cli.import_ import import_
from provisioner.cli.launch import launch
from provisioner.cli.listing import ls, show
from provisioner.cli.output import give_up_stdout
from provisioner.cli.retire import retire
from provisioner.cli.roles import roles
from provisioner.cli.sign import sign
from provisioner.cli.store import init
from provisioner.cli.usage import Group, usage

_NAME = "provisioner"
# As click's own main() has it: `eval "$(_PROVISIONER_COMPLETE=bash_source provisioner)"`.
_COMPLETE = "_PROVISIONER_COMPLETE"


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="rolecall", prog_name=_NAME)
def cli() -> None:
    """Launch machines for a role on EC2, and let Puppet know who they are.

    The store is REDIS_URL (redis://127.0.0.1:6379/0 by default), the site ROLECALL_SITE; EC2 is
    found as by the AWS CLI (AWS_PROFILE, AWS_REGION, ~/.aws).

    Results go to stdout, progress and problems to stderr. Exit codes: 0 done or nothing to do,
    1 failed, 2 mistyped, 3 partly done, 130 interrupted.
    """


for command in (
    *(init, roles, launch, burst, ls, show, explain, history, export, import_, assign, sign),
    *(retire, plan, converge, run_for_ever, rotate, pause, resume, hold, unhold, doctor),
):
    cli.add_command(command)


def main() -> None:
    """The console script."""
    code = run(sys.argv[1:])
    if code == INTERRUPTED:
        # Without waiting for threads that still talk to EC2: what they do is for `init` to find.
        os._exit(code)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command; its exit code. What is expected to fail is told in one message on stderr."""
    _tolerate_any_text()
    try:
        return _invoke(arguments)
    except click.ClickException as error:
        return _mistyped(error)
    except click.Abort:
        return _interrupted("nothing was changed")
    except KeyboardInterrupt as interrupt:
        return _interrupted(str(interrupt))
    except BrokenPipeError:
        give_up_stdout()
        return NOBODY_READS
    except Exception as error:  # noqa: BLE001  # sorted in _failed; ours is raised again
        return _failed(error)


def _invoke(arguments: list[str]) -> int:
    """What click's main() does, without its own ideas of Ctrl-C, errors and closed pipes."""
    if _COMPLETE in os.environ:
        cli.main(args=arguments, prog_name=_NAME)
    try:
        with cli.make_context(_NAME, arguments) as context:
            cli.invoke(context)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    return 0


def _mistyped(error: click.ClickException) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        error.show()
        return MISTYPED
    tell(usage(error))
    return error.exit_code


def _failed(error: Exception) -> int:
    known = explained(error)
    if known is None:
        raise error
    tell(str(known))
    return known.code


def _interrupted(words: str) -> int:
    from provisioner.cli.interrupts import ignore_all

    # It is over: who presses the key once more gets the last words all the same.
    ignore_all()
    if not words.startswith("interrupted"):
        words = f"interrupted; {words}" if words else "interrupted"
    tell(words)
    return INTERRUPTED


def _tolerate_any_text() -> None:
    """A name that the terminal's encoding lacks is shown as its code, not a traceback."""
    stream: Any
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
