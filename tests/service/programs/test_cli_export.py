"""`provisioner export`: whole or nothing, and whoever is left out is named."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis

from enc.domain.model import State
from enc.inventory import Inventory
from tests.builders import event, foreign, node, role
from tests.servers import RedisServer, free_port

Run = Callable[..., subprocess.CompletedProcess[str]]
GOOD, BAD = "i-0aaaaaaaaaaaaaaa1", "i-0bad0bad0bad0bad"
EVERY = ("ansible", "hosts", "csv")


@pytest.fixture
def run(inventory: Inventory, redis_server: RedisServer, tmp_path: Path) -> Run:
    inventory.roles.apply([role()], event())
    inventory.nodes.create(node(GOOD, private_ip="10.0.0.4"), event())

    def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "provisioner.cli", "export", *words],
            env={"PATH": os.environ["PATH"], "REDIS_URL": redis_server.url, **env},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def test_the_nodes_are_written_for_each_tool(run: Run) -> None:
    ended = {tool: run(tool) for tool in EVERY}

    assert {tool: (one.returncode, one.stderr) for tool, one in ended.items()} == dict.fromkeys(
        EVERY, (0, "")
    )
    made = json.loads(ended["ansible"].stdout)["all"]
    assert made["hosts"][GOOD]["ansible_host"] == "10.0.0.4"
    assert made["children"]["role_web"]["hosts"] == {GOOD: {}}
    assert ended["hosts"].stdout == f"10.0.0.4\t{GOOD}\n"
    [row] = csv.DictReader(io.StringIO(ended["csv"].stdout))
    assert (row["certname"], row["private_ip"]) == (GOOD, "10.0.0.4")


def test_who_is_not_there_yet_or_leaves_is_not_written(run: Run, inventory: Inventory) -> None:
    for number, state in enumerate((State.PENDING, State.DRAINING, State.LOST, State.RETIRING)):
        inventory.nodes.create(
            node(f"i-0feed0feed0feed{number}0", state=state, private_ip="10.0.0.5"), event()
        )

    assert not [tool for tool in EVERY if "feed" in run(tool).stdout]


@pytest.mark.parametrize("tool", EVERY)
def test_a_damaged_node_is_named_and_the_others_are_written(
    run: Run, inventory: Inventory, redis: Redis, tool: str
) -> None:
    inventory.nodes.create(node(BAD), event())
    redis.hset(f"node:{BAD}", "kind", "none")

    ended = run(tool)

    assert ended.returncode == 3
    assert GOOD in ended.stdout
    assert BAD not in ended.stdout
    assert f"warning: {BAD} is left out: node:{BAD}" in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("provisioner: 1 node was left out")


@pytest.mark.parametrize("tool", ["ansible", "hosts"])
def test_a_node_that_would_break_the_file_is_named(
    run: Run, inventory: Inventory, tool: str
) -> None:
    inventory.nodes.create(node(BAD, private_ip="10.0.0.6 puppet\x1b[31m"), event())

    ended = run(tool)

    assert ended.returncode == 3
    assert "puppet" not in ended.stdout
    assert f"warning: {BAD} is left out: its address" in ended.stderr
    assert "\x1b" not in ended.stderr


def test_a_node_without_an_address_has_no_line_and_that_is_no_failure(
    run: Run, inventory: Inventory
) -> None:
    inventory.nodes.create(foreign("db1.example.com"), event())

    ended = run("hosts")

    assert (ended.returncode, ended.stdout) == (0, f"10.0.0.4\t{GOOD}\n")
    assert "db1.example.com" in ended.stderr


def test_a_formula_in_a_table_is_text(run: Run, inventory: Inventory) -> None:
    inventory.nodes.create(node(BAD, environment="=cmd|calc", held="a\nb"), event())

    rows = list(csv.DictReader(io.StringIO(run("csv").stdout)))

    assert [row["environment"] for row in rows] == ["", "'=cmd|calc"]
    assert rows[1]["held"] == r"a\nb"


@pytest.mark.parametrize("tool", EVERY)
def test_a_file_is_replaced_whole_and_keeps_its_mode(run: Run, tmp_path: Path, tool: str) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    file.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(file)

    ended = run(tool, "--output", "link")

    assert (ended.returncode, ended.stdout) == (0, "")
    assert file.read_text() == run(tool).stdout
    assert file.stat().st_mode & 0o777 == 0o640
    assert link.is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]


def test_a_new_file_may_be_read_as_the_umask_says(run: Run, tmp_path: Path) -> None:
    run("hosts", "--output", "new")

    mask = os.umask(0)
    os.umask(mask)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o666 & ~mask


@pytest.mark.parametrize("tool", EVERY)
def test_a_store_that_cannot_be_read_leaves_the_file_as_it_is(
    run: Run, redis: Redis, tmp_path: Path, tool: str
) -> None:
    file = tmp_path / "file"
    file.write_text("old")

    away = run(tool, "--output", "file", REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    other = run(tool, "--output", "file", ROLECALL_SITE="elsewhere")
    redis.delete("meta")
    lost = run(tool, "--output", "file")

    for ended in (away, other, lost):
        assert (ended.returncode, ended.stdout) == (1, ""), ended
        assert len(ended.stderr.splitlines()) == 1
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    ended = run("hosts", "--output", "nowhere/file")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "nowhere/file is as it was: No such file" in ended.stderr
    assert run("hosts", "--output", ".").returncode == 2


def test_a_pipe_is_written_to_and_not_replaced(run: Run, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit(pipe.read_text)
        ended = run("hosts", "--output", "pipe")
    assert (ended.returncode, read.result()) == (0, f"10.0.0.4\t{GOOD}\n")
    assert pipe.is_fifo()


def test_what_stdout_is_redirected_to_is_written_to_and_not_replaced(
    run: Run, tmp_path: Path, redis_server: RedisServer
) -> None:
    log = tmp_path / "log"
    with log.open("w") as out:
        before = os.fstat(out.fileno()).st_ino
        subprocess.run(
            [sys.executable, "-m", "provisioner.cli", "export", "csv", "--output", "/dev/stdout"],
            env={"PATH": os.environ["PATH"], "REDIS_URL": redis_server.url},
            cwd=tmp_path,
            stdout=out,
            check=True,
            timeout=60,
        )
    assert GOOD in log.read_text()
    assert log.stat().st_ino == before
