"""Where node statements stand in a file that nothing but the parser has read."""

from __future__ import annotations

import time

import pytest

from provisioner.nodespp.lines import places


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


def test_heads_are_what_stands_directly_in_the_braces() -> None:
    [place], _ = places("node a {\n include b\n if $x {\n include c\n }\n $y = 1\n}")

    found = [(token.text, token.line) for token in place.heads]
    assert ("include", 2) in found
    assert ("include", 4) not in found
    assert ("$y", 6) in found


def test_a_large_file_takes_a_time_that_grows_with_it() -> None:
    """Counted in work: ten times as much must not take a hundred times as long."""

    def spent(count: int) -> float:
        source = "".join(f"node 'n{n}' {{ include web }} # '\n" for n in range(count))
        begun = time.process_time()
        assert len(lines(source)) == count
        return time.process_time() - begun

    spent(100)
    assert spent(10_000) < 40 * max(spent(1_000), 0.005)
