"""The signing policy: certificate requests a second on one core, and a hundred thousand forged."""

from __future__ import annotations

import time
from datetime import timedelta
from itertools import chain

from enc.domain.trust import Claim, LaunchKey, judge, password
from tests.bench.table import Row
from tests.builders import node
from tests.csrs import INSTANCE_ID, request, rsa_key
from tests.fakes.clock import START
from tests.fuzz import forged, mutated, odd, survivors

# Puppet's own size, which takes the longest of those that come.
KEY_BITS = 4096
REQUESTS, ROUNDS = 100, 10
RATE_BOUND = 500
MUTATED, FORGED, ODD = 80_000, 10_000, 10_000
KEY = "5e" * 32


def measure() -> list[Row]:
    rate = _rate()
    wrong = chain(mutated(MUTATED, seed=3), forged(FORGED, seed=4), odd(ODD, seed=5))
    signed = len(survivors(wrong))
    return [
        Row(
            what=f"policy: requests with a key of {KEY_BITS} bits, a CPU second",
            measured=f"{rate:.0f}/s",
            bound=f">= {RATE_BOUND}/s",
            ok=rate >= RATE_BOUND,
        ),
        Row(
            what=f"policy: signed of {MUTATED + FORGED + ODD} that are mutated, forged or odd",
            measured=f"{signed}",
            bound="0",
            ok=signed == 0,
        ),
    ]


def _rate() -> float:
    launch = LaunchKey(launch="l-00000000000000aa", key=KEY, expires=START + timedelta(hours=1))
    asked = []
    for number in range(REQUESTS):
        name = f"i-{number:017x}"
        words = {INSTANCE_ID: name}
        pem = request(name, password(KEY, name), key=rsa_key("bench", KEY_BITS), extensions=words)
        asked.append((name, pem, Claim(now=START, node=node(name), launch=launch)))
    began = time.process_time()
    signed = sum(judge(*each).sign for _ in range(ROUNDS) for each in asked)
    spent = time.process_time() - began
    if signed != REQUESTS * ROUNDS:
        raise RuntimeError("the requests that were measured were not signed")
    return signed / spent
