"""The alert rules, by Prometheus' own promtool: each fires when it should, and not before."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

RULES = Path(__file__).parents[3] / "docs/prometheus/rolecall.rules.yaml"
HOUR = "x60"


@dataclass(frozen=True)
class Case:
    """Not once fired until the minute ``quiet``, firing at ``fires``; a value each minute."""

    alert: str
    series: dict[str, str]
    fires: int | None
    quiet: int | None = None


PASSES = "rolecall_converge_passes_total"
LAST = "rolecall_converge_last_pass_timestamp_seconds"
A, B = f'{LAST}{{instance="a"}}', f'{LAST}{{instance="b"}}'
VERDICTS = "rolecall_csr_verdicts_total"
REGION = 'rolecall_region_unreadable{region="x"}'
HELD = 'rolecall_held{role="web"'
FLEET = 'rolecall_nodes{role="web",kind="fleet",state="ready"}'


def steps(minutes: int) -> str:
    """A counter that grows by one each so many minutes, for an hour."""
    return " ".join(f"{minute // minutes}" for minute in range(61))


CASES = (
    Case("RolecallNoConverge", {LAST: "0+60x60"}, None, 60),
    Case("RolecallNoConverge", {LAST: f"0+60x10 600{HOUR}"}, 23, 20),
    # One that stands by has no pass of its own, and one that has just started none yet.
    Case("RolecallNoConverge", {LAST: "0+60x60", f'{LAST}{{a="standby"}}': f"0{HOUR}"}, None, 60),
    # The leader's host dies; the other's first pass needs its lease to end, and more.
    Case("RolecallNoConverge", {A: "0+60x20 stale", B: "0x23 1440+60x36"}, None, 60),
    Case("RolecallNoConverge", {A: "0+60x20 stale", B: f"0{HOUR}"}, 33, 30),
    # One loop starts anew: its first pass is slow, never comes to an end, or each start dies of it.
    Case("RolecallNoConverge", {LAST: "0+60x20 0x5 1560+60x34"}, None, 60),
    Case("RolecallNoConverge", {LAST: f"0+60x20 0{HOUR}"}, 33, 30),
    Case("RolecallNoConverge", {LAST: "0+60x20" + " 0 stale" * 20}, 33, 30),
    Case("RolecallNoConverge", {LAST: "0+60x20" + " 0 stale" * 20}, 60, 30),
    # The first loop that there is: it has ten minutes for its first pass.
    Case("RolecallNoConverge", {LAST: "_x20 0x5 1560+60x34"}, None, 60),
    Case("RolecallNoConverge", {LAST: f"_x20 0{HOUR}"}, 33, 30),
    Case("RolecallConvergeUnwatched", {"up": f"1{HOUR}"}, 11, 9),
    Case("RolecallConvergeUnwatched", {LAST: "0+60x60"}, None, 60),
    Case("RolecallPassesFail", {f'{PASSES}{{outcome="CloudError"}}': "0x10 1+1x50"}, 20, 10),
    Case("RolecallPassesFail", {f'{PASSES}{{outcome="done"}}': "0+1x60"}, None, 60),
    # One in nine fails, or each one of a slow loop; twice in an hour is no pattern yet.
    Case("RolecallPassesFail", {f'{PASSES}{{outcome="StoreError"}}': steps(9)}, 58, 20),
    Case("RolecallPassesFail", {f'{PASSES}{{outcome="StoreError"}}': steps(25)}, None, 60),
    Case(
        "RolecallRoleHeld",
        {'rolecall_held{role="web"}': "0x10 1x50", 'rolecall_held{role="db"}': "0x60"},
        17,
        14,
    ),
    Case("RolecallRoleHeld", {'rolecall_held{role="web"}': "0x60"}, None, 60),
    # A loop that is cut off shows for some minutes what was; the one that leads, what is.
    Case("RolecallRoleHeld", {HELD + ',instance="a"}': "1x3 stale", HELD + "}": "0x60"}, None, 60),
    Case(
        "RolecallLaunchesFailed",
        {'rolecall_launches_recent{role="web",state="failed"}': "_x10 1x50"},
        12,
        9,
    ),
    Case(
        "RolecallLaunchesFailed",
        {'rolecall_launches_recent{role="web",state="complete"}': "3x60"},
        None,
        60,
    ),
    Case(
        "RolecallFleetTooSmall",
        {'rolecall_fleet_size{role="web"}': "3x60", FLEET: "3x10 2x50"},
        45,
        38,
    ),
    Case("RolecallFleetTooSmall", {'rolecall_fleet_size{role="web"}': "3x60"}, 35, 25),
    Case(
        "RolecallFleetTooSmall",
        {
            'rolecall_fleet_size{role="web",instance="b"}': "3x60",
            'rolecall_fleet_size{role="web",instance="a"}': "3x5 stale",
            FLEET.replace("}", ',instance="b"}'): "2x60",
            FLEET.replace("}", ',instance="a"}'): "3x5 stale",
        },
        40,
        34,
    ),
    Case("RolecallFleetTooSmall", {'rolecall_fleet_size{role="web"}': "3x60", FLEET: "4x60"}, None),
    Case("RolecallNodesSilent", {'rolecall_nodes_silent{role="web"}': "_x10 2x50"}, 17, 14),
    Case("RolecallNodesSilent", {'rolecall_nodes_silent{role="web"}': "0x60"}, None, 60),
    Case("RolecallSigningRefused", {f'{VERDICTS}{{reason="wrong-password"}}': "0x10 9x50"}, 12, 10),
    Case("RolecallSigningRefused", {f'{VERDICTS}{{reason="unknown-node"}}': "0x10 2x50"}, None, 12),
    Case("RolecallSigningRefused", {f'{VERDICTS}{{reason="ours"}}': "0+9x60"}, None, 60),
    Case("RolecallSigningRefused", {f'{VERDICTS}{{reason="ours-again"}}': "0+9x60"}, None, 60),
    Case("RolecallStoreAway", {'rolecall_store_ready{instance="a"}': "1x10 0x50"}, 13, 10),
    Case("RolecallStoreAway", {'rolecall_store_ready{instance="a"}': "1x60"}, None, 60),
    Case("RolecallServiceAway", {"up": "1x60"}, 6, 4),
    Case("RolecallServiceAway", {'rolecall_store_ready{instance="a"}': "0x60"}, None, 60),
    Case("RolecallRecordsDamaged", {"rolecall_nodes_damaged": "0x10 1x50"}, 17, 14),
    Case("RolecallRecordsDamaged", {"rolecall_nodes_damaged": "0x60"}, None, 60),
    Case(
        "RolecallNodesLeftOut",
        {'rolecall_discovery_left_out_total{tool="ansible"}': "0x10 1+1x50"},
        13,
        10,
    ),
    Case(
        "RolecallNodesLeftOut",
        {'rolecall_discovery_left_out_total{tool="ansible"}': "0x60"},
        None,
        60,
    ),
    Case(
        "RolecallRegionUnreadable", {'rolecall_region_unreadable{region="x"}': "0x5 1x55"}, 18, 14
    ),
    Case("RolecallRegionUnreadable", {'rolecall_region_unreadable{region="x"}': "0x60"}, None, 60),
)


def promtool(*words: str) -> str:
    done = subprocess.run(
        ["promtool", *words], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def alerts() -> dict[str, dict[str, Any]]:
    [group] = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    assert "SUCCESS" in promtool("check", "rules", str(RULES))


def test_each_alert_fires_when_it_should_and_not_before(tmp_path: Path) -> None:
    tests = tmp_path / "tests.yaml"
    made = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [tried(case) for case in CASES],
    }
    tests.write_text(yaml.safe_dump(made))

    promtool("test", "rules", str(tests))


def tried(case: Case) -> dict[str, Any]:
    firing = f'ALERTS{{alertname="{case.alert}",alertstate="firing"}}'
    checks = (
        (case.quiet, f"count(count_over_time({firing}[2h])) or vector(0)", 0),
        (case.fires, f"count({firing}) or vector(0)", 1),
    )
    return {
        "name": f"{case.alert} {case.series}",
        "interval": "1m",
        "input_series": [{"series": name, "values": said} for name, said in case.series.items()],
        "promql_expr_test": [
            {
                "expr": asked,
                "eval_time": f"{minute}m",
                "exp_samples": [{"labels": "{}", "value": count}],
            }
            for minute, asked, count in checks
            if minute is not None
        ],
    }


def test_every_alert_is_tried_both_ways() -> None:
    assert {case.alert for case in CASES if case.fires is not None} == set(alerts())
    assert {case.alert for case in CASES if case.fires is None} == set(alerts())


@pytest.mark.parametrize("name", alerts())
def test_every_alert_says_what_it_is_and_what_to_do(name: str) -> None:
    said = alerts()[name]["annotations"]

    assert set(said) == {"summary", "description"}
    assert alerts()[name]["labels"]["severity"] in ("warning", "critical")
    # A next step: a command, or where to look.
    assert "`" in said["description"] or "log" in said["description"]
