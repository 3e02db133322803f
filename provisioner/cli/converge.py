"""plan, converge, run: what keeps a fleet as roles.yaml says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from provisioner.cli import output
from provisioner.cli.durations import DurationType
from provisioner.cli.errors import CommandError, tell
from provisioner.cli.exit_codes import FAILED, PARTLY
from provisioner.cli.finding import known_role
from provisioner.cli.session import acting, check_puppet_files, if_interrupted
from provisioner.cli.table import columns
from provisioner.cli.usage import examples

if TYPE_CHECKING:
    from provisioner.context import Context
    from provisioner.domain.actions import Plan
    from provisioner.loop.converge import Pass, Wish

_FIELDS = ("action", "target", "role", "reason")
_SHOWN = output.Listing(
    columns("action", "target", "role", "reason"),
    _FIELDS,
    empty="nothing to do: the fleet is as roles.yaml says",
)
_INTERRUPTED = "the next pass continues where this one stopped"
_NAMED = 10

_prune = click.option("--prune", is_flag=True, help="End nodes whose role is gone from the store.")
_force = click.option("--force", is_flag=True, help="Do what the breaker would stop.")


@click.command(
    short_help="Show what converge would do, and why.",
    epilog=examples("provisioner plan", "provisioner plan web --format json"),
)
@click.argument("roles", nargs=-1, metavar="[ROLE]...")
@_prune
@_force
@output.format_option
def plan(roles: Sequence[str], *, prune: bool, force: bool, form: str) -> None:
    """Print what 'converge' would do now, each with its reason. Changes nothing.

    What a person should know besides goes to stderr: what cannot be read, what is stopped and why,
    what waits.
    """
    from provisioner.loop.converge import plan as made

    with acting() as context:
        _, found = made(context, _wish(context, roles, prune=prune, force=force))
    if form in output.FOR_PROGRAMS:
        output.emit_value(form, {"actions": _rows(found), "notes": list(found.notes)})
        return
    output.emit_rows(form, _rows(found), _SHOWN)
    for note in found.notes:
        output.say(f"note: {note}", err=True)


@click.command(
    short_help="Make the fleets match roles.yaml: one pass.",
    epilog=examples("provisioner converge", "provisioner converge web"),
)
@click.argument("roles", nargs=-1, metavar="[ROLE]...")
@_prune
@_force
def converge(roles: Sequence[str], *, prune: bool, force: bool) -> None:
    """Do what 'plan' shows, a line for each action. Launches and ends take several passes.

    One converge at a time: while another one is at work, this one is refused and names it.

    Exit codes: 0 all done, or nothing to do; 3 some actions failed; 1 all failed, or the store did.
    """
    from provisioner.loop.converge import converge as one_pass

    check_puppet_files()
    with acting() as context, if_interrupted(_INTERRUPTED):
        came = one_pass(context, _wish(context, roles, prune=prune, force=force))
    for note in came.plan.notes:
        output.say(f"note: {note}", err=True)
    output.say(_summary(came))
    if came.failures:
        raise _remaining(came)


@click.command(
    short_help="Run converge again and again.",
    epilog=examples("provisioner run --interval 60s --metrics 127.0.0.1:9310"),
)
@click.option(
    "--interval", type=DurationType("1h"), default="60s", show_default=True, help="Between passes."
)
@click.option(
    "--metrics", metavar="HOST:PORT", help="Serve Prometheus' metrics there. Default: nowhere."
)
def run(*, interval: timedelta, metrics: str | None) -> None:
    """A pass of converge, and after a while the next one, until SIGTERM or Ctrl-C.

    Several hosts may run it: one acts, the others stand by. A pass that fails is
    reported, and the next one follows; so it goes while the store is away, or not begun. For a
    service manager: Type=notify, and a watchdog if you like.
    """
    from provisioner.wiring import daemon

    check_puppet_files()
    # A store that is away, or not begun yet, is waited for.
    with acting(begun=False) as context:
        daemon(context, interval, metrics).run()
    tell("stopped")


def _wish(context: Context, roles: Sequence[str], *, prune: bool, force: bool) -> Wish:
    from provisioner.domain.world import Rules
    from provisioner.loop.converge import Wish

    for name in roles:
        known_role(context.inventory, name)
    return Wish(roles=frozenset(roles), rules=Rules(prune=prune, force=force))


def _rows(found: Plan) -> list[dict[str, Any]]:
    return [
        {"action": one.verb, "target": one.target, "role": one.role or None, "reason": one.reason}
        for one in found.actions
    ]


def _summary(came: Pass) -> str:
    if not came.done:
        return "nothing to do"
    counts = Counter(one.result.value for one in came.done)
    said = f"{counts.pop('done', 0)} of {len(came.done)} actions done"
    words = {"left": "not needed any more", "failed": "failed"}
    return ", ".join([said, *(f"{count} {words[how]}" for how, count in counts.items())])


def _remaining(came: Pass) -> CommandError:
    lines = [f"  {one.line}" for one in came.failures[:_NAMED]]
    if len(came.failures) > _NAMED:
        lines.append(f"  and {len(came.failures) - _NAMED} more")
    code = PARTLY if len(came.failures) < len(came.done) else FAILED
    return CommandError("what remains is for the next pass:\n" + "\n".join(lines), code)
