"""The environment of the service: every variable is used, or refused by its name."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from enc.web.settings import DEFAULT_BIND, DEFAULT_REDIS_URL, Settings, SettingsError

PASSWORD = "s3cr%2Ft"


def of(**environment: str) -> Settings:
    return Settings.from_environment(environment)


def test_an_empty_environment_gives_the_defaults() -> None:
    assert of() == Settings()
    assert of().redis_url == DEFAULT_REDIS_URL == "redis://127.0.0.1:6379/0"
    assert of().bind == DEFAULT_BIND == "unix:/run/rolecall/enc.sock"
    assert of().site == "default"
    assert of().workers >= 2


def test_a_variable_without_text_counts_as_not_set() -> None:
    assert of(REDIS_URL="", ENC_BIND=" ", LOG_LEVEL="", WEB_CONCURRENCY="") == Settings()


def test_variables_of_others_are_left_alone() -> None:
    assert of(PATH="/bin", ENC_URL="unix:/x", ENC_CONF="x") == Settings()


def test_settings_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        of().site = "other"  # type: ignore[misc]


@pytest.mark.parametrize(
    "bind",
    [
        *("unix:/run/rolecall/enc.sock", "unix:/x", "unix:/" + "a" * 106),
        *("127.0.0.1:8080", "127.0.0.1:1", "127.8.9.1:65535", "[::1]:8080"),
    ],
)
def test_a_unix_socket_or_loopback_is_a_place_to_listen(bind: str) -> None:
    assert of(ENC_BIND=bind).bind == bind


@pytest.mark.parametrize(
    ("written", "bind"),
    [
        *(("[0:0:0:0:0:0:0:1]:8080", "[::1]:8080"), ("[0::0001]:08080", "[::1]:8080")),
        *(("127.0.0.1:08080", "127.0.0.1:8080"), ("[127.0.0.1]:8080", "127.0.0.1:8080")),
    ],
)
def test_a_place_to_listen_is_one_however_it_is_written(written: str, bind: str) -> None:
    assert of(ENC_BIND=written).bind == bind
    assert of(DNS_BIND=written).dns_bind == bind


@pytest.mark.parametrize("written", ["[::1]:8053", "[0:0:0:0:0:0:0:1]:8053", "[::1]:08053"])
def test_powerdns_and_all_others_cannot_have_one_place(written: str) -> None:
    with pytest.raises(SettingsError, match=r"^DNS_BIND is \[::1\]:8053, .*ENC_BIND"):
        of(ENC_BIND="[::1]:8053", DNS_BIND=written)
    assert of(ENC_BIND="[::1]:8054", DNS_BIND=written).binds == ["[::1]:8054", "[::1]:8053"]


@pytest.mark.parametrize(
    "bind",
    [
        *("0.0.0.0:8080", "[::]:8080", "10.0.0.1:8080", "192.168.1.1:80", "[fe80::1]:80", "*:8080"),
        *("localhost:8080", "example.com:8080", ":8080", "8080", "127.0.0.1", "127.0.0.1:"),
        *("127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:99999", "127.0.0.1:x", "127.0.0.1:-1"),
        *("127.1:80", "0x7f000001:80", "2130706433:80", "127.0.0.1:80:90", "::1:8080", "[::1]"),
        *(
            "[::1%lo]:80",
            "[127.0.0.1]:x",
            "tcp://127.0.0.1:80",
            "fd://3",
            "127.0.0.1:8080,0.0.0.0:1",
        ),
        *("unix:", "unix:enc.sock", "unix:./x", "unix:@x", "unix:/" + "a" * 107, "/run/enc.sock"),
        *("unix:/a\0b", "127.0.0.1:\u0668\u0660", "[::ffff:10.0.0.1]:80"),
    ],
)
def test_any_other_place_to_listen_is_refused(bind: str) -> None:
    with pytest.raises(SettingsError, match=r"^ENC_BIND "):
        of(ENC_BIND=bind)


@pytest.mark.parametrize(
    "url",
    [
        *("redis://127.0.0.1:6379/0", "redis://redis", "redis://[::1]:6379/3", "redis://h:1/"),
        *(
            "rediss://:pw@h:6380/0",
            "rediss://user:pw@h",
            "unix:///run/redis.sock",
            "redis://:p%40@h",
        ),
    ],
)
def test_a_url_of_redis_is_taken_as_it_is(url: str) -> None:
    assert of(REDIS_URL=url).redis_url == url


@pytest.mark.parametrize(
    "url",
    [
        *("http://h", "h:6379", "127.0.0.1", "redis", "redis://", "redis:///0", "memcached://h"),
        *(f"redis://:{PASSWORD}@h:port/0", f"redis://:{PASSWORD}/x@h:6379/0", "redis://h:99999999"),
        *(f"redis://:{PASSWORD}#x@h:6379/0", f"rediss//:{PASSWORD}@h", f"redis://:{PASSWORD}@[::1"),
        f"redis://:{PASSWORD}@h:6379/zero",
    ],
)
def test_a_url_that_is_none_is_refused_without_a_word_of_it(url: str) -> None:
    with pytest.raises(SettingsError, match=r"^REDIS_URL ") as refused:
        of(REDIS_URL=url)
    assert "s3cr" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_the_password_is_not_shown() -> None:
    settings = of(REDIS_URL=f"redis://:{PASSWORD}@h:6379/0")
    assert "s3cr" not in repr(settings)
    assert "s3cr" not in str(settings)


@pytest.mark.parametrize(
    ("url", "secrets"),
    [
        ("redis://h", set()),
        ("redis://user@h", set()),
        (f"redis://:{PASSWORD}@h", {PASSWORD, "s3cr/t"}),
        (f"rediss://user:{PASSWORD}@h/0", {PASSWORD, "s3cr/t"}),
        (f"unix://:{PASSWORD}@/run/redis.sock", {PASSWORD, "s3cr/t"}),
    ],
)
def test_the_password_is_known_as_a_secret(url: str, secrets: set[str]) -> None:
    assert of(REDIS_URL=url).secrets == secrets


@pytest.mark.parametrize("site", ["default", "a", "eu-west production", "Zürich", "x" * 128])
def test_a_sites_name_is_a_line(site: str) -> None:
    assert of(ROLECALL_SITE=site).site == site


@pytest.mark.parametrize("site", ["a\nb", "a\0b", "x" * 129, "\x1b[31m"])
def test_a_sites_name_is_no_more_than_a_line(site: str) -> None:
    with pytest.raises(SettingsError, match=r"^ROLECALL_SITE "):
        of(ROLECALL_SITE=site)


@pytest.mark.parametrize("level", ["debug", "INFO", "Warning", "error", "CRITICAL"])
def test_a_level_of_the_log_may_be_written_as_one_likes(level: str) -> None:
    assert of(LOG_LEVEL=level).log_level == level.lower()


@pytest.mark.parametrize("level", ["verbose", "10", "trace", "warn ing"])
def test_a_level_that_is_none_is_refused_with_those_that_are(level: str) -> None:
    with pytest.raises(SettingsError, match=r"^LOG_LEVEL must be one of debug, info"):
        of(LOG_LEVEL=level)


@pytest.mark.parametrize("count", ["1", "2", "64"])
def test_the_number_of_workers_is_taken(count: str) -> None:
    assert of(WEB_CONCURRENCY=count).workers == int(count)


@pytest.mark.parametrize("count", ["0", "65", "-1", "two", "1.5", "1_0", "\u0663", "9" * 30])
def test_a_number_of_workers_that_is_none_is_refused(count: str) -> None:
    with pytest.raises(SettingsError, match=r"^WEB_CONCURRENCY "):
        of(WEB_CONCURRENCY=count)
