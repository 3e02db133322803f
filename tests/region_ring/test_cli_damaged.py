"""A damaged record among others: these are shown, it is named, and the exit code says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from enc.domain.model import State
from tests.builders import event, node
from tests.region.handle import Region
from tests.region_ring.cli import Done, Operator
from tests.region_ring.operators import Operators

WELL, BAD = "i-0aaaaaaaaaaaaaaa1", "i-0aaaaaaaaaaaaaaa2"
ENDED, GARBLED = "i-0aaaaaaaaaaaaaae1", "i-0aaaaaaaaaaaaaae2"
FORMS = pytest.mark.parametrize("form", ["table", "json", "csv", "yaml"])


@pytest.fixture(scope="module")
def operators(
    region_server: Region, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Operators]:
    with Operators.open(region_server, tmp_path_factory.mktemp("cli")) as found:
        yield found


@pytest.fixture(scope="module")
def operator(operators: Operators) -> Operator:
    operator = operators.new()
    nodes = operator.inventory.nodes
    for name in (WELL, BAD):
        nodes.create(node(name), event())
    for name in (ENDED, GARBLED):
        nodes.archive(nodes.create(node(name, state=State.RETIRING), event()), event())
    operator.redis.hset(f"node:{BAD}", "state", "odd")
    operator.redis.hset(f"archive:{GARBLED}", "launched_at", "long ago")
    return operator


def names_alone(ended: Done, *keys: str) -> None:
    """One line, or one for each of several."""
    assert ended.code == 3
    head, *lines = [line for line in ended.err.splitlines() if not line.startswith("warning: ")]
    assert len(lines) == (len(keys) if len(keys) > 1 else 0)
    assert head.startswith("provisioner: ")
    assert "damaged, and not shown" in head
    for key in keys:
        assert key in ended.err


class TestLs:
    @FORMS
    def test_shows_the_others_and_names_the_damaged(self, operator: Operator, form: str) -> None:
        ended = operator.run("ls", "--format", form)
        names_alone(ended, f"node:{BAD}")
        assert WELL in ended.out
        assert BAD not in ended.out

    def test_that_finds_only_the_damaged_has_failed(self, operator: Operator) -> None:
        ended = operator.run("ls", "-q", BAD)
        assert (ended.code, ended.out) == (1, "")
        assert f"node:{BAD} in Redis has state" in ended.err
        assert "no node matches" not in ended.err

    def test_that_does_not_ask_for_the_damaged_says_nothing_of_it(self, operator: Operator) -> None:
        ended = operator.run("ls", "-q", WELL)
        assert (ended.code, ended.err) == (0, "")


class TestHistory:
    @FORMS
    def test_shows_the_others_and_names_the_damaged(self, operator: Operator, form: str) -> None:
        ended = operator.run("history", "--format", form)
        names_alone(ended, f"archive:{GARBLED}")
        assert ENDED in ended.out
        assert GARBLED not in ended.out

    def test_with_the_living_names_those_of_them_as_well(self, operator: Operator) -> None:
        ended = operator.run("history", "--living", "--format", "csv")
        names_alone(ended, f"archive:{GARBLED}", f"node:{BAD}")
        assert WELL in ended.out

    def test_sums_up_what_can_be_read(self, operator: Operator) -> None:
        ended = operator.run("history", "--summary", "--format", "json")
        names_alone(ended, f"archive:{GARBLED}", f"node:{BAD}")
        assert ended.json[0]["machines"] == 2

    def test_does_not_say_that_there_are_none(self, operator: Operator) -> None:
        ended = operator.run("history", "--role", "nosuch")
        names_alone(ended, f"archive:{GARBLED}")
        assert "no machine" not in ended.err
