"""EC2 through boto3, as provisioner.ports.ec2.Cloud."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from datetime import timedelta
from typing import Any, TypeVar

from provisioner.adapters import ec2_template as template
from provisioner.adapters import ec2_values as values
from provisioner.adapters.aws import Calls, ClientFactory
from provisioner.adapters.ec2_errors import (
    BAD_INSTANCE_ID,
    BY_POLICY,
    NAME_TAKEN,
    NO_TEMPLATE,
    report_guesses,
)
from provisioner.adapters.ec2_ground import looked_up
from provisioner.ports.ec2 import (
    FleetAnswer,
    FleetRequest,
    Ground,
    GroundRequest,
    Instance,
    TemplateRequest,
)
from provisioner.ports.errors import CloudError, Trouble
from provisioner.ports.host import Clock
from provisioner.ports.tags import SITE_TAG

# EC2 takes 1,000 ids and advises fewer; one bad id fails its whole batch.
BATCH = 200
PAGE = 1000  # of DescribeInstances, which takes 5 to 1,000
TEMPLATE_PAGE = 200
_WORD = re.compile(r"[\w-]+")
_Answer = TypeVar("_Answer")


class Ec2Cloud:
    """Implements provisioner.ports.ec2.Cloud; may be used from several threads."""

    def __init__(self, clients: ClientFactory, clock: Clock, page: int = PAGE) -> None:
        self._calls, self._page = Calls(clients, clock), page

    def guarded(self, check: Callable[[], None]) -> Ec2Cloud:
        found = copy(self)
        found._calls = self._calls.guarded(check)  # noqa: SLF001 - of its own class
        return found

    def account(self) -> str:
        said = self._calls.repeated("", "GetCallerIdentity", service="sts")
        return str(said["Account"])

    def regions(self) -> tuple[str, ...]:
        said = self._calls.repeated("", "DescribeRegions", AllRegions=False)
        return tuple(sorted(region["RegionName"] for region in said["Regions"]))

    def ground(self, request: GroundRequest) -> Ground:
        return looked_up(self._calls, request)

    def create_template(self, request: TemplateRequest) -> None:
        parameters = template.template_parameters(request)
        try:
            self._calls.once(request.region, "CreateLaunchTemplate", **parameters)
        except CloudError as error:
            # EC2 forgets a token in the end; then the name says that an earlier call made it.
            if error.code not in NAME_TAKEN or not self._is_ours(request):
                raise

    def delete_template(self, region: str, name: str) -> None:
        try:
            self._calls.repeated(region, "DeleteLaunchTemplate", LaunchTemplateName=name)
        except CloudError as error:
            if error.code not in NO_TEMPLATE and not self._is_unseen(region, name, error):
                raise

    def templates(self, region: str, site: str) -> tuple[tuple[str, Mapping[str, str]], ...]:
        wanted = {SITE_TAG: site}
        pages = self._calls.pages(
            region,
            "DescribeLaunchTemplates",
            Filters=values.tag_filters(wanted),
            MaxResults=TEMPLATE_PAGE,
        )
        found = [entry for page in pages for entry in page.get("LaunchTemplates", ())]
        named = [(entry["LaunchTemplateName"], values.tags_of(entry)) for entry in found]
        return tuple((name, tags) for name, tags in named if wanted.items() <= tags.items())

    def create_fleet(self, request: FleetRequest) -> FleetAnswer:
        parameters = values.fleet_parameters(request)
        try:
            said = self._calls.once(request.region, "CreateFleet", **parameters)
        except CloudError as error:
            if not self._is_unseen(request.region, request.template, error):
                raise
            message = f"launch template {request.template} cannot be seen yet"
            raise CloudError(Trouble.NOT_YET, error.code, message, action="CreateFleet") from error
        answer = values.fleet_answer(request, said)
        report_guesses((refusal.code for refusal in answer.refusals), request.region)
        return answer

    def instances(
        self, region: str, site: str, tags: Mapping[str, str] | None = None
    ) -> tuple[Instance, ...]:
        wanted = {SITE_TAG: site, **(tags or {})}
        pages = self._calls.pages(
            region, "DescribeInstances", Filters=values.tag_filters(wanted), MaxResults=self._page
        )
        found = [one for page in pages for one in values.instances_of(region, page)]
        # In a filter * and ? stand for anything, in a tag of ours for themselves.
        return tuple(one for one in found if wanted.items() <= one.tags.items())

    def everyone(self, region: str) -> tuple[Instance, ...]:
        pages = self._calls.pages(region, "DescribeInstances", MaxResults=self._page)
        return tuple(one for page in pages for one in values.instances_of(region, page))

    def describe(self, region: str, ids: Sequence[str]) -> Mapping[str, Instance]:
        def ask(batch: Sequence[str]) -> list[Instance]:
            pages = self._calls.pages(region, "DescribeInstances", InstanceIds=list(batch))
            return [one for page in pages for one in values.instances_of(region, page)]

        answers = [ask_for_known(ask, batch)[0] for batch in _batches(ids)]
        return {one.id: one for answer in answers for found in answer for one in found}

    def terminate(self, region: str, ids: Sequence[str]) -> frozenset[str]:
        unknown: set[str] = set()
        failed: list[CloudError] = []
        for batch in _batches(ids):
            # A batch that fails must not keep the machines of the next one running.
            try:
                unknown |= self._terminate(region, batch)
            except CloudError as error:
                failed.append(error)
        if failed:
            raise failed[0]
        return frozenset(unknown)

    def tag(self, region: str, ids: Sequence[str], tags: Mapping[str, str]) -> None:
        for batch in _batches(ids):
            try:
                self._calls.repeated(
                    region, "CreateTags", Resources=list(batch), Tags=values.tag_list(tags)
                )
            except CloudError as error:
                if gone := self._gone(region, batch, error):
                    message = f"EC2 in {region} does not list {', '.join(sorted(gone))} as alive"
                    raise CloudError(
                        Trouble.GONE, "InvalidInstanceID.NotFound", message, action="CreateTags"
                    ) from error
                raise

    def skew(self, region: str) -> timedelta | None:
        return self._calls.skew(region)

    def _terminate(self, region: str, ids: Sequence[str]) -> set[str]:
        """The ids that EC2 does not know."""

        def ask(part: Sequence[str]) -> None:
            self._calls.repeated(region, "TerminateInstances", InstanceIds=list(part))

        try:
            return ask_for_known(ask, ids)[1]
        except CloudError as error:
            gone = self._gone(region, ids, error)
            if not gone:
                raise
        return gone | self._terminate(region, [i for i in ids if i not in gone])

    # A policy that is narrowed by aws:ResourceTag denies what is gone: EC2 cannot see its tags.
    # https://github.com/aws/karpenter-provider-aws/issues/2100

    def _gone(self, region: str, ids: Sequence[str], error: CloudError) -> set[str]:
        """Those that a look by id does not list alive: to be denied them says nothing of a right.

        A look that fails proves nothing, and then the denial stands.
        """
        if error.code not in BY_POLICY:
            return set()
        try:
            seen = self.describe(region, ids)
        except CloudError:
            return set()
        return {i for i in ids if i not in seen or not seen[i].alive}

    def _is_unseen(self, region: str, name: str, error: CloudError) -> bool:
        """Whether it was denied a launch template that is gone, or too young to be seen."""
        if error.code not in BY_POLICY:
            return False
        try:
            found = self._templates_named(region, name)
        except CloudError as other:
            return other.code in NO_TEMPLATE
        return not found

    def _is_ours(self, request: TemplateRequest) -> bool:
        found = self._templates_named(request.region, request.name)
        return bool(request.tags) and list(map(values.tags_of, found)) == [dict(request.tags)]

    def _templates_named(self, region: str, name: str) -> list[Mapping[str, Any]]:
        said = self._calls.repeated(region, "DescribeLaunchTemplates", LaunchTemplateNames=[name])
        return list(said.get("LaunchTemplates", ()))


def _batches(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    every = list(dict.fromkeys(ids))
    return (every[start : start + BATCH] for start in range(0, len(every), BATCH))


def ask_for_known(
    ask: Callable[[Sequence[str]], _Answer], ids: Sequence[str]
) -> tuple[list[_Answer], set[str]]:
    """Ask about ids of which EC2 may not know some: it then does nothing for the others either.

    It names the bad ones, though not always all at once; where it names none that we sent, the
    halves are asked apart. Returns the answers and the ids unknown to EC2.
    """
    try:
        return ([ask(ids)], set()) if ids else ([], set())
    except CloudError as error:
        if error.code not in BAD_INSTANCE_ID:
            raise
        unknown = set(ids) & set(_WORD.findall(error.message))
    if not unknown and len(ids) == 1:
        return [], set(ids)
    rest = [i for i in ids if i not in unknown]
    parts = [rest] if unknown else [rest[: len(rest) // 2], rest[len(rest) // 2 :]]
    answers: list[_Answer] = []
    for part in parts:
        found, more = ask_for_known(ask, part)
        answers += found
        unknown |= more
    return answers, unknown
