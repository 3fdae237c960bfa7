"""The alert rules, the configuration and the dashboard, each by the tools that read them."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from tests.docs.pages import page
from tests.limits import HANG_SECONDS
from tests.monitoring.prometheus import CONFIGURATION, DEPLOY, RULES, required
from tests.monitoring.test_prometheus import DASHBOARD, panels

RULE_TESTS: Final = DEPLOY / "prometheus/alerts_test.yml"
GRID_COLUMNS: Final = 24


def promtool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [required("promtool"), *map(str, words)],
        cwd=RULES.parent,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("check", "rules", RULES), id="rules"),
        pytest.param(("check", "config", CONFIGURATION), id="configuration"),
        pytest.param(
            ("test", "rules", RULE_TESTS), id="tests of the rules", marks=pytest.mark.slow
        ),
    ],
)
def test_promtool_is_content_with(words: tuple[str | Path, ...]):
    told = promtool(*words)
    assert told.returncode == 0, told.stdout + told.stderr


def test_every_alert_is_seen_to_fire_and_seen_not_to():
    cases = [
        (case["alertname"], bool(case["exp_alerts"]))
        for group in yaml.safe_load(RULE_TESTS.read_text())["tests"]
        for case in group["alert_rule_test"]
    ]
    assert set(cases) == {(alert["alert"], fires) for alert in alerts() for fires in (True, False)}


def test_the_page_says_what_to_do_about_every_alert():
    listed = {row[0].strip("`") for row in page("docs/monitoring.md").rows("`Holdfast[A-Z].*`")}
    assert listed == {alert["alert"] for alert in alerts()}


def test_every_alert_says_what_is_wrong_and_how_bad_it_is():
    for alert in alerts():
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert alert["annotations"].keys() == {"summary", "description"}


def test_the_dashboard_is_whole():
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    assert all(panel["title"] and panel["description"] for panel in panels())
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in panels())
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert variables == {"datasource", "job"}


def test_no_panel_lies_on_another():
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= GRID_COLUMNS
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                other = taken.setdefault((x, y), panel["title"])
                assert other == panel["title"]


def test_grafana_is_told_where_prometheus_and_the_dashboard_are():
    provisioning = DEPLOY / "grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())[
        "datasources"
    ]
    interval = yaml.safe_load(CONFIGURATION.read_text())["global"]["scrape_interval"]
    assert source["type"] == "prometheus"
    assert source["jsonData"]["timeInterval"] == interval
    (provider,) = yaml.safe_load((provisioning / "dashboards/holdfast.yml").read_text())[
        "providers"
    ]
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards"
