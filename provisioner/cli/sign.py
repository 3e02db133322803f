"""sign: the certificate requests that wait at Puppet's CA."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from provisioner.cli import output
from provisioner.cli.errors import CommandError
from provisioner.cli.exit_codes import FAILED, PARTLY
from provisioner.cli.session import acting, check_puppet_files, if_interrupted
from provisioner.cli.usage import examples

if TYPE_CHECKING:
    from provisioner.ports.puppet import CA
    from provisioner.signing.sign import Done

_INTERRUPTED = "what is signed stays signed; run 'provisioner sign' again for the rest"
_NO_CA = (
    "PUPPET_CA_URL is not set, so there is no CA to ask; set it to https://HOST:8140, with "
    "PUPPET_CERT, PUPPET_KEY and PUPPET_CA"
)


@click.command(
    short_help="Sign the requests of our machines that wait at the CA.",
    epilog=examples("provisioner sign"),
)
def sign() -> None:
    """Judge each certificate request that waits at Puppet's CA.

    Requests of our machines are signed. Requests that wrongly use the name of one are deleted. All
    others are left for a person. This helps a machine whose request came while the service was
    down, or before its launch was recorded; 'launch --wait-until ready' does it for its own.

    Exit codes: 0 done or nothing to do; 3 some failed; 1 all failed, or the CA or the store.
    """
    from provisioner.signing.sign import UNFINISHED, sign_pending

    check_puppet_files()
    with acting() as context, if_interrupted(_INTERRUPTED):
        counts: Counter[Done] = Counter()
        for judged in sign_pending(context, _known(context.ca)):
            counts[judged.done] += 1
            context.reporter.status("")
            output.say(f"{judged.done}: {judged.why}")
    if not counts:
        output.say("nothing to do: no certificate request is pending")
    if failed := sum(counts[done] for done in UNFINISHED):
        raise _unfinished(failed, counts.total())


def _known(ca: CA | None) -> CA:
    if ca is None:
        raise CommandError(_NO_CA)
    return ca


def _unfinished(failed: int, total: int) -> CommandError:
    code = FAILED if failed == total else PARTLY
    said = f"{failed} of {total} request(s) failed; run 'provisioner sign' again for the rest"
    return CommandError(said, code)
