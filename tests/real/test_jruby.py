"""What the puppetserver's own Ruby reads of an answer: JRuby's YAML parser is not C Ruby's."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from enc.domain.classify import quoted
from tests.real.jvm import BRIEF
from tests.unit.test_classify import READ_BY_RUBY, VALUES, shown

pytestmark = pytest.mark.differs

HOME = Path("/usr/share/jruby")


@pytest.mark.skipif(not HOME.is_dir(), reason="the puppetserver's JRuby is not installed")
def test_jruby_reads_every_value_as_it_is() -> None:
    texts = json.dumps([f"---\nx: {quoted(value)}\n" for value in VALUES])
    done = subprocess.run(
        [
            *("java", *BRIEF, f"-Djruby.home={HOME}", "-cp", f"{HOME}/lib/*"),
            *("org.jruby.Main", "-e", READ_BY_RUBY),
        ],
        input=texts,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    for value, found in zip(VALUES, json.loads(done.stdout), strict=True):
        assert found == shown(value), ascii(value)[:80]
