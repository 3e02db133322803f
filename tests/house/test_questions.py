"""The answers to "in which file is ...?" are true."""

from __future__ import annotations

import tomllib

import pytest

from tests.house.imports import ROOT

QUESTIONS = tomllib.loads((ROOT / "tests/house/questions.toml").read_text())["question"]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda one: one["ask"][:40])
def test_what_is_asked_for_stands_in_one_of_these_files(question: dict[str, object]) -> None:
    files = [ROOT / str(name) for name in question["file"]]  # type: ignore[attr-defined]

    assert all(file.exists() for file in files)
    assert any(str(question["text"]) in file.read_text() for file in files)


def test_there_are_twenty_and_no_file_answers_two_alone() -> None:
    assert len(QUESTIONS) >= 20
    alone = [one["file"][0] for one in QUESTIONS if len(one["file"]) == 1]
    assert len(alone) == len(set(alone))
