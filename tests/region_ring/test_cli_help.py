"""What a command line says about itself, and what that costs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.region_ring.cli import CLI

HEAVY = {"redis", "pydantic", "boto3", "botocore", "requests", "yaml"}
COMMANDS = (
    *("init", "roles", "launch", "ls", "show", "history", "assign", "retire", "sign", "doctor"),
    *("explain", "export", "import"),
    *("plan", "converge", "run", "burst", "rotate", "pause", "resume", "hold", "unhold"),
)
ROLES = ("apply", "diff", "ls", "show")


def run(*command: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=60
    )


def test_help_imports_nothing_heavy() -> None:
    said = run(sys.executable, "-X", "importtime", "-m", "provisioner.cli", "--help").stderr

    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in said.splitlines()}
    assert "click" in imported
    assert imported & HEAVY == set()


def test_help_names_every_command_whole() -> None:
    done = run(*CLI, "--help", COLUMNS="80")

    assert done.returncode == 0
    listed = done.stdout.partition("Commands:")[2]
    assert [line.split()[0] for line in listed.splitlines() if line.strip()] == sorted(COMMANDS)
    # click cuts what is too long.
    assert "..." not in listed


@pytest.mark.parametrize(
    "words",
    [
        *("launch", "retire", "roles apply", "burst", "plan", "rotate"),
        *("export ansible", "export hosts", "export csv"),
    ],
)
def test_help_of_what_acts_has_examples(words: str) -> None:
    done = run(*CLI, *words.split(), "-h")

    examples = done.stdout.partition("Examples:")[2].splitlines()
    assert sum(line.strip().startswith(f"provisioner {words}") for line in examples) >= 2


def test_version_is_told() -> None:
    assert run(*CLI, "--version").stdout.startswith("provisioner, version ")


def test_no_words_at_all_get_help_and_2() -> None:
    done = run(*CLI)

    assert (done.returncode, done.stdout) == (2, "")
    assert "Commands:" in done.stderr


def test_the_shell_can_complete_words() -> None:
    done = run(*CLI, _PROVISIONER_COMPLETE="bash_source")

    assert "complete -o nosort" in done.stdout
