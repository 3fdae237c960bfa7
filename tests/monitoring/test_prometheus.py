"""What a real Prometheus reads of two workers that have really worked."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import pytest
import yaml

from tests.docs.pages import page
from tests.monitoring.conftest import WORD, WORKERS, Site
from tests.monitoring.prometheus import DEPLOY, RULES
from tests.monitoring.traffic import UNITS_DRIFTED, UNITS_LEFT_HELD
from tests.workflows.waiting import until

DASHBOARD: Final = json.loads((DEPLOY / "grafana/holdfast.json").read_text())
NAME: Final = re.compile(r"\b(?:holdfast|temporal)[_:]\w+")
# What Grafana puts in for its own variables.
VARIABLES: Final = {"$job": "holdfast", "$__rate_interval": "2m", "$__range": "10m"}
# Histograms are known by their name, and read by these.
_PARTS_OF_HISTOGRAMS: Final = re.compile(r"_(bucket|sum|count)$")


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries() -> list[tuple[str, str]]:
    return [(panel["title"], target["expr"]) for panel in panels() for target in panel["targets"]]


async def test_every_outcome_is_counted_once(site: Site):
    rows = site.prometheus.rows("sum by (outcome) (holdfast_reservations_total)")
    assert {labels["outcome"]: count for labels, count in rows} == {
        "held": 7,
        "committed": 1,
        "denied": 1,
        "fulfilled": 2,
        # One by its buyer, one by the tombstone that it met, one behind its workflow's back.
        "cancelled": 3,
        "expired": 1,
        "unavailable": 1,
    }


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("sum(holdfast_late_confirmations_total)", 1),
        ("sum(holdfast_tombstone_hits_total)", 1),
        ("sum(holdfast_reconciler_releases_total)", 1),
        ("sum(holdfast_shipments_total)", 1),
        ('sum(holdfast_amendments_total{decision="done"})', 1),
        ('sum(holdfast_amendments_total{decision="short"})', 1),
        ("holdfast:units_held", UNITS_LEFT_HELD + UNITS_DRIFTED),
        ("holdfast:drift_breaches", 1),
        ("holdfast:overdue_holds", 0),
        ('sum(holdfast_ledger_batch_size_sum{operation="extend"})', 1),
        ('sum(holdfast_ledger_duration_seconds_count{operation="adjust"})', 1),
        ("count(up == 1)", WORKERS),
    ],
)
async def test_prometheus_knows(site: Site, query: str, value: float):
    assert site.prometheus.value(query) == value


async def test_a_database_that_does_not_answer_shows_as_failed_and_repeated_calls(site: Site):
    failed = 'sum(holdfast_ledger_unavailable_total{operation="reserve"})'
    repeated = 'sum(holdfast_ledger_retries_total{operation="reserve"})'
    # Six quick attempts and then some that wait; each but the first of either kind repeats one.
    assert (site.prometheus.value(failed) or 0) > 6
    assert (site.prometheus.value(repeated) or 0) >= 5


async def test_durations_are_seconds_and_measured_in_fractions_of_a_millisecond(site: Site):
    mean = (
        'sum(holdfast_ledger_duration_seconds_sum{operation="reserve"}) / '
        'sum(holdfast_ledger_duration_seconds_count{operation="reserve"})'
    )
    assert 0.0001 < (site.prometheus.value(mean) or 0) < 5
    below = 'sum(holdfast_ledger_duration_seconds_bucket{operation="reserve",le="0.0025"})'
    assert site.prometheus.value(below) is not None


async def test_no_label_names_an_item_a_customer_or_a_checkout(site: Site):
    for name in site.prometheus.names():
        for labels, _ in site.prometheus.rows(f'{{__name__="{name}"}}'):
            told = {label: text for label, text in labels.items() if WORD in text}
            assert told == {}, name


async def test_a_worker_has_few_series_of_its_own(site: Site):
    rows = site.prometheus.rows('count by (instance) ({__name__=~"holdfast_.+"})')
    # Nearly all of them are the buckets of two histograms, for each of six operations.
    assert len(rows) == WORKERS
    assert all(count < 250 for _, count in rows)


@pytest.mark.parametrize(("title", "expression"), queries())
async def test_every_panel_of_the_dashboard_shows_something(
    site: Site, title: str, expression: str
):
    for variable, text in VARIABLES.items():
        expression = expression.replace(variable, text)
    assert "$" not in expression
    assert site.prometheus.rows(expression), title


async def test_the_dashboard_and_the_rules_name_only_what_is_there(site: Site):
    named = set(NAME.findall(RULES.read_text() + " ".join(expr for _, expr in queries())))
    alerts_about_the_workflow = {"holdfast:ledger_checked_age_seconds"}
    assert named - site.prometheus.names() == set()
    assert alerts_about_the_workflow <= named


async def test_every_rule_is_healthy(site: Site):
    groups = site.prometheus.ask("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    deployed = yaml.safe_load(RULES.read_text())["groups"]
    assert len(rules) == sum(len(group["rules"]) for group in deployed)
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []


@pytest.mark.parametrize(
    "alert", ["HoldfastUnavailable", "HoldfastDrift", "HoldfastLateConfirmations"]
)
async def test_what_went_wrong_rings(site: Site, alert: str):
    await until(lambda: site.prometheus.rows(f'ALERTS{{alertname="{alert}",alertstate="firing"}}'))


async def test_the_page_lists_every_metric_of_the_workers_and_no_other(site: Site):
    listed = {row[0].strip("`") for row in page("docs/monitoring.md").rows(r"`holdfast_\w+`")}
    emitted = {
        _PARTS_OF_HISTOGRAMS.sub("", name)
        for name in site.prometheus.names()
        if name.startswith("holdfast_")
    }
    assert listed == emitted


async def test_the_page_lists_every_label_and_its_values(site: Site):
    (outcomes,) = page("docs/monitoring.md").rows("`outcome`")
    (operations,) = page("docs/monitoring.md").rows("`operation`")
    for row, query in (
        (outcomes, "group by (outcome) (holdfast_reservations_total)"),
        (operations, "group by (operation) (holdfast_ledger_retries_total)"),
    ):
        label = row[0].strip("`")
        values = {labels[label] for labels, _ in site.prometheus.rows(query)}
        assert set(re.findall(r"`(\w+)`", row[1])) == values


def _logged(site: Site, **fields: Any) -> list[dict[str, Any]]:
    ours = [line for line in site.log_lines if line.startswith("{")]
    read = [json.loads(line) for line in ours]
    return [line for line in read if fields.items() <= line.items()]


async def test_every_decision_names_its_checkout_its_workflow_and_its_attempt(site: Site):
    decisions = [line for line in _logged(site) if "decision" in line]
    asked = {"reserve", "close", "extend", "part", "amend", "adjust_stock"}
    assert {line["event"] for line in decisions} == asked
    for line in decisions:
        thing = line.get("checkout_id") or line.get("adjustment_id")
        assert line["workflow_id"].endswith(f"/{thing}")
        assert re.fullmatch(r"[0-9a-f-]{36}", line["run_id"])
        assert line["attempt"] >= 1


async def test_only_what_an_operator_must_see_is_a_warning(site: Site):
    grave = {"warning", "error"}
    told = {
        (line["event"], line["level"])
        for line in _logged(site)
        if line["logger"].startswith("activities") and line["level"] in grave
    }
    assert told == {("close", "warning"), ("expire_overdue", "warning"), ("drift", "error")}
    (late,) = _logged(site, event="close", level="warning")
    assert late["checkout_id"] == f"{WORD}-late"
    assert (late["asked"], late["decision"]) == ("fulfilled", "cancelled")


async def test_the_line_that_the_page_shows_has_the_keys_of_a_real_one(site: Site):
    (shown,) = (json.loads(block) for block in page("docs/monitoring.md").blocks("json"))
    (late,) = _logged(site, event="close", level="warning")
    assert list(shown) == list(late)
    same = ("event", "logger", "level", "asked", "decision", "attempt")
    assert {key: shown[key] for key in same} == {key: late[key] for key in same}


async def test_no_line_tells_what_was_paid_with(site: Site):
    assert not [line for line in site.log_lines if "pay-" in line or "pay_2" in line]
