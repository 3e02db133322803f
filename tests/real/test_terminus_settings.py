"""The terminus' settings: enc.conf and the environment, as the script reads them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.terminusdriver import TerminusDriver, answers
from tests.service.enc_script import is_one_line, keep
from tests.service.misbehaving import Server, read, send, serve
from tests.service.misbehaviours import NODE, WHOLE, response


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Server]:
    with serve((read, send(response(WHOLE))), "unix", tmp_path) as server:
        yield server


def conf_of(folder: Path, text: str) -> Path:
    (conf := folder / "enc.conf").write_text(text)
    return conf


def test_come_from_the_file_that_enc_conf_names_anew_for_each_look_up(
    puppet: TerminusDriver, service: Server, tmp_path: Path
) -> None:
    conf = conf_of(tmp_path, "url = unix:/nonexistent\n")
    assert puppet.look_up(NODE, conf=conf).node is None

    conf_of(tmp_path, f"# ours\n\n  url={service.url}\r\ntimeout =  2.5 \nspool_limit = 9\n")
    assert answers(puppet.look_up(NODE, conf=conf), WHOLE)


def test_the_environment_wins(puppet: TerminusDriver, service: Server, tmp_path: Path) -> None:
    conf = conf_of(tmp_path, "url = unix:/nonexistent\n")

    assert answers(puppet.look_up(NODE, conf=conf, url=service.url), WHOLE)


def test_a_missing_file_leaves_the_defaults(puppet: TerminusDriver) -> None:
    assert "unix:/run/rolecall/enc.sock" in puppet.look_up(NODE).raised


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("tiemout = 3", "tiemout"),
        ("timeout", "timeout"),
        *[
            (f"timeout = {value}", "timeout")
            for value in ("soon", "5s", "0", "-1", "nan", "inf", "", "1e9", "0x5")
        ],
        *[
            (f"cache_max_age = {value}", "cache_max_age")
            for value in ("24", "1.5h", "-1h", "0h", "24 hours", "", "9" * 5000 + "d")
        ],
    ],
)
def test_what_makes_no_sense_is_named_and_nothing_is_asked(
    puppet: TerminusDriver, service: Server, tmp_path: Path, line: str, named: str
) -> None:
    conf = conf_of(tmp_path, f"url = {service.url}\n{line}\n")

    found = puppet.look_up(NODE, conf=conf)

    assert (found.node, service.requests) == (None, [])
    assert is_one_line(f"{found.raised}\n")
    assert str(conf) in found.raised
    assert named in found.raised


def test_with_settings_that_make_no_sense_the_cache_still_serves(
    puppet: TerminusDriver, tmp_path: Path
) -> None:
    keep(tmp_path, NODE, WHOLE)
    conf = conf_of(tmp_path, f"tiemout = 3\ncache = {tmp_path}\ntimeout = soon\n")

    assert answers(puppet.look_up(NODE, conf=conf), WHOLE)
    assert puppet.look_up(NODE, conf=conf, cache_max_age="1 day").node is None


@pytest.mark.parametrize(
    "url",
    [
        *("", "/run/enc.sock", "unix:", "ftp://localhost", "HTTP://localhost", "http:"),
        *("http://", "http:///v1", "http:/localhost", "http://:80", "http://[::1"),
        *("http://b\u00fccher.example", "localhost:80", "http://localhost:http:"),
    ],
)
def test_what_is_no_url_is_no_answer(puppet: TerminusDriver, url: str) -> None:
    found = puppet.look_up(NODE, url=url)

    assert found.node is None
    assert is_one_line(f"{found.raised}\n")


def test_a_cache_that_cannot_be_a_folder_costs_a_warning(
    puppet: TerminusDriver, service: Server, tmp_path: Path
) -> None:
    conf = conf_of(tmp_path, f"url = {service.url}\ncache = /var/\0/cache\n")

    found = puppet.look_up(NODE, conf=conf)

    assert answers(found, WHOLE)
    assert "could not be cached" in found.logs[0]


@pytest.mark.parametrize("what", ["a folder", "a pipe"])
def test_what_is_no_file_in_the_place_of_the_file_is_named(
    puppet: TerminusDriver, tmp_path: Path, what: str
) -> None:
    conf = tmp_path / "place"
    conf.mkdir() if what == "a folder" else os.mkfifo(conf)

    assert f"{conf} is not a file" in puppet.look_up(NODE, conf=conf).raised


def test_nothing_secret_is_shown(puppet: TerminusDriver, tmp_path: Path) -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBcanary\ncanarycanarycanary==\ncanary==\n"
    for text in (key, "c4nary/canary = canary\n"):
        assert "canary" not in puppet.look_up(NODE, conf=conf_of(tmp_path, text)).raised
    found = puppet.look_up(NODE, url="http://user:canary@localhost:1/")
    assert "canary" not in found.raised
