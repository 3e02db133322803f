"""What the alert rules and the dashboard ask for is really shown, by the service or the loop."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry, generate_latest

from enc.domain.model import Kind, LaunchState, State
from enc.domain.trust import Reason
from enc.web.metrics import Metrics
from provisioner.adapters.meters import Meters
from tests.fakes.clock import FakeClock

DOCS = Path(__file__).parents[3] / "docs/prometheus"
RULES, DASHBOARD = DOCS / "rolecall.rules.yaml", DOCS / "rolecall.dashboard.json"
# What Prometheus itself adds.
OF_PROMETHEUS = {"instance", "job", "le"}


def expressions() -> dict[str, str]:
    """By the name of the alert or panel."""
    [group] = yaml.safe_load(RULES.read_text())["groups"]
    found = {rule["alert"]: rule["expr"] for rule in group["rules"]}
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            found[f"{panel['title']} {target['refId']}"] = target["expr"]
    return found


def exposed(text: str) -> set[str]:
    """The names of the samples of an exposition, also of those that have no value yet."""
    found = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        if kind == "histogram":
            found |= {f"{name}_{part}" for part in ("bucket", "sum", "count")}
        else:
            found.add(name)
    return found


def labels(registry: CollectorRegistry) -> Iterator[str]:
    for collector in registry._collector_to_names:
        yield from getattr(collector, "_labelnames", ())


@pytest.fixture
def names(client: FlaskClient) -> set[str]:
    """As the service and the loop really show them."""
    service = client.get("/metrics").text
    return exposed(service) | exposed(generate_latest(Meters(FakeClock()).registry).decode())


@pytest.mark.parametrize("where", expressions())
def test_every_metric_that_is_asked_for_is_shown(names: set[str], where: str) -> None:
    asked = set(re.findall(r"\brolecall_[a-z_]+", expressions()[where]))

    assert asked
    assert asked <= names


@pytest.mark.parametrize("where", expressions())
def test_every_label_that_is_asked_for_is_one(where: str) -> None:
    text = expressions()[where]
    known = {*labels(Meters(FakeClock()).registry), *labels(Metrics()._registry), *OF_PROMETHEUS}
    named = {name for group in re.findall(r"by \(([^)]*)\)", text) for name in group.split(", ")}
    filters = " ".join(re.findall(r"\{([^}]*)\}", text))
    matched = set(re.findall(r"(\w+)[=!]", filters))

    assert named | matched <= known


def test_every_value_that_is_asked_for_is_one() -> None:
    values: dict[str, set[Any]] = {
        "reason": {reason.value for reason in Reason},
        "outcome": {"done", "failures", "standby"},
        "kind": {kind.value for kind in Kind},
        "state": {state.value for state in (*State, *LaunchState)},
        "role": {"$role"},
    }
    for text in expressions().values():
        for label, value in re.findall(r'(\w+)[=!]~?"([^"]*)"', text):
            assert set(value.split("|")) <= values[label], text


def test_a_metric_that_is_not_shown_is_found_missing(names: set[str]) -> None:
    assert "rolecall_nodes_silent" in names
    assert "rolecall_nodes_silent_total" not in names
    assert "rolecall_http_requests_total" in names


def test_the_dashboard_is_grafanas() -> None:
    """As Grafana documents its JSON model of a dashboard."""
    found = json.loads(DASHBOARD.read_text())

    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= set(found)
    ids = [panel["id"] for panel in found["panels"]]
    assert len(ids) == len(set(ids))
    squares = [
        (x, y)
        for panel in found["panels"]
        for at in [panel["gridPos"]]
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    # No panel lies on another, nor beyond Grafana's 24 columns.
    assert len(squares) == len(set(squares))
    assert max(x for x, _ in squares) < 24
