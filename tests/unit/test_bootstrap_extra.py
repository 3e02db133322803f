"""A user's own user-data, beside ours."""

import email
from dataclasses import replace

import pytest

from provisioner.bootstrap import render
from tests.unit.bootstrap_machine import PLAIN, parts_of

EXTRAS = (
    "#cloud-config\npackages: [jq]\n",
    "#cloud-config\npackages: [jq]",
    "#cloud-config\nruncmd: ['echo é']\n",
    "#!/bin/sh\necho hello\n",
    "#!/bin/sh\necho 'From me'\nFrom you\n.\n\n\n",
    "#!/bin/sh\r\necho hello\r\n",
    "#!/bin/sh\n--==x==\nContent-Type: text/plain\n\n--==x==--\n",
    "#!/bin/sh\nprintf '\\0' é ü \x01\n",
    "#!/bin/sh\n" + "x" * 3000,
)


@pytest.mark.parametrize("extra", EXTRAS, ids=lambda extra: ascii(extra[:30]))
def test_a_part_of_the_users_arrives_as_it_was_written(extra: str) -> None:
    ours, theirs = parts_of(render(replace(PLAIN, extra_user_data=extra)))

    assert ours.get_payload() == render(PLAIN)
    assert theirs.get_payload(decode=True).decode() == extra


def test_a_users_part_is_what_its_first_line_says() -> None:
    _, config = parts_of(render(replace(PLAIN, extra_user_data=EXTRAS[0])))
    _, script = parts_of(render(replace(PLAIN, extra_user_data=EXTRAS[3])))

    assert config.get_content_type() == "text/cloud-config"
    assert script.get_content_type() == "text/x-shellscript"


def test_a_users_script_comes_after_ours_in_the_order_of_names() -> None:
    _, script = parts_of(render(replace(PLAIN, extra_user_data=EXTRAS[3])))

    assert script.get_filename() > "runcmd"


def test_a_boundary_taken_from_an_earlier_rendering_divides_nothing() -> None:
    first = render(replace(PLAIN, extra_user_data=EXTRAS[3]))
    boundary = email.message_from_string(first).get_boundary()
    hostile = f"#!/bin/sh\n\n--{boundary}--\n--{boundary}\nContent-Type: text/plain\n\nx\n"

    _, theirs = parts_of(render(replace(PLAIN, extra_user_data=hostile)))

    assert theirs.get_payload() == hostile
