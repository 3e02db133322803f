"""The script's cache: the last right answer within a stated age, or nothing."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.service.enc_script import Run, is_one_line, keep, run_enc
from tests.service.misbehaving import read, send, serve
from tests.service.misbehaviours import LARGE, NODE, WHOLE, problem, response

HOUR = 3600
DAY = 24 * HOUR
SOMEBODY = 65534
GOOD = (read, send(response(WHOLE)))
# A certname may be as long as a file name.
LONGEST = "a" * 255


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir()
    return folder


def without_service(cache: Path | str, node: str = NODE, **settings: object) -> Run:
    return run_enc(node, url="unix:/nonexistent/enc.sock", cache=cache, **settings)


def assert_nothing_served(run: Run) -> None:
    assert (run.code, run.out) == (3, b"")
    assert is_one_line(run.err)


class TestServing:
    def test_serves_a_fresh_answer_with_a_warning_that_names_its_age(self, cache: Path) -> None:
        keep(cache, NODE, WHOLE, age=2 * HOUR)

        run = without_service(cache)

        assert (run.code, run.out) == (0, WHOLE)
        assert is_one_line(run.err)
        assert "from the cache" in run.err
        assert "2.0 h old" in run.err

    def test_serves_what_is_younger_than_the_limit(self, cache: Path) -> None:
        keep(cache, NODE, WHOLE, age=DAY - 60)

        assert without_service(cache).out == WHOLE

    def test_does_not_serve_what_is_older_than_the_limit(self, cache: Path) -> None:
        keep(cache, NODE, WHOLE, age=DAY + 1)

        assert_nothing_served(without_service(cache))

    @pytest.mark.parametrize(
        ("limit", "age", "served"),
        [
            ("90s", 80, True),
            ("90s", 100, False),
            ("5m", 290, True),
            ("5m", 310, False),
            ("2h", 2 * HOUR - 10, True),
            ("2h", 2 * HOUR + 10, False),
            ("7d", 7 * DAY - 10, True),
            ("7d", 7 * DAY + 10, False),
        ],
    )
    def test_the_limit_is_a_setting(
        self, cache: Path, limit: str, age: float, *, served: bool
    ) -> None:
        keep(cache, NODE, WHOLE, age=age)

        assert without_service(cache, cache_max_age=limit).out == (WHOLE if served else b"")

    def test_does_not_serve_an_answer_from_the_future(self, cache: Path) -> None:
        keep(cache, NODE, WHOLE, age=-HOUR)

        assert_nothing_served(without_service(cache))

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param(b"", id="empty"),
            pytest.param(WHOLE[:-20], id="cut"),
            pytest.param(WHOLE.replace(NODE.encode(), b"i-0fedcba9876543210"), id="of-another"),
            pytest.param(WHOLE.replace(b"---\n", b""), id="without-its-first-line"),
            pytest.param(b"---\nclasses:\n# end " + NODE.encode(), id="without-classes"),
            pytest.param(WHOLE.replace(b"classes", b"cl\0sses"), id="with-a-NUL"),
            pytest.param(WHOLE.replace(b"role", b"\xff\xfe"), id="not-UTF-8"),
            pytest.param(LARGE * 10, id="far-too-large"),
        ],
    )
    def test_does_not_serve_what_is_damaged(self, cache: Path, text: bytes) -> None:
        keep(cache, NODE, text)

        assert_nothing_served(without_service(cache))

    @pytest.mark.parametrize("what", ["link", "pipe", "folder", "somebody else's"])
    def test_does_not_serve_what_the_script_did_not_write(
        self, cache: Path, tmp_path: Path, what: str
    ) -> None:
        place = cache / NODE
        if what == "link":
            place.symlink_to(keep(tmp_path, "elsewhere", WHOLE))
        elif what == "pipe":
            os.mkfifo(place)
        elif what == "folder":
            place.mkdir()
        else:
            if os.geteuid() != 0:
                pytest.skip("needs root to give a file away")
            os.chown(keep(cache, NODE, WHOLE), SOMEBODY, SOMEBODY)

        assert_nothing_served(without_service(cache))

    @pytest.mark.parametrize("folder", ["", "/nonexistent", __file__], ids=["none", "gone", "file"])
    def test_without_a_folder_there_is_nothing_to_serve(self, folder: str) -> None:
        assert_nothing_served(without_service(folder))


class TestKeeping:
    def test_keeps_a_whole_answer_for_its_owner_alone(self, cache: Path, tmp_path: Path) -> None:
        with serve(GOOD, "unix", tmp_path) as server:
            run_enc(NODE, url=server.url, cache=cache)

        assert [file.name for file in cache.iterdir()] == [NODE]
        assert (cache / NODE).read_bytes() == WHOLE
        assert (cache / NODE).stat().st_mode & 0o777 == 0o600
        assert abs((cache / NODE).stat().st_mtime - time.time()) < 60

    def test_what_it_keeps_is_served_when_the_service_is_gone(
        self, cache: Path, tmp_path: Path
    ) -> None:
        text = WHOLE.replace(NODE.encode(), LONGEST.encode())
        with serve((read, send(response(text))), "unix", tmp_path) as server:
            first = run_enc(LONGEST, url=server.url, cache=cache)

        second = without_service(cache, LONGEST)

        assert (first.code, first.out, first.err) == (0, text, "")
        assert (second.code, second.out) == (0, text)

    def test_replaces_a_link_rather_than_write_through_it(
        self, cache: Path, tmp_path: Path
    ) -> None:
        precious = keep(tmp_path, "precious", b"precious")
        (cache / NODE).symlink_to(precious)
        with serve(GOOD, "unix", tmp_path) as server:
            run_enc(NODE, url=server.url, cache=cache)

        assert precious.read_bytes() == b"precious"
        assert not (cache / NODE).is_symlink()

    @pytest.mark.parametrize("what", ["no folder", "a file", "a folder in its place", "full"])
    def test_an_answer_that_cannot_be_kept_still_goes_out_with_a_warning(
        self, cache: Path, tmp_path: Path, what: str
    ) -> None:
        if what == "a folder in its place":
            (cache / NODE).mkdir()
        place = {"no folder": "/nonexistent", "a file": __file__, "full": "/proc"}.get(what, cache)
        with serve(GOOD, "unix", tmp_path) as server:
            run = run_enc(NODE, url=server.url, cache=place)

        assert (run.code, run.out) == (0, WHOLE)
        assert is_one_line(run.err)
        assert "could not be cached" in run.err
        assert [file.name for file in cache.iterdir()] in ([], [NODE])

    def test_many_at_once_never_show_half_an_answer(self, cache: Path, tmp_path: Path) -> None:
        with serve((read, send(response(LARGE))), "unix", tmp_path) as server:
            run_enc(NODE, url=server.url, cache=cache)
            with ThreadPoolExecutor(4) as pool:
                writers = [
                    pool.submit(run_enc, NODE, url=server.url, cache=cache) for _ in range(8)
                ]
                while not all(writer.done() for writer in writers):
                    assert (cache / NODE).read_bytes() == LARGE

        assert {writer.result().code for writer in writers} == {0}
        assert [file.name for file in cache.iterdir()] == [NODE]


class TestForgetting:
    def test_a_retired_node_is_not_served_afterwards(self, cache: Path, tmp_path: Path) -> None:
        keep(cache, NODE, WHOLE)
        neighbour = keep(cache, "i-0fedcba9876543210", WHOLE)
        with serve((read, send(problem("410 Gone"))), "unix", tmp_path) as server:
            run = run_enc(NODE, url=server.url, cache=cache)

        assert (run.code, run.out) == (1, b"")
        assert_nothing_served(without_service(cache))
        assert neighbour.exists()

    def test_an_answer_that_cannot_be_deleted_is_named(self, cache: Path, tmp_path: Path) -> None:
        (cache / NODE).mkdir()
        with serve((read, send(problem("410 Gone"))), "unix", tmp_path) as server:
            run = run_enc(NODE, url=server.url, cache=cache)

        assert (run.code, run.out) == (1, b"")
        assert f"{cache / NODE} could not be deleted" in run.err

    @pytest.mark.parametrize("folder", ["", "/nonexistent", __file__], ids=["none", "gone", "file"])
    def test_without_a_folder_there_is_nothing_to_delete(self, tmp_path: Path, folder: str) -> None:
        with serve((read, send(problem("410 Gone"))), "unix", tmp_path) as server:
            run = run_enc(NODE, url=server.url, cache=folder)

        assert run.code == 1
        assert is_one_line(run.err)
