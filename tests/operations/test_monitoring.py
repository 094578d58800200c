"""The dashboard, the alerts and the example of Prometheus's settings, as files; their queries are tried on a running
suite by tests/scenarios/test_dashboard.py."""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import yaml

from operations.instance import SERVICES

MONITORING = Path(__file__).resolve().parents[2] / "operations" / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((MONITORING / "grafana-dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def test_every_panel_says_what_it_shows_and_asks_something():
    assert len(PANELS) >= 40
    for panel in PANELS:
        assert panel["title"], panel["id"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]
        assert all(target["expr"] for target in panel["targets"])
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])


def test_ids_are_unique_and_no_panel_lies_on_another():
    assert max(Counter(panel["id"] for panel in DASHBOARD["panels"]).values()) == 1
    for one, other in combinations((panel["gridPos"] for panel in DASHBOARD["panels"]), 2):
        apart = (one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
                 or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"])
        assert apart, (one, other)
        assert one["x"] + one["w"] <= 24


def test_the_dashboard_takes_its_data_from_whatever_prometheus_there_is():
    [source] = DASHBOARD["templating"]["list"]
    assert (source["name"], source["type"], source["query"]) == ("datasource", "datasource", "prometheus")
    for panel in PANELS:
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
    assert "http" not in re.sub(r"pbx_http\w*", "", json.dumps(DASHBOARD)).lower().replace('"http"', "")


def test_prometheus_asks_each_service_under_its_name():
    settings = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    assert {job["job_name"] for job in settings["scrape_configs"]} == set(SERVICES)
    assert settings["rule_files"] == ["alerts.yml"]


def test_every_alert_says_how_urgent_it_is_and_what_happened():
    [group] = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    names = [rule["alert"] for rule in group["rules"]]
    assert len(set(names)) == len(names)
    for rule in group["rules"]:
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert rule["annotations"]["summary"], rule["alert"]
