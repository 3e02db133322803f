"""Measuring commands: CPU seconds of a child process, interleaved so that noise hits all alike."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from statistics import median


def cpu_seconds(command: Sequence[str], env: Mapping[str, str] | None = None) -> float:
    """User and system time of one run; raises CalledProcessError when it fails."""
    process = subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime


def medians(
    commands: Mapping[str, Sequence[str]], env: Mapping[str, str] | None, rounds: int
) -> dict[str, float]:
    """Median CPU seconds of each command, run in turns."""
    spent: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            spent[name].append(cpu_seconds(command, env))
    return {name: median(times) for name, times in spent.items()}


PASS = (sys.executable, "-c", "pass")
