"""Processes that start at once are processes all the same."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.warm import warm


def run(module: str, *words: str, **env: str) -> tuple[int, str, str]:
    return warm().start(module, *words, env=env, cwd=Path("/")).end()


def test_one_has_words_an_environment_a_folder_and_streams_of_its_own() -> None:
    code, out, err = run("tests.service.told", "a", "b", PATH="/nowhere")

    assert (code, err) == (3, "to stderr\n")
    assert out == f"{['a', 'b']} {{'PATH': '/nowhere'}} /\n"


def test_two_share_nothing_that_they_made() -> None:
    outs = {run("tests.service.told", number)[1] for number in "12"}

    assert len(outs) == 2


def test_one_that_is_killed_ends_by_that_signal() -> None:
    started = warm().start("tests.service.told", "wait", env={}, cwd=Path("/"))

    started.signal(signal.SIGKILL)

    assert started.end()[0] == -signal.SIGKILL
    # As for one that has ended long ago.
    started.signal(signal.SIGTERM)


def test_one_that_does_not_end_is_killed_and_told() -> None:
    started = warm().start("tests.service.told", "wait", env={}, cwd=Path("/"))

    with pytest.raises(TimeoutError, match="not ended within"):
        started.end(seconds=0.1)


def test_an_error_is_a_traceback_and_1() -> None:
    code, _, err = run("tests.service.told", "fail")

    assert (code, err.splitlines()[-1]) == (1, "ValueError: fail")
