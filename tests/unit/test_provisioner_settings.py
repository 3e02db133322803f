"""The provisioner's settings: what of Puppet's may stand in the environment."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest

from enc.domain.timeouts import Timeouts
from provisioner import wiring
from provisioner.settings import SPANS, SettingError, Settings

FILES = {"PUPPET_CERT": "/c.pem", "PUPPET_KEY": "/k.pem", "PUPPET_CA": "/ca.pem"}
CA = {"PUPPET_CA_URL": "https://puppet:8140", **FILES}


def test_without_a_word_of_puppet_there_is_neither_ca_nor_puppetdb() -> None:
    settings = Settings.read({})

    assert (settings.puppet_ca_url, settings.puppetdb_url) == ("", "")
    assert wiring.open_ca(settings) is None
    assert wiring.open_puppetdb(settings) is None
    settings.check_puppet_files()


def test_with_them_there_are_both_and_nothing_is_read_yet() -> None:
    settings = Settings.read({**CA, "PUPPETDB_URL": "https://puppetdb:8081"})

    assert wiring.open_ca(settings) is not None
    assert wiring.open_puppetdb(settings) is not None


QUEUE = "https://sqs.eu-west-1.amazonaws.com/123456789012/spot"


def test_without_a_queue_there_are_no_notices() -> None:
    settings = Settings.read({"SPOT_QUEUE_URL": ""})

    assert settings.spot_queue_urls == ()
    assert wiring.open_notices(settings, print) == ()


@pytest.mark.parametrize("url", [QUEUE, "http://127.0.0.1:4566/123456789012/spot"])
def test_with_one_there_are_and_nothing_is_asked_yet(url: str) -> None:
    settings = Settings.read({"SPOT_QUEUE_URL": url})

    assert settings.spot_queue_urls == (url,)
    assert [queue.url for queue in wiring.open_notices(settings, print)] == [url]


OTHER_QUEUE = QUEUE.replace("eu-west-1", "us-east-1")


def test_several_queues_stand_with_spaces_between_and_each_counts_once() -> None:
    settings = Settings.read({"SPOT_QUEUE_URL": f" {QUEUE}  {OTHER_QUEUE}\t{QUEUE}"})

    assert settings.spot_queue_urls == (QUEUE, OTHER_QUEUE)
    assert [queue.url for queue in wiring.open_notices(settings, print)] == [QUEUE, OTHER_QUEUE]


def test_which_of_several_is_no_queues_is_told_by_its_number() -> None:
    with pytest.raises(SettingError, match=r"^SPOT_QUEUE_URL, number 2 of 2, is not like"):
        Settings.read({"SPOT_QUEUE_URL": f"{QUEUE} {QUEUE},{OTHER_QUEUE}"})


@pytest.mark.parametrize(
    "url", ["spot", QUEUE.replace("https", "http"), QUEUE + "?x", "arn:aws:sqs:us-east-1:1:spot"]
)
def test_a_url_that_is_no_queues_is_refused_by_the_variables_name(url: str) -> None:
    with pytest.raises(SettingError, match=r"^SPOT_QUEUE_URL is not like https://sqs\."):
        Settings.read({"SPOT_QUEUE_URL": url})


def test_what_only_lists_imports_no_http_client() -> None:
    command = [sys.executable, "-c", "import sys, provisioner.wiring; print(*sys.modules)"]
    loaded = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()

    assert "provisioner.settings" in loaded
    assert not {"requests", "urllib3"} & set(loaded)


@pytest.mark.parametrize(
    "url",
    [
        *("https://puppet:8140", "https://puppet:8140/", "https://puppet", "https://10.0.0.1:8140"),
        *("https://[2001:db8::1]:8140", "HTTPS://puppet:8140"),
    ],
)
def test_the_url_of_the_ca_is_taken_without_its_slash(url: str) -> None:
    assert Settings.read({**CA, "PUPPET_CA_URL": url}).puppet_ca_url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    [
        *("puppet", "puppet:8140", "http://puppet:8140", "http://127.0.0.1:8140", "https://"),
        *("https://:8140", "https://puppet:0", "https://puppet:99999", "https://puppet:x"),
        *("https://puppet:8140/puppet-ca/v1", "https://puppet?x=y", "https://puppet#x"),
        *("https://user:s3cret@puppet:8140", "https://pup pet", "https://[::1", "https://pu\npet"),
        *("https://püppet", "https:///puppet", " https://puppet", "ftp://puppet"),
    ],
)
def test_a_url_that_is_none_of_a_ca_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(SettingError) as caught:
        Settings.read({**CA, "PUPPET_CA_URL": url})

    assert str(caught.value) == "PUPPET_CA_URL is not like https://puppet:8140"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080"]
)
def test_puppetdb_may_be_asked_in_the_clear_on_this_machine_without_a_certificate(url: str) -> None:
    settings = Settings.read({"PUPPETDB_URL": url})
    settings.check_puppet_files()

    assert settings.puppetdb_url == url


@pytest.mark.parametrize(
    "url",
    ["http://puppetdb:8080", "http://10.0.0.1:8080", "http://127.0.0.1.example.com", "ftp://::1"],
)
def test_puppetdb_is_not_asked_in_the_clear_elsewhere(url: str) -> None:
    with pytest.raises(SettingError, match=r"^PUPPETDB_URL is not like .*loopback"):
        Settings.read({**FILES, "PUPPETDB_URL": url})


@pytest.mark.parametrize("variable", ["PUPPET_CA_URL", "PUPPETDB_URL"])
@pytest.mark.parametrize("missing", FILES)
def test_tls_needs_all_three_files_and_says_which_is_missing(variable: str, missing: str) -> None:
    with pytest.raises(SettingError, match=rf"^{variable} is set: set {missing} \(") as caught:
        Settings.read({**FILES, variable: "https://puppet", missing: ""})

    assert all(f"{other} (" not in str(caught.value) for other in FILES if other != missing)


def test_files_without_a_url_are_no_mistake() -> None:
    Settings.read(FILES).check_puppet_files()


def of_files(folder: Path, **changes: str) -> Settings:
    for name in FILES:
        (folder / name).write_text("x")
    return Settings.read({**CA, **{name: str(folder / name) for name in FILES}, **changes})


def test_files_that_can_be_read_are_good_enough_to_begin(tmp_path: Path) -> None:
    of_files(tmp_path).check_puppet_files()


@pytest.mark.parametrize("variable", FILES)
@pytest.mark.parametrize(
    ("name", "why"),
    [("nothing", "No such file"), ("", "Is a directory")],
    ids=["nothing", "folder"],
)
def test_a_file_that_cannot_be_read_is_named_with_its_variable(
    tmp_path: Path, variable: str, name: str, why: str
) -> None:
    path = str(tmp_path / name)
    settings = of_files(tmp_path, **{variable: path})
    with pytest.raises(SettingError, match=why) as caught:
        settings.check_puppet_files()

    assert str(caught.value).startswith(f"{variable}: {path} (")


@pytest.mark.parametrize(
    "url",
    [
        "https://sqs.us-east-1.amazonaws.com/123456789012/rolecall",
        "http://127.0.0.1:5000/123456789012/rolecall",
    ],
)
def test_the_queue_of_notices_is_taken_as_it_is(url: str) -> None:
    assert Settings.read({"SPOT_QUEUE_URL": url}).spot_queue_urls == (url,)


@pytest.mark.parametrize(
    "url",
    [
        *("rolecall", "https://sqs.us-east-1.amazonaws.com", "http://sqs.example/1/rolecall"),
        *("https:///1/rolecall", "https://user:s3cret@sqs.example/1/rolecall", "https://x:0/1/q"),
    ],
)
def test_a_queue_that_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(SettingError, match="SPOT_QUEUE_URL") as caught:
        Settings.read({"SPOT_QUEUE_URL": url})

    assert "s3cret" not in str(caught.value)


def test_where_the_service_listens_has_the_services_own_default() -> None:
    from enc.web.settings import DEFAULT_BIND

    assert Settings.read({}).enc_bind == Settings.read({"ENC_BIND": ""}).enc_bind == DEFAULT_BIND
    assert Settings.read({"ENC_BIND": "127.0.0.1:8080"}).enc_bind == "127.0.0.1:8080"


def test_a_span_is_set_by_its_name() -> None:
    found = Settings.read({"ROLECALL_SPAN_SUSPECT": "90s", "ROLECALL_SPAN_DEAD": ""})
    assert found.timeouts == {"suspect": timedelta(seconds=90)}


@pytest.mark.parametrize(
    ("variable", "text"), [("ROLECALL_SPAN_SUSPECTS", "90s"), ("ROLECALL_SPAN_SUSPECT", "90")]
)
def test_a_span_that_is_none_is_named(variable: str, text: str) -> None:
    with pytest.raises(SettingError, match=variable):
        Settings.read({variable: text})


def test_every_span_can_be_set() -> None:
    assert {one.name for one in fields(Timeouts)} == set(SPANS)


@pytest.mark.parametrize(
    "text", ["us-east-1,eu-west-1", " eu-west-1  us-east-1", "us-east-1, eu-west-1,us-east-1"]
)
def test_regions_stand_with_commas_or_spaces_between(text: str) -> None:
    assert Settings.read({"REGIONS": text}).regions == ("eu-west-1", "us-east-1")


def test_all_regions_are_another_thing_than_none_said() -> None:
    assert Settings.read({"REGIONS": "all"}).regions == ()
    assert Settings.read({"REGIONS": ""}).regions is None


@pytest.mark.parametrize("text", ["mars", "us-east-1;eu-west-1", "us-east-1 all", " ", "US-EAST-1"])
def test_what_is_no_region_is_refused_by_the_variables_name(text: str) -> None:
    with pytest.raises(SettingError, match=r"^REGIONS: "):
        Settings.read({"REGIONS": text})
