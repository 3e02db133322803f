"""ship-reports and its folder: what is refused, full disks, links and strangers' files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.service.enc_script import is_one_line
from tests.service.hanging_resolver import needs_root
from tests.service.reports_sink import TAKEN, Reply, Sink
from tests.service.spool import (
    FIRST,
    SECOND,
    fill,
    left,
    line,
    run_ship,
)

MIB = 1024 * 1024
SOMEBODY = 65534
MANY_FILES = 99
# The folder is laid over with a full disk of 64 KiB; what is on it afterwards is brought back.
# One that takes less than many files is full of those, too.
FULL_DISK = f"""
cd "$1" && spool=$1 files=$2 && shift 2
mount -t tmpfs -o "size=64k,nr_inodes=$files" none "$spool" && cp -- * "$spool" || exit 99
dd if=/dev/zero of="$spool/filler" bs=4096 2>/dev/null
while [ "$files" -lt {MANY_FILES} ] && true >"$spool/filler$((i += 1))"; do :; done 2>/dev/null
"$@"
code=$?
rm -- * "$spool"/filler* && cp -- "$spool"/* .
exit $code
"""


def refuses(*texts: bytes, status: int = 400) -> object:
    return lambda text: Reply(status) if text in texts else TAKEN


def refused(spool: Path) -> list[dict[str, str]]:
    text = (spool / "refused.jsonl").read_text()
    return [json.loads(each) for each in text.splitlines()]


class TestRefusing:
    @pytest.mark.parametrize("status", [400, 410, 413, 422])
    def test_what_is_definitely_refused_is_moved_aside_and_the_rest_goes_on(
        self, spool: Path, service: Sink, status: int
    ) -> None:
        service.judge = refuses(line(2), status=status)
        fill(spool / FIRST, [1, 2, 3])

        run = run_ship(spool, url=service.url)

        assert (run.code, service.numbers, left(spool)) == (1, [1, 3], ["refused.jsonl"])
        assert refused(spool) == [{"why": f"{status}: because", "line": line(2).decode()}]
        assert is_one_line(run.err)
        assert f"(the first: i-0abc: {status}: because)" in run.err
        assert f"{spool}/refused.jsonl" in run.err

    def test_many_are_one_line_on_stderr_that_counts_the_sorts(
        self, spool: Path, service: Sink
    ) -> None:
        statuses = [413, 413, 410, 400, 413, 422]
        service.judge = lambda text: Reply(statuses[json.loads(text)["number"] % len(statuses)])
        fill(spool / FIRST, range(30))

        run = run_ship(spool, url=service.url)

        assert is_one_line(run.err)
        assert "25 that cannot be used (the first: i-0abc: 413" in run.err
        assert "5 of nodes that have ended (the first: i-0abc: 410" in run.err
        assert len(refused(spool)) == 30

    def test_none_is_not_a_word_on_stderr(self, spool: Path, service: Sink) -> None:
        fill(spool / FIRST, range(3))

        assert run_ship(spool, url=service.url).err == ""

    def test_a_long_reason_does_not_hide_the_counts(self, spool: Path, service: Sink) -> None:
        service.judge = lambda text: Reply(410 if text == line(1) else 400, detail="x" * 2000)
        fill(spool / FIRST, [1, 2])

        run = run_ship(spool, url=service.url)

        assert "1 of nodes that have ended" in run.err
        assert "1 that cannot be used" in run.err
        assert "x" * 2000 in refused(spool)[0]["why"]

    def test_they_are_not_sent_again(self, spool: Path, service: Sink) -> None:
        service.judge = lambda text: Reply(410)
        fill(spool / FIRST, range(3))
        run_ship(spool, url=service.url)

        assert (run_ship(spool, url=service.url).code, len(service.paths)) == (0, 3)

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            pytest.param(line(1)[:-9], "it is cut off", id="half a line at the end"),
            pytest.param(b"\0" * 5000, "it is cut off", id="NULs, as after a power failure"),
            pytest.param(b"x" * 70_000 + b"\n", "longer than 65536", id="a long line"),
            pytest.param(b"x" * 70_000, "longer than 65536", id="a long line without an end"),
        ],
    )
    def test_what_is_no_line_is_moved_aside_and_not_sent(
        self, spool: Path, service: Sink, text: bytes, why: str
    ) -> None:
        (spool / FIRST).write_bytes(line(1) + b"\n" + text)
        fill(spool / SECOND, [2])

        assert run_ship(spool, url=service.url).code == 1
        assert service.numbers == [1, 2]
        assert why in refused(spool)[0]["why"]

    def test_what_is_not_json_is_for_the_service_to_refuse(
        self, spool: Path, service: Sink
    ) -> None:
        text = b'\xff\xfe{"a": \x1b[2J'
        service.judge = refuses(text)
        (spool / FIRST).write_bytes(text + b"\n" + line(1) + b"\n")

        run = run_ship(spool, url=service.url)

        assert (run.code, service.numbers) == (1, [1])
        assert refused(spool)[0]["line"] == '\\xff\\xfe{"a": \x1b[2J'
        assert is_one_line(run.err)

    def test_the_file_is_bounded(self, spool: Path, service: Sink) -> None:
        service.judge = lambda text: Reply(400)
        (spool / "refused.jsonl").write_bytes(b"x" * (MIB - 10))
        (spool / "refused.jsonl.1").write_bytes(b"old")
        fill(spool / FIRST, [1])

        run_ship(spool, url=service.url)

        assert (spool / "refused.jsonl.1").stat().st_size == MIB - 10
        assert len(refused(spool)) == 1

    def test_the_file_is_not_begun_anew_while_there_is_room(
        self, spool: Path, service: Sink
    ) -> None:
        service.judge = lambda text: Reply(400)
        (spool / "refused.jsonl").write_bytes(b"{}\n" * 1000)
        fill(spool / FIRST, [1])

        run_ship(spool, url=service.url)

        assert not (spool / "refused.jsonl.1").exists()
        assert len(refused(spool)) == 1001


@pytest.mark.root
@needs_root
class TestAFullDisk:
    def test_while_moving_aside_keeps_the_line_and_says_so(
        self, spool: Path, service: Sink
    ) -> None:
        service.judge = refuses(line(2))
        fill(spool / FIRST, [1, 2, 3])

        run = run_ship(spool, url=service.url, within=full_disk(spool))

        assert run.code == 3
        assert "No space left on device" in run.err
        assert "look at its disk" in run.err
        assert service.numbers == [1]
        # And once there is room:
        assert run_ship(spool, url=service.url).code == 1
        assert set(service.numbers) == {1, 3}
        assert refused(spool) == [{"why": "400: because", "line": line(2).decode()}]

    def test_does_not_stop_what_is_taken(self, spool: Path, service: Sink) -> None:
        fill(spool / FIRST, range(150))

        run = run_ship(spool, url=service.url, within=full_disk(spool))

        assert (run.code, service.numbers) == (0, list(range(150)))
        assert "cannot write the position" in run.err

    def test_that_takes_no_file_more_does_not_stop_what_is_incoming(
        self, spool: Path, service: Sink
    ) -> None:
        (spool / "lock").touch()
        fill(spool / "incoming", [1, 2])

        run = run_ship(spool, url=service.url, within=full_disk(spool, files=9))

        assert (run.code, run.err, service.numbers) == (0, "", [1, 2])


def test_what_is_moved_aside_is_there_whole_or_not_at_all(spool: Path, service: Sink) -> None:
    """There is room for ten bytes of it."""
    service.judge = refuses(line(1))
    before = b"{}\n" * 1000
    (spool / "refused.jsonl").write_bytes(before)
    fill(spool / FIRST, [1])

    run = run_ship(spool, url=service.url, within=["prlimit", f"--fsize={len(before) + 10}"])

    assert (run.code, left(spool)) == (3, [FIRST, "refused.jsonl"])
    assert (spool / "refused.jsonl").read_bytes() == before


def full_disk(spool: Path, files: int = MANY_FILES) -> list[str]:
    return ["unshare", "--mount", "sh", "-c", FULL_DISK, "sh", str(spool), str(files)]


class TestWhatLiesInTheFolder:
    """Put there by somebody who must not make us read, write or delete what is elsewhere."""

    @pytest.fixture
    def elsewhere(self, tmp_path: Path) -> Path:
        fill(file := tmp_path / "elsewhere", [99])
        return file

    @pytest.mark.parametrize("name", ["incoming", FIRST])
    @pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
    def test_in_the_place_of_lines_is_left_alone_and_the_rest_is_shipped(
        self, spool: Path, service: Sink, elsewhere: Path, name: str, kind: str
    ) -> None:
        lay(spool / name, kind, elsewhere)
        fill(spool / SECOND, [1])

        run = run_ship(spool, url=service.url)

        assert (run.code, service.numbers, left(spool)) == (0, [1], [name])
        assert is_one_line(run.err)
        assert f"{spool}/{name} is not a file of ours" in run.err

    @pytest.mark.root
    @needs_root
    def test_that_belongs_to_somebody_else_is_left_alone(self, spool: Path, service: Sink) -> None:
        fill(spool / FIRST, [1])
        fill(spool / SECOND, [2])
        os.chown(spool / FIRST, SOMEBODY, SOMEBODY)

        run = run_ship(spool, url=service.url)

        assert (run.code, service.numbers, left(spool)) == (0, [2], [FIRST])
        assert f"{spool}/{FIRST} is not a file of ours" in run.err

    @pytest.mark.parametrize("name", ["lock", "refused.jsonl"])
    @pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
    def test_in_the_place_of_what_we_write_stops_us(
        self, spool: Path, service: Sink, elsewhere: Path, name: str, kind: str
    ) -> None:
        before = elsewhere.read_bytes()
        service.judge = lambda text: Reply(400)
        lay(spool / name, kind, elsewhere)
        fill(spool / FIRST, [1])

        run = run_ship(spool, url=service.url)

        assert (run.code, FIRST in left(spool)) == (3, True)
        assert str(spool) in run.err
        assert elsewhere.read_bytes() == before

    @pytest.mark.parametrize("name", ["position", "position.new"])
    def test_in_the_place_of_the_position_is_replaced_and_not_followed(
        self, spool: Path, service: Sink, elsewhere: Path, name: str
    ) -> None:
        before = elsewhere.read_bytes()
        lay(spool / name, "link", elsewhere)
        fill(spool / FIRST, range(150))

        run = run_ship(spool, url=service.url)

        assert (run.code, len(service.lines)) == (0, 150)
        assert elsewhere.read_bytes() == before


def lay(path: Path, kind: str, elsewhere: Path) -> None:
    if kind == "link":
        path.symlink_to(elsewhere)
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
