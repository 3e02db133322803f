"""Which Redis a sandbox and the tests take: the first that is new enough, by its own word."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.redis_binaries import Binary, NoRedisError, all_of_them, asked, chosen, outside

SAYS = "{name} server v={version} sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0"


def server(folder: Path, file: str, name: str, version: str) -> str:
    path = folder / file
    path.write_text(f"#!/bin/sh\necho '{SAYS.format(name=name, version=version)}'\n")
    path.chmod(0o755)
    return str(path)


def test_it_is_what_it_says_whatever_its_file_is_called(tmp_path: Path) -> None:
    path = server(tmp_path, "redis-server", "Valkey", "8.1.1")

    assert asked(path) == Binary(path, "valkey", (8, 1))
    assert str(asked(path)) == "valkey 8.1"


@pytest.mark.parametrize("text", ["echo hello", "exit 1", "kill -9 $$"])
def test_what_says_nothing_of_the_kind_is_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "redis-server"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)

    assert asked(str(path)) is None


def test_the_first_that_is_new_enough_is_taken(tmp_path: Path) -> None:
    old = server(tmp_path, "old", "Redis", "5.0.14")
    wheels = server(tmp_path, "wheels", "Redis", "8.2.3")
    later = server(tmp_path, "later", "Redis", "7.0.15")

    assert chosen([None, old, wheels, later]).path == wheels


def test_6_2_is_new_enough_and_6_0_is_not(tmp_path: Path) -> None:
    just = server(tmp_path, "just", "Redis", "6.2.0")
    below = server(tmp_path, "below", "Redis", "6.0.16")

    assert chosen([below, just]).path == just


def test_where_there_is_none_it_says_which_are_too_old_and_what_to_install(tmp_path: Path) -> None:
    old = server(tmp_path, "redis-server", "Redis", "6.0.16")

    with pytest.raises(NoRedisError) as caught:
        chosen([None, old, str(tmp_path / "gone")])

    said = str(caught.value)
    assert f"{old} is redis 6.0" in said
    assert "gone does not start" in said
    assert "apt-get install redis-server" in said


def test_each_name_and_major_version_is_there_once() -> None:
    kinds = [(found.name, found.version[0]) for found in all_of_them()]

    assert len(kinds) == len(set(kinds)) > 0


def test_what_an_activated_venv_lays_on_the_path_is_not_the_systems() -> None:
    own = f"{sys.prefix}/bin"

    assert outside(f"{own}:/usr/bin:{own}/:/bin") == "/usr/bin:/bin"
    assert outside(f"/usr/bin:{own}/deeper") == f"/usr/bin:{own}/deeper"
