"""The command line: groups, exit codes, and no traceback for an expected failure."""

from __future__ import annotations

import os
import sys

import click

from provisioner.cli.errors import FAILED, INTERRUPTED, explained
from provisioner.cli.launch import launch
from provisioner.cli.nodes import assign, history, ls, retire, show
from provisioner.cli.roles import roles
from provisioner.cli.store import init


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="rolecall", prog_name="provisioner")
def cli() -> None:
    """Launch machines for a role on EC2, and let Puppet know who they are.

    The store is REDIS_URL (redis://127.0.0.1:6379/0 by default), the site ROLECALL_SITE; EC2 is
    found as by the AWS CLI (AWS_PROFILE, AWS_REGION, ~/.aws).

    Exit codes: 0 done, 1 failed, 2 mistyped, 3 partly done, 130 interrupted.
    """


for command in (init, launch, ls, show, history, assign, retire, roles):
    cli.add_command(command)


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command; its exit code. What is expected to fail is said in one line on stderr."""
    try:
        cli.main(args=arguments, prog_name="provisioner", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except (KeyboardInterrupt, click.Abort) as interrupt:
        return _interrupted(interrupt)
    except BrokenPipeError:
        # Whoever read us has enough, as in `provisioner ls | head`; keep Python quiet at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:  # noqa: BLE001  # sorted in _failed; ours is raised again
        return _failed(error)
    return 0


def _failed(error: Exception) -> int:
    known = explained(error)
    if known is None:
        raise error
    click.echo(f"provisioner: {known}", err=True)
    return known.code


def _interrupted(interrupt: BaseException) -> int:
    text = str(interrupt) or "nothing was left half-done"
    click.echo(f"provisioner: interrupted; {text}", err=True)
    return INTERRUPTED
