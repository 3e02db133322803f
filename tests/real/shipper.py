"""`ship-reports --watch` beside the puppetserver, as its user."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.real.puppetserver import as_puppet
from tests.servers import stop

WATCH_SECONDS = "0.2"


@dataclass
class Shipper:
    """From `spool` to the service at `url`; what it says goes to a log in `folder`."""

    script: Path
    folder: Path
    url: str
    spool: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / "ship-reports.log"

    def start(self) -> None:
        settings = {"ENC_CONF": "/nonexistent/enc.conf", "ENC_URL": self.url}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*as_puppet(), str(self.script), "--watch", WATCH_SECONDS],
                env={"PATH": "/usr/bin:/bin", **settings, "ENC_SPOOL": str(self.spool)},
                cwd="/", start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def said(self, lines: int) -> str:
        text = self.log.read_text() if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process)
            self.process = None
