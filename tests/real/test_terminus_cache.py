"""The terminus' cache: the script's rules and files, so that a site may change its mind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.real.terminusdriver import Found, TerminusDriver, answers, is_warning
from tests.service.enc_script import keep, run_enc
from tests.service.misbehaving import read, send, serve
from tests.service.misbehaviours import LARGE, NODE, WHOLE, problem, response

HOUR = 3600
DAY = 24 * HOUR
SOMEBODY = 65534
GOOD = (read, send(response(WHOLE)))
GONE = (read, send(problem("410 Gone")))
LONGEST = "a" * 255


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


def without_service(
    puppet: TerminusDriver, cache: Path | str, node: str = NODE, **settings: object
) -> Found:
    return puppet.look_up(node, url="unix:/nonexistent/enc.sock", cache=cache, **settings)


def is_an_error(found: Found) -> bool:
    return found.node is None and "no answer, nor one in the cache (" in found.raised


class TestServing:
    def test_serves_a_fresh_answer_with_a_warning_that_names_its_age(
        self, puppet: TerminusDriver, cache: Path
    ) -> None:
        keep(cache, NODE, WHOLE, age=2 * HOUR)

        found = without_service(puppet, cache)

        assert answers(found, WHOLE)
        assert is_warning(found)
        assert "2.0 h old" in found.logs[0]

    @pytest.mark.parametrize(
        ("limit", "age", "served"),
        [
            ("24h", DAY - 60, True),
            ("24h", DAY + 1, False),
            ("90s", 80, True),
            ("90s", 100, False),
            ("7d", 7 * DAY - 10, True),
            ("7d", 7 * DAY + 10, False),
            ("24h", -HOUR, False),
        ],
    )
    def test_serves_what_is_younger_than_the_limit_and_not_from_the_future(
        self, puppet: TerminusDriver, cache: Path, limit: str, age: float, *, served: bool
    ) -> None:
        keep(cache, NODE, WHOLE, age=age)

        found = without_service(puppet, cache, cache_max_age=limit)

        assert answers(found, WHOLE) if served else is_an_error(found)

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param(b"", id="empty"),
            pytest.param(WHOLE[:-20], id="cut"),
            pytest.param(WHOLE.replace(NODE.encode(), b"i-0fedcba9876543210"), id="of-another"),
            pytest.param(b"---\nclasses:\n# end " + NODE.encode(), id="without-classes"),
            pytest.param(b"---\nclasses:\n  [\n# end " + NODE.encode(), id="no-YAML"),
            pytest.param(WHOLE.replace(b"classes", b"cl\0sses"), id="with-a-NUL"),
            pytest.param(WHOLE.replace(b"role", b"\xff\xfe"), id="not-UTF-8"),
            pytest.param(LARGE * 10, id="far-too-large"),
        ],
    )
    def test_does_not_serve_what_is_damaged(
        self, puppet: TerminusDriver, cache: Path, text: bytes
    ) -> None:
        keep(cache, NODE, text)

        assert is_an_error(without_service(puppet, cache))

    @pytest.mark.parametrize("what", ["link", "pipe", "folder", "somebody else's"])
    def test_does_not_serve_what_is_not_of_our_making(
        self, puppet: TerminusDriver, cache: Path, tmp_path: Path, what: str
    ) -> None:
        place = cache / NODE
        if what == "link":
            place.symlink_to(keep(tmp_path, "elsewhere", WHOLE))
        elif what == "pipe":
            os.mkfifo(place)
        elif what == "folder":
            place.mkdir()
        else:
            os.chown(keep(cache, NODE, WHOLE), SOMEBODY, SOMEBODY)

        assert is_an_error(without_service(puppet, cache))

    @pytest.mark.parametrize("folder", ["", "/nonexistent", __file__], ids=["none", "gone", "file"])
    def test_without_a_folder_there_is_nothing_to_serve_or_delete(
        self, puppet: TerminusDriver, tmp_path: Path, folder: str
    ) -> None:
        with serve(GONE, "unix", tmp_path) as server:
            gone = puppet.look_up(NODE, url=server.url, cache=folder)

        assert is_an_error(without_service(puppet, folder))
        assert "(410: because)" in gone.raised
        assert gone.logs == []


class TestKeeping:
    @pytest.mark.parametrize("node", [NODE, LONGEST])
    def test_keeps_a_whole_answer_for_its_owner_alone_as_the_script_does(
        self, puppet: TerminusDriver, cache: Path, tmp_path: Path, node: str
    ) -> None:
        text = WHOLE.replace(NODE.encode(), node.encode())
        with serve((read, send(response(text))), "unix", tmp_path) as server:
            puppet.look_up(node, url=server.url, cache=cache)

        (file,) = cache.iterdir()
        assert (file.name, file.read_bytes()) == (node, text)
        assert file.stat().st_mode & 0o777 == 0o600
        assert abs(file.stat().st_mtime - time.time()) < 60
        assert run_enc(node, url="unix:/nonexistent", cache=cache).out == text

    def test_serves_what_the_script_kept(
        self, puppet: TerminusDriver, cache: Path, tmp_path: Path
    ) -> None:
        with serve(GOOD, "unix", tmp_path) as server:
            run_enc(NODE, url=server.url, cache=cache)

        assert answers(without_service(puppet, cache), WHOLE)

    def test_replaces_a_link_rather_than_write_through_it(
        self, puppet: TerminusDriver, cache: Path, tmp_path: Path
    ) -> None:
        precious = keep(tmp_path, "precious", b"precious")
        (cache / NODE).symlink_to(precious)
        with serve(GOOD, "unix", tmp_path) as server:
            puppet.look_up(NODE, url=server.url, cache=cache)

        assert precious.read_bytes() == b"precious"
        assert not (cache / NODE).is_symlink()

    @pytest.mark.parametrize("what", ["no folder", "a file", "a folder in its place", "full"])
    def test_an_answer_that_cannot_be_kept_still_counts_with_a_warning(
        self, puppet: TerminusDriver, cache: Path, tmp_path: Path, what: str
    ) -> None:
        if what == "a folder in its place":
            # JRuby's rename replaces an empty one.
            (cache / NODE / "full").mkdir(parents=True)
        place = {"no folder": "/nonexistent", "a file": __file__, "full": "/proc"}.get(what, cache)
        with serve(GOOD, "unix", tmp_path) as server:
            found = puppet.look_up(NODE, url=server.url, cache=place)

        assert answers(found, WHOLE)
        (line,) = found.logs
        assert "could not be cached" in line
        assert [file.name for file in cache.iterdir()] in ([], [NODE])


class TestForgetting:
    def test_a_retired_node_is_not_served_afterwards(
        self, puppet: TerminusDriver, cache: Path, tmp_path: Path
    ) -> None:
        keep(cache, NODE, WHOLE)
        neighbour = keep(cache, "i-0fedcba9876543210", WHOLE)
        with serve(GONE, "unix", tmp_path) as server:
            puppet.look_up(NODE, url=server.url, cache=cache)

        assert is_an_error(without_service(puppet, cache))
        assert neighbour.exists()

    def test_an_answer_that_cannot_be_deleted_is_named(
        self, puppet: TerminusDriver, cache: Path, tmp_path: Path
    ) -> None:
        (cache / NODE).mkdir()
        with serve(GONE, "unix", tmp_path) as server:
            found = puppet.look_up(NODE, url=server.url, cache=cache)

        assert "(410: because)" in found.raised
        assert f"{cache / NODE} could not be deleted" in found.logs[0]
