"""Settings in the puppetserver's HOCON files: ours while we are there, then the site's again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.real.confdriver import NOTHING, ConfDriver, SiteFile, assert_comes_and_goes
from tests.real.puppetserver import DEBIAN

PROTOCOLS = {"setting": "webserver.ssl-protocols", "value": "[TLSv1.2]"}
FRONT = (
    {"setting": "webserver.host", "value": '"127.0.0.1"'},
    {"setting": "webserver.port", "value": "8150"},
    {"setting": "webserver.ssl-host", "gone": True},
    {"setting": "webserver.ssl-port", "gone": True},
)
RUBY = {"setting": "jruby-puppet.ruby-load-path", "item": "/opt/rolecall/ruby"}
HEADERS = {"setting": "authorization.allow-header-cert-info", "value": "true"}
Files = Callable[[str | bytes], SiteFile]


@pytest.fixture(scope="module")
def puppet() -> Iterator[ConfDriver]:
    with ConfDriver.start() as puppet:
        yield puppet


@pytest.fixture
def file_of(puppet: ConfDriver, tmp_path: Path) -> Files:
    return lambda text: SiteFile(puppet, tmp_path / "a.conf", text)


def debians(name: str) -> str:
    return (DEBIAN / "conf.d" / f"{name}.conf").read_text()


def test_debians_web_server_is_told_tls_1_2_and_what_else_it_has_stays(file_of: Files) -> None:
    text = debians("webserver")

    changed = assert_comes_and_goes(file_of(text), PROTOCOLS)

    assert changed.replace("    ssl-protocols: [TLSv1.2]\n", "") == text


def test_debians_web_server_gets_a_plain_port_and_loses_the_one_for_tls(file_of: Files) -> None:
    changed = assert_comes_and_goes(file_of(debians("webserver")), *FRONT)

    assert 'host: "127.0.0.1"' in changed
    assert "port: 8150" in changed
    assert "ssl-host" not in changed
    assert "ssl-port" not in changed
    assert "access-log-config: /" in changed


def test_ours_is_the_first_of_debians_folders_with_ruby(file_of: Files) -> None:
    text = debians("puppetserver")

    changed = assert_comes_and_goes(file_of(text), RUBY)

    theirs = "/usr/lib/puppetserver/ruby/vendor_ruby"
    assert f'ruby-load-path: ["/opt/rolecall/ruby", {theirs}]' in changed
    assert changed.replace('"/opt/rolecall/ruby", ', "") == text


def test_headers_are_believed_while_we_are_there(file_of: Files) -> None:
    changed = assert_comes_and_goes(file_of(debians("auth")), HEADERS)

    assert changed.replace("    allow-header-cert-info: true\n", "") == debians("auth")


SITES = {
    "nothing": "",
    "a comment alone": "# a comment\n",
    "an empty section": "webserver: {}\n",
    "on one line": "webserver { ssl-port: 8140, ssl-host: 0.0.0.0 }",
    "JSON": '{"webserver": {"ssl-port": 8140, "ssl-host": "0.0.0.0"}}\n',
    "without a section": "webserver.ssl-port = 8140\nwebserver.ssl-host=0.0.0.0\n",
    "other comments": "// a\nwebserver: {\n\tssl-port: 8140 // b\n}\n",
    "ends of lines of Windows": "webserver: {\r\n    ssl-port: 8140\r\n}\r\n",
    "UTF-8": "# café\nwebserver: {\n    ssl-port: 8140\n}\n",
    "another encoding": b"# caf\xe9\nwebserver: {\n    ssl-port: 8140\n}\n",
    "from the environment": "webserver: {\n    host: ${?HOST}\n    ssl-port: 8140\n}\n",
}


@pytest.mark.parametrize("text", SITES.values(), ids=SITES)
def test_settings_come_and_go_however_they_are_written(file_of: Files, text: str | bytes) -> None:
    changed = assert_comes_and_goes(file_of(text), PROTOCOLS, *FRONT)

    assert "8150" in changed
    assert "8140" not in changed


def test_a_list_keeps_its_comments_and_its_lines(file_of: Files) -> None:
    text = "jruby-puppet: {\n  ruby-load-path: [\n    # why\n    /a, # b\n    /c\n  ]\n}\n"

    changed = assert_comes_and_goes(file_of(text), RUBY)

    assert changed.replace('"/opt/rolecall/ruby", ', "") == text


def test_a_setting_that_already_is_so_is_the_sites_and_stays(file_of: Files) -> None:
    file = file_of('webserver: {\n  ssl-protocols: [ "TLSv1.2" ]\n}\n')

    assert file.put(PROTOCOLS) == NOTHING
    assert file.put_back(PROTOCOLS) == NOTHING
    assert file.data == file.original


def test_another_folder_that_was_added_meanwhile_stays_when_ours_goes(file_of: Files) -> None:
    file = file_of("jruby-puppet: {\n  ruby-load-path: [/a]\n}\n")
    file.put(RUBY)
    file.write('jruby-puppet: {\n  ruby-load-path: ["/opt/rolecall/ruby", /a, /b]\n}\n')

    file.put_back(RUBY)

    assert file.text == 'jruby-puppet: {\n  ruby-load-path: ["/a","/b"]\n}\n'


def test_a_line_that_somebody_added_stays_when_we_go(file_of: Files) -> None:
    file = file_of(debians("webserver"))
    file.put(PROTOCOLS)
    file.write(f"{file.text}# theirs\n")

    assert file.put_back(PROTOCOLS).failed == []

    assert [line for line in file.text.splitlines() if line.strip()] == [
        *debians("webserver").splitlines(),
        "# theirs",
    ]


NOT_FIT = {
    "a setting twice": ("webserver: {\n  ssl-port: 1\n  x: 2\n  ssl-port: 8140\n}\n", FRONT[3]),
    "a section twice": ("webserver { ssl-port: 1 }\nwebserver { ssl-port: 8140 }\n", FRONT[3]),
    "no HOCON": ("webserver: {\n", PROTOCOLS),
    "a list from elsewhere": ("a: /x\njruby-puppet.ruby-load-path: [${a}]\n", RUBY),
    "a list in two parts": (
        "jruby-puppet {\n  ruby-load-path: [/a]\n  ruby-load-path += /b\n}\n",
        RUBY,
    ),
}


@pytest.mark.parametrize(("text", "parameters"), NOT_FIT.values(), ids=NOT_FIT)
def test_what_cannot_be_put_back_is_not_changed_and_the_file_is_named(
    file_of: Files, text: str, parameters: dict[str, object]
) -> None:
    file = file_of(text)

    applied = file.put(parameters)

    assert applied.failed
    assert str(file.path) in applied.said
    assert (file.data, file.remembered) == (file.original, {})


@pytest.mark.parametrize("value", [8150, True, ["TLSv1.2"]])
def test_a_value_that_is_no_text_is_refused_by_name(file_of: Files, value: object) -> None:
    file = file_of("webserver: {}\n")

    assert "value" in file.put({"setting": "webserver.port", "value": value}).said
    assert file.data == file.original
