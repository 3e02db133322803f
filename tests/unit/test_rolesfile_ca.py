"""Which certificates a machine is given to trust its puppetserver by."""

from __future__ import annotations

from datetime import datetime

import pytest

from provisioner.doctor.certificates import pinned
from provisioner.doctor.finding import Finding, Verdict
from provisioner.rolesfile.ca import standing
from provisioner.rolesfile.loading import RolesFile, RolesFileError, load
from tests.authorities import BEGINS, DAY, ENDS, cases, made
from tests.fakes.clock import START

LAUNCH = "region: us-east-1, subnets: [subnet-a], image: ami-1, instance_types: [c5.large]"
FILE = f"roles:\n  web:\n    launch: {{{LAUNCH},\n      puppet_server: {{ca: ca.pem}}}}\n"
BAD = [name for name, case in cases().items() if case.fault]
GOOD = [name for name, case in cases().items() if not case.fault]


def loaded(pem: str, now: datetime | None = START) -> RolesFile:
    return load(FILE, source="roles.yaml", read_file=lambda _: pem, now=now)


@pytest.mark.parametrize("name", BAD)
def test_what_no_agent_can_trust_a_server_by_is_refused(name: str) -> None:
    with pytest.raises(RolesFileError) as caught:
        loaded(cases()[name].file)

    [line] = str(caught.value).splitlines()
    at = 'roles.yaml:4: roles.web.launch.puppet_server.ca: "ca.pem": '
    assert line.startswith(f"{at}{cases()[name].fault}")
    assert "; " in line


@pytest.mark.parametrize("name", GOOD)
def test_what_an_agent_can_use_is_taken_and_what_is_of_no_use_in_it_is_told(name: str) -> None:
    found, case = loaded(cases()[name].file), cases()[name]

    assert found.roles["web"].launch
    assert len(found.warnings) == len(case.remarks)
    for told, words in zip(found.warnings, case.remarks, strict=True):
        assert told.startswith('roles.yaml:4: roles.web.launch.puppet_server.ca: "ca.pem": ')
        assert words in told


def test_where_nobody_asks_for_the_time_no_certificate_is_judged() -> None:
    assert loaded(cases()["expired"].file, now=None).warnings == ()


def test_it_lasts_as_long_as_the_way_to_the_root() -> None:
    root = made("Root", ends=ENDS - DAY)
    middle = made("Puppet CA", root)
    other = made("Other", ends=ENDS - 2 * DAY)

    assert standing(middle.pem + root.pem, START).ends == ENDS - DAY
    assert standing(made("Root").pem, START).ends == ENDS
    assert standing(other.pem + middle.pem + root.pem, START).ends == ENDS - DAY


def judged(pem: str, now: datetime = START) -> Finding:
    [found] = pinned([loaded(pem, now=None).roles["web"]], now)
    return found


@pytest.mark.parametrize(
    ("now", "verdict", "said"),
    [
        (START, Verdict.OK, "valid until 2026-04-11 (100 days)"),
        (ENDS - 20 * DAY, Verdict.WARNING, "valid until 2026-04-11 (20 days)"),
        (ENDS, Verdict.BROKEN, "no agent can use it: CN=Root expired on 2026-04-11 12:00 UTC"),
        (BEGINS - DAY, Verdict.WARNING, "CN=Root is valid only from 2025-09-23 12:00 UTC on"),
    ],
)
def test_the_doctor_says_when_the_ca_of_the_roles_runs_out(
    now: datetime, verdict: Verdict, said: str
) -> None:
    found = judged(cases()["a root"].file, now)

    assert found.what == "Puppet: puppet_server.ca of web"
    assert found.verdict is verdict
    assert said in found.said
    assert bool(found.remedy) is (verdict is not Verdict.OK)


def test_the_doctor_tells_a_ca_that_was_stored_with_a_fault() -> None:
    assert judged(cases()["without its root"].file).verdict is Verdict.BROKEN
    assert judged(cases()["the old beside the new"].file).verdict is Verdict.WARNING


def test_the_doctor_names_a_ca_once_with_its_roles_and_none_where_none_is_pinned() -> None:
    web = loaded(cases()["a root"].file).roles["web"]
    plain = web.model_copy(update={"launch": None})
    also = web.model_copy(update={"name": "db"})

    assert [one.what for one in pinned([web, plain, also], START)] == [
        "Puppet: puppet_server.ca of web, db"
    ]


def test_the_doctor_survives_what_is_no_certificate() -> None:
    role = loaded(cases()["a root"].file).roles["web"]
    server = role.launch.puppet_server if role.launch else None
    assert role.launch
    assert server
    spoilt = role.launch.model_copy(
        update={"puppet_server": server.model_copy(update={"ca_pem": "x"})}
    )
    [found] = pinned([role.model_copy(update={"launch": spoilt})], START)

    assert (found.verdict, found.said) == (Verdict.BROKEN, "no agent can read it")
