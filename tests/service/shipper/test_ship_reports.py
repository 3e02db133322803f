"""ship-reports: every report arrives, in order, whatever the service does."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.service.enc_script import is_one_line
from tests.service.reports_sink import DIES, TAKEN, Reply, Sink, sink
from tests.service.spool import (
    FIRST,
    SECOND,
    THIRD,
    fill,
    left,
    line,
    run_ship,
    write,
)

DAY = 2000


def dies_at(number: int, reply: Reply = DIES) -> object:
    """Judges so from this report on, for ever."""
    dead = threading.Event()

    def judge(text: bytes) -> Reply:
        if text == line(number):
            dead.set()
        return reply if dead.is_set() else TAKEN

    return judge


class TestShipping:
    def test_ships_segments_oldest_first_and_what_is_incoming_last(
        self, spool: Path, service: Sink
    ) -> None:
        fill(spool / "incoming", [6, 7])
        fill(spool / THIRD, [5])
        fill(spool / FIRST, [1, 2, 3])
        fill(spool / SECOND, [4])

        run = run_ship(spool, url=service.url)

        assert (run.code, run.out, run.err) == (0, b"", "")
        assert service.lines == [line(number) for number in range(1, 8)]
        assert left(spool) == []

    def test_ships_what_is_beyond_ascii_byte_for_byte(self, spool: Path, service: Sink) -> None:
        text = '{"certname": "i-0abc", "errors": ["ä 日本 😀"]}'.encode()
        write(spool, text)

        run = run_ship(spool, url=service.url)

        assert (run.code, run.err) == (0, "")
        assert service.lines == [text]

    def test_posts_over_one_connection(self, spool: Path, service: Sink) -> None:
        fill(spool / FIRST, range(50))

        run_ship(spool, "--once", url=service.url)

        assert service.connections == 1
        assert set(service.paths) == {"/v1/reports"}

    def test_ships_over_a_connection_for_each_where_the_service_closes_them(
        self, spool: Path, service: Sink
    ) -> None:
        service.judge = lambda text: Reply(close=True)
        fill(spool / FIRST, range(5))

        assert run_ship(spool, url=service.url).code == 0
        assert (service.numbers, service.connections) == ([0, 1, 2, 3, 4], 5)

    @pytest.mark.parametrize("empty", [[], ["incoming"], [FIRST]], ids=["none", "new", "segment"])
    def test_nothing_there_is_done_at_once(
        self, spool: Path, service: Sink, empty: list[str]
    ) -> None:
        for name in empty:
            (spool / name).touch()

        assert run_ship(spool, url=service.url).code == 0
        assert service.lines == []

    def test_other_files_are_left_alone(self, spool: Path, service: Sink) -> None:
        names = ["dropped", "refused.jsonl", "notes.txt", "20261124T010000.1.jsonl", "x.jsonl"]
        for name in names:
            fill(spool / name, [1])

        assert run_ship(spool, url=service.url).code == 0
        assert service.lines == []
        assert {*names} <= {path.name for path in spool.iterdir()}

    def test_empty_lines_are_not_posted(self, spool: Path, service: Sink) -> None:
        (spool / FIRST).write_bytes(b"\n" + line(1) + b"\n\n \n" + line(2) + b"\n")

        assert run_ship(spool, url=service.url).code == 0
        assert service.numbers == [1, 2]

    def test_a_last_line_without_an_end_is_posted_if_it_is_whole(
        self, spool: Path, service: Sink
    ) -> None:
        (spool / FIRST).write_bytes(line(1) + b"\n" + line(2))

        assert run_ship(spool, url=service.url).code == 0
        assert service.numbers == [1, 2]

    def test_a_day_of_reports_arrives_in_order_when_the_service_is_back(
        self, spool: Path, tmp_path: Path
    ) -> None:
        for number, name in enumerate([FIRST, SECOND, THIRD, "incoming"]):
            fill(spool / name, range(number * DAY // 4, (number + 1) * DAY // 4))
        assert run_ship(spool, url=f"unix:{tmp_path}/enc.sock").code == 3

        with sink(tmp_path) as service:
            run = run_ship(spool, url=service.url)

        assert run.code == 0
        assert service.numbers == list(range(DAY))


class TestAServiceThatDies:
    def test_before_a_byte_keeps_everything(self, spool: Path) -> None:
        fill(spool / FIRST, [1, 2])

        run = run_ship(spool)

        assert (run.code, run.out) == (3, b"")
        assert is_one_line(run.err)
        assert "unix:/nonexistent" in run.err
        assert f"kept in {spool}" in run.err
        assert left(spool) == [FIRST]

    def test_does_not_make_a_segment_each_time(self, spool: Path) -> None:
        fill(spool / "incoming", [1])
        for _ in range(3):
            assert run_ship(spool).code == 3
            fill(spool / "incoming", [2])

        assert len(left(spool)) == 2

    def test_after_taking_loses_nothing_and_keeps_the_order(
        self, spool: Path, service: Sink
    ) -> None:
        fill(spool / FIRST, range(20))
        service.judge = dies_at(7)
        assert run_ship(spool, url=service.url).code == 3

        service.judge = lambda text: TAKEN
        assert run_ship(spool, url=service.url).code == 0

        assert sorted(set(service.numbers)) == list(range(20))
        assert service.numbers == sorted(service.numbers)
        assert service.numbers.count(6) == service.numbers.count(8) == 1

    def test_goes_on_from_where_it_was(self, spool: Path, service: Sink) -> None:
        fill(spool / FIRST, range(250))
        service.judge = dies_at(170, Reply(503))
        assert run_ship(spool, url=service.url).code == 3
        service.judge = lambda text: TAKEN

        run_ship(spool, url=service.url)

        assert service.numbers == list(range(250))

    @pytest.mark.parametrize(
        "reply",
        [
            pytest.param(Reply(503), id="503"),
            pytest.param(Reply(500), id="500"),
            pytest.param(Reply(401), id="401"),
            pytest.param(Reply(403), id="403"),
            pytest.param(Reply(200), id="200"),
            pytest.param(Reply(202), id="202"),
            pytest.param(Reply(400, "text/html"), id="400 of a proxy"),
            pytest.param(Reply(404, "application/json"), id="404 as JSON"),
            pytest.param(Reply(413, "text/html"), id="413 of a proxy"),
            *[
                pytest.param(Reply(status, type="about:blank"), id=f"{status} of HTTP alone")
                for status in (400, 404, 410, 413, 422)
            ],
            pytest.param(
                Reply(404, type="https://gateway.example/no-route"), id="404 of a gateway"
            ),
            pytest.param(Reply(404, type=""), id="404 of no type"),
        ],
    )
    def test_what_is_not_definite_keeps_it_and_what_follows(
        self, spool: Path, service: Sink, reply: Reply
    ) -> None:
        service.judge = dies_at(1, reply)
        fill(spool / FIRST, [0, 1, 2])

        run = run_ship(spool, url=service.url)

        assert run.code == 3
        assert f"it answered {reply.status}" in run.err
        assert (service.numbers, left(spool)) == ([0], [FIRST])

    def test_that_is_too_old_to_take_reports_keeps_them_all(
        self, spool: Path, service: Sink
    ) -> None:
        service.judge = lambda text: Reply(404, type="about:blank", detail="nothing at this path")
        fill(spool / FIRST, [1])
        fill(spool / "incoming", [2])

        run = run_ship(spool, url=service.url)

        assert (run.code, left(spool), len(service.paths)) == (3, [FIRST, "incoming"], 1)
        assert "not rolecall's word on a report (is url right?): nothing at this path" in run.err

    def test_a_kept_connection_that_is_closed_is_no_trouble(
        self, spool: Path, service: Sink
    ) -> None:
        """As servers do after so many requests."""
        seen = []

        def judge(text: bytes) -> Reply:
            seen.append(text)
            return DIES if len(seen) == 3 else TAKEN

        service.judge = judge
        fill(spool / FIRST, range(6))

        assert run_ship(spool, url=service.url).code == 0
        assert service.numbers == [0, 1, 2, 2, 3, 4, 5]

    def test_the_second_url_is_asked_when_the_first_is_dead(
        self, spool: Path, service: Sink
    ) -> None:
        fill(spool / FIRST, range(3))

        run = run_ship(spool, url=f"unix:/nonexistent {service.url}")

        assert (run.code, service.numbers) == (0, [0, 1, 2])
