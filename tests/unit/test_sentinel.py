"""Which server a majority of the Sentinels means: pure, and with a clock that is stepped."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from redis.exceptions import ConnectionError as NoConnectionError

from enc.inventory.sentinel import (
    ASKED_EVERY,
    Address,
    Answer,
    NoMajorityError,
    Sentinels,
    agreed,
    plain,
)

OLD, NEW = ("10.0.0.1", 6379), ("10.0.0.2", 6379)
AWAY = NoConnectionError("Connection refused")


def said(*answers: Answer) -> dict[str, Answer]:
    return {f"s{number}": answer for number, answer in enumerate(answers)}


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        ((OLD,), OLD),
        ((OLD, OLD, AWAY), OLD),
        ((OLD, NEW, NEW), NEW),
        ((NEW, NEW, None), NEW),
        ((NEW, NEW, OLD, NEW, OLD), NEW),
    ],
)
def test_more_than_half_of_those_that_are_named_decide(
    answers: tuple[Answer, ...], found: Address
) -> None:
    assert agreed(said(*answers), list(said(*answers))) == found


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ((OLD, NEW), "s0 names 10.0.0.1:6379; s1 names 10.0.0.2:6379"),
        ((OLD, AWAY, AWAY), "s1 does not answer: Connection refused"),
        ((None, None, OLD), "s0 knows no primary of this name"),
        ((OLD, NEW, OLD, NEW), "no majority of the 4 Sentinels in REDIS_URL names the same"),
    ],
)
def test_half_of_them_or_less_do_not_and_each_is_told(
    answers: tuple[Answer, ...], says: str
) -> None:
    with pytest.raises(NoMajorityError) as caught:
        agreed(said(*answers), list(said(*answers)))
    assert says in str(caught.value)


def test_one_that_says_nothing_in_time_is_told() -> None:
    with pytest.raises(NoMajorityError, match="s1 does not answer: nothing came in time"):
        agreed(said(OLD), ["s0", "s1", "s2"])


class Asked:
    """Three Sentinels that say the same."""

    def __init__(self) -> None:
        self.now, self.says, self.silent = 0.0, OLD, False
        asks: dict[str, Callable[[], Address | None]] = {f"s{n}": self._answer for n in range(3)}
        self.sentinels = Sentinels(asks, within=5.0, clock=lambda: self.now)

    def _answer(self) -> Address:
        if self.silent:
            raise NoConnectionError
        return self.says


def test_an_answer_is_believed_for_a_second_and_not_for_longer() -> None:
    asked = Asked()
    assert asked.sentinels.primary() == OLD
    asked.says, asked.now = NEW, ASKED_EVERY - 0.01
    assert asked.sentinels.primary() == OLD
    asked.now = ASKED_EVERY
    assert asked.sentinels.primary() == NEW


def test_what_is_forgotten_is_asked_anew() -> None:
    asked = Asked()
    asked.sentinels.primary()
    asked.says = NEW
    asked.sentinels.forget()
    assert asked.sentinels.primary() == NEW


def test_those_that_do_not_answer_are_not_counted() -> None:
    def silent() -> Address | None:
        raise NoConnectionError

    alone = {"a": silent, "b": silent, "c": lambda: OLD}
    most = {"a": silent, "b": lambda: OLD, "c": lambda: OLD}

    assert Sentinels(most, within=5.0, clock=lambda: 0.0).primary() == OLD
    with pytest.raises(NoMajorityError, match="a does not answer"):
        Sentinels(alone, within=5.0, clock=lambda: 0.0).primary()


def test_an_old_answer_is_not_believed_where_no_new_one_comes() -> None:
    asked = Asked()
    asked.sentinels.primary()
    asked.silent, asked.now = True, ASKED_EVERY
    with pytest.raises(NoMajorityError, match="s0 does not answer"):
        asked.sentinels.primary()


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("redis+sentinel://u:p@h1:1,h2/m/2", "redis://u:p@h1:1/2?"),
        ("rediss+sentinel://[::1],h2/m", "rediss://[::1]:26379/0?"),
        (
            "rediss+sentinel://h1/m/0?ssl_ca_certs=%2Fca&sentinel_password=s",
            "rediss://h1:26379/0?ssl_ca_certs=%2Fca",
        ),
    ],
)
def test_the_login_and_options_are_those_of_the_servers(url: str, server: str) -> None:
    assert plain(url) == server
