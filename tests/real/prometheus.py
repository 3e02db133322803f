"""A real Prometheus, with the scrape configuration that the README gives."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.servers import free_port, stop, wait_until

ROOT = Path(__file__).parents[2]
RULES = ROOT / "docs/prometheus/rolecall.rules.yaml"


def of_readme(service: str, port: int) -> dict[str, Any]:
    """The README's configuration, for a service and its nodes' port here, asking each second."""
    blocks = re.findall(
        r"```yaml\n(scrape_configs:.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    [found] = map(yaml.safe_load, blocks)
    nodes, own, loop = found["scrape_configs"]
    [discovery] = nodes["http_sd_configs"]
    discovery["url"] = f"http://{service}/v1/discovery/prometheus?port={port}"
    discovery["refresh_interval"] = "1s"
    own["static_configs"] = [{"targets": [service]}]
    own["scheme"] = "http"
    for part in (discovery, own):
        del part["tls_config"]
    nodes["scrape_interval"] = loop["scrape_interval"] = "1h"
    own["scrape_interval"] = "1s"
    found["rule_files"] = [str(RULES)]
    found["global"] = {"evaluation_interval": "1s"}
    return dict(found)


@dataclass
class Prometheus:
    """It keeps nothing that its folder does not hold."""

    folder: Path
    configuration: dict[str, Any]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> Prometheus:
        self.folder.mkdir()
        config = self.folder / "prometheus.yaml"
        config.write_text(yaml.safe_dump(self.configuration))
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *("prometheus", f"--config.file={config}"),
                    f"--storage.tsdb.path={self.folder}/data",
                    f"--web.listen-address=127.0.0.1:{self.port}",
                ],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                cwd=self.folder,
            )
        alive = self.process
        wait_until("Prometheus", self._ready, alive=lambda: alive.poll() is None)
        return self

    def stop(self) -> None:
        if self.process is not None:
            stop(self.process)

    def targets(self, job: str = "nodes") -> dict[str, dict[str, str]]:
        """Labels by address, as they are after relabelling."""
        found = self._api("targets?state=active")["activeTargets"]
        mine = (one for one in found if one["scrapePool"] == job)
        return {one["discoveredLabels"]["__address__"]: one["labels"] for one in mine}

    def own(self, name: str) -> float:
        """The sum of one of Prometheus' own metrics."""
        text = self._get("/metrics")
        return sum(map(float, re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE)))

    def alerts(self) -> dict[str, str]:
        """State by alert, of those that are not silent."""
        found = self._api("alerts")["alerts"]
        return {one["labels"]["alertname"]: one["state"] for one in found}

    def rules(self) -> dict[str, str]:
        """Health by alert."""
        groups = self._api("rules")["groups"]
        return {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}

    def _ready(self) -> bool:
        try:
            return bool(self._get("/-/ready"))
        except OSError:
            return False

    def _api(self, path: str) -> Any:
        return json.loads(self._get(f"/api/v1/{path}"))["data"]

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
            text: str = answer.read().decode()
            return text
