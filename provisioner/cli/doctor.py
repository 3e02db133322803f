"""doctor: looks at everything that the provisioner depends on, and says what to do."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from provisioner.cli import output
from provisioner.cli.errors import CommandError, mistyped
from provisioner.cli.table import columns
from provisioner.cli.texts import clean, some
from provisioner.cli.usage import examples

if TYPE_CHECKING:
    from enc.domain.rolespec import RoleSpec
    from provisioner.doctor.finding import Finding
    from provisioner.doctor.policy import Needs
    from provisioner.settings import Settings

_FIELDS = ("what", "verdict", "said", "remedy")
_SHOWN = columns("verdict", "what", "finding")
_DOCUMENTS = ("all", "iam", "stack")
_IAM = "# 1. IAM: the least that the provisioner's credentials must allow."
_STACK = """---
# 2. CloudFormation: the queue of EC2's notices and the rule that fills it, in a region.
#    provisioner doctor --aws-policy=stack >rolecall.yaml
#    aws cloudformation deploy --stack-name rolecall-notices --template-file rolecall.yaml
#    Its output SpotQueueUrl is the provisioner's SPOT_QUEUE_URL. A stack hears of its own region
#    alone: deploy one in each, and write their URLs with spaces between."""


@click.command(
    short_help="Check everything that the provisioner needs.",
    epilog=examples(
        "provisioner doctor",
        "provisioner doctor --format json | jq '.[] | select(.verdict != \"ok\")'",
        "provisioner doctor --aws-policy",
        "provisioner doctor --aws-policy=iam >policy.json",
    ),
)
@click.option(
    "--aws-policy",
    "document",
    is_flag=False,
    flag_value="all",
    type=click.Choice(_DOCUMENTS),
    help="Print, to paste: the least IAM policy (iam), queue and rule of EC2's notices (stack).",
)
@output.format_option
def doctor(*, document: str | None, form: str) -> None:
    """Look at everything that the provisioner depends on; each line says ok, or what to do.

    Nothing is changed: EC2 is asked by dry runs of the very calls. A part that does
    not answer costs some seconds, and is named. --aws-policy prints its documents even where
    nothing answers: it asks Redis for the roles, and IAM for the roles in their instance profiles.

    Exit codes: 0 nothing is broken; 1 something is.
    """
    from provisioner.doctor.environment import read

    if document is not None:
        if form != "table":
            raise mistyped("--aws-policy prints documents; --format is for what was looked at")
        _print_documents(document)
        return
    found = read(os.environ)
    _tell(form, [*found.findings, *_diagnosed(found.settings, found.unusable)])


def _diagnosed(settings: Settings, unusable: frozenset[str]) -> list[Finding]:
    from provisioner import wiring
    from provisioner.cli.reporters import reporter
    from provisioner.doctor.diagnosis import diagnose

    speaker = reporter()
    speaker.status("looking at Redis, AWS, Puppet and the service")
    try:
        return diagnose(wiring.patient(settings, unusable))
    finally:
        speaker.close()


def _tell(form: str, findings: Sequence[Finding]) -> None:
    from provisioner.doctor.finding import Verdict

    output.emit_rows(
        form, [_record(each, form) for each in findings], output.Listing(_SHOWN, _FIELDS)
    )
    names = [each.what for each in findings if each.verdict is Verdict.BROKEN]
    if names:
        raise CommandError(f"{len(names)} of {len(findings)} broken: {clean(some(names))}")


def _record(finding: Finding, form: str) -> dict[str, Any]:
    if form == "table":
        said = f"{finding.said}; {finding.remedy}" if finding.remedy else finding.said
        return {"verdict": finding.verdict.value, "what": finding.what, "finding": said}
    return {
        "what": finding.what,
        "verdict": finding.verdict.value,
        "said": finding.said,
        "remedy": finding.remedy or None,
    }


def _print_documents(which: str) -> None:
    from provisioner.cli.session import settings
    from provisioner.doctor.policy import needs, policy
    from provisioner.doctor.stack import template

    ours = settings()
    specs = _known_roles(ours) if which != "stack" else None
    given = _in_place(ours, specs, needs(ours.site, ours.spot_queue_urls, specs))
    both = which == "all"
    if which != "stack":
        output.write(f"{_IAM}\n" if both else "")
        output.emit_value("json", policy(given))
    if which != "iam":
        output.write(f"{_STACK}\n" if both else "")
        output.emit_value("yaml", template(given.site, given.queues[0]))


def _in_place(settings: Settings, specs: Sequence[RoleSpec] | None, given: Needs) -> Needs:
    """In the partition of where roles launch, with what IAM tells of their instance profiles."""
    from provisioner import wiring
    from provisioner.ports.notices import place_of

    launching = [spec.launch.region for spec in specs or () if spec.launch]
    queues = [place.region for url in settings.spot_queue_urls if (place := place_of(url))]
    where = [each for each in (*launching, *(settings.regions or ()), *queues) if each]
    partition = wiring.partition(where[0] if where else "")
    return replace(given, partition=partition, passed=_passed(settings, given.profiles or ()))


def _passed(settings: Settings, profiles: Sequence[str]) -> dict[str, str]:
    """The ARNs of the IAM roles in the instance profiles, where IAM tells them."""
    from provisioner import wiring
    from provisioner.doctor.profiles import WHAT, Profiles
    from provisioner.doctor.running import Check, examine

    if not profiles:
        return {}
    patient = wiring.patient(settings)
    looked = Profiles(patient.aws, profiles)
    [untold] = examine([Check(what=WHAT, act=looked.examine)], patient.clock)
    for one in untold:
        said = f"{one.what}: {one.said}; the policy takes the role to have the profile's name"
        output.say(said, err=True)
    return looked.roles


def _known_roles(settings: Settings) -> tuple[RoleSpec, ...] | None:
    """The store's, where it answers: a policy that names their profiles allows less."""
    from provisioner import wiring
    from provisioner.doctor.running import Check, examine
    from provisioner.doctor.store import WHAT, Store

    patient = wiring.patient(settings)
    store = Store(patient.open_store, patient.redis_url, patient.site, patient.clock)
    examine([Check(what=WHAT, act=store.examine)], patient.clock)
    if store.known.roles is None:
        output.say(
            "the store was not read, so instance profiles and images' parameters are not narrowed "
            "to those of the roles",
            err=True,
        )
    return store.known.roles
