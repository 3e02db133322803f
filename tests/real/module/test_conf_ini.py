"""Settings in the site's puppet.conf: ours while we are there, and then the site's again."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.real.confdriver import NOTHING, ConfDriver, SiteFile, assert_comes_and_goes

TERMINUS = {"section": "server", "setting": "node_terminus", "value": "rolecall"}
NODES = {"section": "server", "setting": "external_nodes", "value": "/opt/rolecall/bin/enc"}
SIGNING = {"section": "server", "setting": "autosign", "value": "/opt/rolecall/bin/autosign"}
REPORTS = {"section": "server", "setting": "reports", "item": "rolecall", "otherwise": "store"}
ALL = (TERMINUS, NODES, SIGNING, REPORTS)
Files = Callable[[str | bytes], SiteFile]


@pytest.fixture(scope="module")
def puppet() -> Iterator[ConfDriver]:
    with ConfDriver.start() as puppet:
        yield puppet


@pytest.fixture
def file_of(puppet: ConfDriver, tmp_path: Path) -> Files:
    return lambda text: SiteFile(puppet, tmp_path / "puppet.conf", text)


def effective(file: SiteFile, setting: str) -> str:
    """As Puppet itself reads the file."""
    command = ["puppet", "config", "print", setting, "--section", "server"]
    return subprocess.check_output([*command, "--config", str(file.path)], text=True).strip()


SITES = {
    "nothing": "",
    "comments alone": "# a comment\n",
    "a section": "[main]\na = 1\n\n[server]\n# ours\nnode_terminus = plain\n\n[agent]\nb = 2\n",
    "the old name of the section": "[main]\na = 1\n\n[master]\nreports = store, puppetdb\n",
    "no last end of line": "[server]\nnode_terminus=plain",
    "ends of lines of Windows": "[main]\r\na = 1\r\n[server]\r\nnode_terminus = plain\r\n",
    "indented": "  [server]\n    autosign = true\n",
    "a setting twice": "[server]\nnode_terminus = plain\nnode_terminus = exec\n",
    "no reports": "[server]\nreports = none\n",
    "an empty list": "[server]\nreports =\n",
    "other lists": "[server]\nreports=store,,http ,\n",
    "a comment that looks like a setting": "[server]\n# autosign = true\n  ;reports = x\nb = 1\n",
    "UTF-8": "# café\n[server]\nautosign = /é\n",
    "another encoding": b"# caf\xe9\n[server]\nnode_terminus = plain\n",
}


@pytest.mark.parametrize("text", SITES.values(), ids=SITES)
def test_settings_come_and_go_and_what_else_is_there_stays(
    file_of: Files, text: str | bytes
) -> None:
    file = file_of(text)

    changed = assert_comes_and_goes(file, *ALL)

    lines = {line.strip().replace(" = ", "=") for line in changed.splitlines()}
    for setting in (TERMINUS, NODES, SIGNING):
        assert f"{setting['setting']}={setting['value']}" in lines


def test_comments_and_order_stay(file_of: Files) -> None:
    file = file_of(
        "# one\n[server]\n# two\nnode_terminus = plain\nb = 2 # three\n\n[agent]\nc = 3\n"
    )

    file.put(TERMINUS)

    assert file.text == file.original.decode().replace("plain", "rolecall")


def test_a_comment_that_looks_like_a_setting_does_not_make_a_file_that_puppet_cannot_read(
    file_of: Files,
) -> None:
    file = file_of("[server]\n# autosign = true\nvardir = /x\n")

    file.put(SIGNING)

    assert effective(file, "autosign") == "/opt/rolecall/bin/autosign"


def test_a_section_that_stands_there_twice_is_refused_or_kept_whole(file_of: Files) -> None:
    file = file_of("[server]\nnode_terminus = plain\n[main]\na = 1\n[server]\nvardir = /x\n")

    applied = file.put(TERMINUS)

    if applied.failed:
        assert file.data == file.original
        assert "[server]" in applied.said
    else:
        assert sorted(file.text.replace("rolecall", "plain").splitlines()) == sorted(
            file.original.decode().splitlines()
        )


@pytest.mark.parametrize("section", ["main", "master"])
def test_report_processors_that_the_server_inherits_go_on(file_of: Files, section: str) -> None:
    file = file_of(f"[{section}]\nreports = http,puppetdb\n\n[server]\nvardir = /x\n")

    assert_comes_and_goes(file, REPORTS)
    file.put(REPORTS)

    assert set(effective(file, "reports").split(",")) == {"http", "puppetdb", "rolecall"}


def test_the_default_processor_goes_on_where_none_is_set(file_of: Files) -> None:
    file = file_of("[server]\n")

    applied = file.put(REPORTS)

    assert "reports = store,rolecall\n" in file.text
    assert "from nothing to store,rolecall;" in applied.said


def test_another_processor_that_was_added_meanwhile_stays_when_ours_goes(file_of: Files) -> None:
    file = file_of("[server]\nreports = store\n")
    file.put(REPORTS)
    file.write("[server]\nreports = store,rolecall,puppetdb\n")

    file.put_back(REPORTS)

    assert file.text == "[server]\nreports = store,puppetdb\n"


def test_what_was_changed_since_is_theirs_and_it_is_said(file_of: Files) -> None:
    file = file_of("[server]\nnode_terminus = plain\n")
    file.put(TERMINUS)
    file.write("[server]\nnode_terminus = ldap\n")

    said = file.put_back(TERMINUS).said

    assert file.text == "[server]\nnode_terminus = ldap\n"
    assert "node_terminus was changed since" in said
    assert file.put_back(TERMINUS) == NOTHING


def test_a_line_that_somebody_added_stays_when_we_go(file_of: Files) -> None:
    file = file_of("[server]\nnode_terminus = plain\n")
    file.put(*ALL)
    file.write(f"{file.text}\n[agent]\na = 1\n")

    assert file.put_back(*ALL).failed == []

    assert file.text == "[server]\nnode_terminus = plain\n\n[agent]\na = 1\n"


def test_of_two_values_of_ours_the_sites_is_put_back(file_of: Files) -> None:
    file = file_of("[server]\nnode_terminus = plain\n")
    file.put(TERMINUS)
    file.put(TERMINUS | {"value": "exec"})
    file.write(f"{file.text}a = 1\n")

    file.put_back(TERMINUS)

    assert file.text == "[server]\nnode_terminus = plain\na = 1\n"


@pytest.mark.parametrize("remembered", [True, False], ids=["set by hand", "memory lost"])
def test_no_setting_that_needs_our_files_outlives_us(file_of: Files, remembered: bool) -> None:
    """Else the puppetserver fails: what the setting names is gone."""
    file = file_of(f"[server]\nnode_terminus = {'rolecall' if remembered else 'plain'}\n")
    file.put(TERMINUS)
    file.store.unlink(missing_ok=True)

    file.put_back(TERMINUS)

    assert "rolecall" not in file.text


def test_messages_name_the_setting_both_values_and_the_store(file_of: Files) -> None:
    file = file_of("[server]\nnode_terminus = plain\n")

    said = file.put(TERMINUS).said

    for word in ("node_terminus", "plain", "rolecall", str(file.store)):
        assert word in said
