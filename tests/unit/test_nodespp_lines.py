"""Where node statements stand in a file that nothing but the parser has read."""

from __future__ import annotations

import time

import pytest

from provisioner.importing.nodespp.lines import Finder, places


def lines(source: str) -> list[int]:
    return [place.line for place in places(source)[0]]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("node a { }\nnode b { }", [1, 2]),
        ("# node a { }\nnode b { }", [2]),
        ("/* node a {\n */ node b { }", [2]),
        ("$x = 'node a { }'\nnode b { }", [2]),
        ("$x = 'it\\'s node a { }'\nnode b { }", [2]),
        ("$x = \"${y['}']} node a { }\"\nnode b { }", [2]),
        ('$x = "${f("} node a {")}"\nnode b { }', [2]),
        ("$x = @(END)\nnode a { }\n  | END\nnode b { }", [4]),
        ('$x = @("END":json/L)\nnode a { }\nEND\nnode b { }', [4]),
        ("$x = [@(A), @(B)]\nnode a { }\nA\nnode b { }\n-B\nnode c { }", [6]),
        ("node /^a'{\\/node/ { }\nnode b { }", [1, 2]),
        ("$x = 4 / 2\nnode b { } # /", [2]),
        ("file { 'a': node => 1 }\nnode b { }", [2]),
        ("class c { $node = 1 }\nnode b { }", [2]),
        ("node a {\r\n}\r\nnode b { }", [1, 3]),
        ("node a { if $x { } }\nnode b { }", [1, 2]),
        ("node", [1]),
        ('node a { $x = "never', [1]),
        ("node a { /* never", [1]),
        ("}}}\nnode b { }", [2]),
        ("", []),
    ],
)
def test_only_statements_count(source: str, expected: list[int]) -> None:
    assert lines(source) == expected


def test_a_statement_is_found_directly_in_the_braces() -> None:
    [place], _ = places("node a {\n include b\n if $x {\n include c\n }\n include d\n}")
    finder = Finder(place.inside, depth=1)

    assert [finder.line(["include", "b"]), finder.line(["include", "d"])] == [2, 6]
    assert finder.line(["include"]) is None


def test_what_a_statement_holds_is_not_taken_for_the_next_one() -> None:
    [place], _ = places("node a {\n include Class['b']\n Class['c'] -> Class['d']\n}")
    finder = Finder(place.inside, depth=1)

    assert finder.line(["include", "Class"]) == 2
    assert finder.line(["Class", "Class"]) == 3


def test_a_word_that_is_spelt_otherwise_loses_no_later_statement() -> None:
    [place], _ = places("node a {\n include b.c\n" + " $x = [ ]\n" * 99 + " c { }\n}")
    finder = Finder(place.inside, depth=1)

    assert finder.line(["include", "b", "c"]) == 2
    assert finder.line(["$x"]) == 3


def test_a_definition_is_passed_with_all_that_is_in_its_braces() -> None:
    _, others = places("class a($x = {}) {\n class { 'b': }\n}\nclass { 'c': }")
    finder = Finder(others, depth=0)
    finder.skip("class")

    assert finder.line(["class"]) == 4


def test_a_large_file_takes_a_time_that_grows_with_it() -> None:
    """Counted in work: ten times as much must not take a hundred times as long."""

    def spent(count: int) -> float:
        source = "".join(f"node 'n{n}' {{ include web }} # '\n" for n in range(count))
        begun = time.process_time()
        assert len(lines(source)) == count
        return time.process_time() - begun

    spent(100)
    assert spent(10_000) < 40 * max(spent(1_000), 0.005)
