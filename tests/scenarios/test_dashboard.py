"""Every query of the dashboard and of the alerts, asked of what the services of a running suite really say (X1)."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from operations.instance import SERVICES
from operations.story_report import proves
from tests.handsets.process import free_port
from tests.operations.test_monitoring import DASHBOARD, MONITORING
from tests.scenarios.stage import Stage

PROMETHEUS = os.environ.get("PROMETHEUS_BIN") or shutil.which("prometheus")
STARTS_WITHIN_S = 30
_METRIC = re.compile(r"\b(?:pbx|process)_[a-z0-9_]+\b")
_SUFFIXES = ("_bucket", "_sum", "_count", "_total", "_created")
_LABELS = re.compile(r"\b(?:by|without) \(([^)]*)\)|[{,]\s*(\w+)\s*(?:=~|!~|!=|=)")


def queries() -> dict[str, str]:
    """Every query, by where it stands."""
    found = {f"{panel['title']} {target['refId']}": target["expr"]
             for panel in DASHBOARD["panels"] for target in panel.get("targets", ())}
    [group] = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"]
    return found | {f"alert {rule['alert']}": rule["expr"] for rule in group["rules"]}


def base_name(name: str) -> str:
    for suffix in _SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def said(stage: Stage) -> tuple[set[str], dict[str, set[str]]]:
    """Names of all figures of all services, and the labels of those that have values."""
    names: set[str] = set()
    labels: dict[str, set[str]] = {}
    for service in SERVICES:
        with urllib.request.urlopen(f"{stage.instance.url(service)}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        for family in text_string_to_metric_families(text):
            names.add(base_name(family.name))
            for sample in family.samples:
                labels.setdefault(base_name(family.name), set()).update(sample.labels)
    return names, labels


@pytest.fixture
def busy(stage: Stage) -> None:
    """A call that was answered, a look at a list: so that the figures that matter have values."""
    anna, bernd = stage.telephones["anna"].register(), stage.telephones["bernd"].register()
    call = anna.dial("22")
    bernd.wait_for_ring().answer()
    call.wait_for("answered").hangup()
    assert stage.http("routing", "GET", "/v1/trunks", token="admin").status == 200
    # Presence has looked at all parts.
    assert stage.http("presence", "GET", "/v1/operator/overview", token="operator").status == 200


@proves("X1")
def test_every_query_names_figures_and_labels_there_are(stage: Stage, busy: None) -> None:
    names, labels = said(stage)
    of_prometheus = {"job", "instance", "le"}
    for where, query in queries().items():
        asked = {base_name(name) for name in _METRIC.findall(query)}
        assert asked or "up" in query, where
        assert asked <= names, f"{where}: nobody says {asked - names}"
        known = set().union(*(labels.get(name, set()) for name in asked)) | of_prometheus
        if all(name in labels for name in asked):
            wanted = {label.strip() for by, one in _LABELS.findall(query) for label in (*by.split(","), one)} - {""}
            assert wanted <= known, f"{where}: no figure has {wanted - known}"


@pytest.fixture
def prometheus(stage: Stage, tmp_path: Path) -> Iterator[str]:
    """A Prometheus that asks the services of this suite every half second."""
    if PROMETHEUS is None:
        pytest.skip("no Prometheus on this machine (apt install prometheus, or PROMETHEUS_BIN)")
    settings: Any = yaml.safe_load((MONITORING / "prometheus.yml").read_text())
    settings["global"] = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "1s"}
    settings["rule_files"] = [str(MONITORING / "alerts.yml")]
    for job in settings["scrape_configs"]:
        address = urllib.parse.urlsplit(stage.instance.url(job["job_name"])).netloc
        job["static_configs"] = [{"targets": [address]}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(settings))
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [PROMETHEUS, f"--config.file={tmp_path / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'data'}",
             f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    yield f"http://127.0.0.1:{port}"
    process.send_signal(signal.SIGTERM)
    process.wait(20)


def ask(url: str, query: str) -> Mapping[str, Any]:
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}",
                                    timeout=10) as answer:
            found: Mapping[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        if error.code == 503:       # it still reads what it has
            return {"status": "away", "data": {"result": []}}
        return dict(json.load(error))
    except OSError:     # not there yet
        return {"status": "away", "data": {"result": []}}


@proves("X1")
def test_every_query_is_answered_by_prometheus(stage: Stage, busy: None, prometheus: str) -> None:
    def scraped() -> bool:
        found = ask(prometheus, "min(count_over_time(up[5m])) >= 4 and count(up == 1) >= 4")
        return bool(found["data"]["result"])

    stage.wait_until(scraped, STARTS_WITHIN_S, "four services asked four times")
    for where, query in queries().items():
        found = ask(prometheus, query)
        assert found["status"] == "success", f"{where}: {found.get('error')}"
        if not where.startswith("alert "):      # an alert is silent while all is well
            assert found["data"]["result"], f"{where}: no answer to {query}"
    with urllib.request.urlopen(f"{prometheus}/api/v1/rules", timeout=10) as answer:
        [group] = json.load(answer)["data"]["groups"]
    assert {rule["health"] for rule in group["rules"]} <= {"ok", "unknown"}
    firing = {rule["name"] for rule in group["rules"] if rule["state"] == "firing"}
    assert firing <= {"MailsRefused", "ErrorsLogged"}, "what other stories may have left"
