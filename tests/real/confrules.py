"""Who may do what by an auth.conf: the puppetserver's own code is asked, without a puppetserver.

answers = may([Question(file, "provisioner", "GET certificate_request/name")], folder)
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.real.ca import API
from tests.real.jvm import BRIEF
from tests.real.puppetserver import JAR

PROGRAM = Path(__file__).parent / "clojure" / "authorization.clj"
# It logs each refusal to standard output, between the answers, if nobody tells it not to.
QUIET = "<configuration><root level='off'/></configuration>"
# One JVM, some 5 s when it is alone.
SECONDS = 120


@dataclass(frozen=True)
class Question:
    """`who` is the name in the certificate (None: there is none), `act` is "METHOD path"."""

    file: Path
    who: str | None
    act: str
    extensions: dict[str, str] = field(default_factory=dict)

    @property
    def edn(self) -> str:
        """Strings are as in JSON."""
        extensions = " ".join(
            f":{name} {json.dumps(text)}" for name, text in self.extensions.items()
        )
        method, path = self.act.split()
        file, who, method, path = (
            json.dumps(each) if each else "nil"
            for each in (str(self.file), self.who, method.lower(), f"{API}/{path}")
        )
        return f"[{file} {who} {{{extensions}}} {method} {path}]"


def may(questions: Sequence[Question], folder: Path) -> list[bool | str]:
    """For each; a text is why the puppetserver would not start with that file.

    FOLDER takes a file of ours.
    """
    logback = folder / "logback.xml"
    logback.write_text(QUIET)
    java = ["java", *BRIEF, f"-Dlogback.configurationFile={logback}"]
    done = subprocess.run(
        [*java, "-cp", JAR, "clojure.main", PROGRAM],
        input=f"[{' '.join(each.edn for each in questions)}]",
        capture_output=True, text=True, check=True, timeout=SECONDS,
    )  # fmt: skip
    said = done.stdout.splitlines()[-len(questions) :]
    return [{"true": True, "false": False}.get(line, line) for line in said]
