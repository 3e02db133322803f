"""Reports of nodes that rolecall does not know yet: lost, restored, or adopted a pass later."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.service.enc_script import is_one_line
from tests.service.reports_sink import TAKEN, Reply, Sink
from tests.service.spool import FIRST, fill, left, line, run_ship


def refused(spool: Path) -> list[dict[str, str]]:
    text = (spool / "refused.jsonl").read_text()
    return [json.loads(each) for each in text.splitlines()]


def waiting(spool: Path) -> list[dict[str, Any]]:
    file = spool / "waiting.jsonl"
    return [json.loads(each) for each in file.read_text().splitlines()] if file.exists() else []


def unknown(*numbers: int) -> Callable[[bytes], Reply]:
    """The service does not know the nodes of these."""
    return lambda text: Reply(404) if json.loads(text)["number"] in numbers else TAKEN


def let_in(spool: Path, *, hours: float) -> None:
    """As if they had waited for so long."""
    entries = [entry | {"since": entry["since"] - int(hours * 3600)} for entry in waiting(spool)]
    text = "".join(json.dumps(entry) + "\n" for entry in entries)
    (spool / "waiting.jsonl").write_text(text)


def test_a_report_of_a_node_that_is_not_known_yet_waits_and_the_rest_goes_on(
    spool: Path, service: Sink
) -> None:
    service.judge = unknown(2)
    fill(spool / FIRST, [1, 2, 3])

    run = run_ship(spool, url=service.url)

    assert (run.code, service.numbers, left(spool)) == (3, [1, 3], ["waiting.jsonl"])
    [entry] = waiting(spool)
    assert (entry["why"], entry["line"]) == ("404: because", line(2).decode())
    assert is_one_line(run.err)
    assert "1 of nodes that rolecall does not know (the first: i-0abc: 404" in run.err


def test_it_is_taken_once_the_node_is_known(spool: Path, service: Sink) -> None:
    service.judge = unknown(1, 2)
    fill(spool / FIRST, [1, 2, 3])
    run_ship(spool, url=service.url)
    service.judge = unknown()

    run = run_ship(spool, url=service.url)

    assert (run.code, run.err, service.numbers) == (0, "", [3, 1, 2])
    assert waiting(spool) == []


def test_of_each_node_one_is_tried_while_it_is_unknown(spool: Path, service: Sink) -> None:
    service.judge = unknown(*range(9))
    fill(spool / FIRST, range(9))
    run_ship(spool, url=service.url)
    before = len(service.paths)

    run = run_ship(spool, url=service.url)

    assert (run.code, len(service.paths) - before, len(waiting(spool))) == (3, 1, 9)


@pytest.mark.parametrize(("hours", "waits"), [(23.9, True), (24.1, False)])
def test_it_waits_for_a_day_and_is_refused_then(
    spool: Path, service: Sink, hours: float, *, waits: bool
) -> None:
    service.judge = unknown(1)
    fill(spool / FIRST, [1])
    run_ship(spool, url=service.url)
    let_in(spool, hours=hours)

    run = run_ship(spool, url=service.url)

    assert (run.code, len(waiting(spool))) == ((3, 1) if waits else (1, 0))
    assert (spool / "refused.jsonl").exists() is not waits


def test_one_of_a_node_that_ended_meanwhile_is_refused(spool: Path, service: Sink) -> None:
    service.judge = unknown(1)
    fill(spool / FIRST, [1])
    run_ship(spool, url=service.url)
    service.judge = lambda _: Reply(410)

    assert run_ship(spool, url=service.url).code == 1
    assert (waiting(spool), len(refused(spool))) == ([], 1)


def test_a_service_that_goes_away_keeps_them_waiting(spool: Path, service: Sink) -> None:
    service.judge = unknown(1)
    fill(spool / FIRST, [1])
    run_ship(spool, url=service.url)
    service.judge = lambda _: Reply(503)

    assert run_ship(spool, url=service.url).code == 3
    assert len(waiting(spool)) == 1


def test_of_too_many_the_older_half_is_refused(spool: Path, service: Sink) -> None:
    service.judge = lambda _: Reply(404)
    (spool / FIRST).write_bytes(b"".join(line(n, x="x" * 50_000) + b"\n" for n in range(30)))

    run_ship(spool, url=service.url)

    kept = [json.loads(entry["line"])["number"] for entry in waiting(spool)]
    gone = [json.loads(entry["line"])["number"] for entry in refused(spool)]
    assert gone + kept == list(range(30))
    assert (spool / "waiting.jsonl").stat().st_size <= 2**20


def test_garbage_among_them_is_passed_over(spool: Path, service: Sink) -> None:
    service.judge = unknown(1)
    fill(spool / FIRST, [1])
    run_ship(spool, url=service.url)
    with (spool / "waiting.jsonl").open("a") as file:
        file.write('[]\n{"since": 1}\n\x00\n{"since"')
    service.judge = unknown()

    assert (run_ship(spool, url=service.url).code, service.numbers) == (0, [1])
