"""Every metric is documented and used; alerts and dashboard name none that does not exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import eisd
from eisd import metrics
from eisd.api import metrics_reference
from eisd.api.exposition import FAMILIES_OF_PROCESS
from eisd.api.issues import CODES
from eisd.metrics import CATALOGUE, Family, Histogram

ROOT = Path(eisd.__file__).parents[1]
SHIPPED = ROOT / "monitoring"
RULES, DASHBOARD = SHIPPED / "eisd.rules.yml", SHIPPED / "grafana.json"
NAME = re.compile(r"\b(?:eisd|process)_[a-z_]+\b")

SERIES = {
    name
    for one in CATALOGUE.values()
    for name in (
        [f"{one.name}_{part}" for part in ("bucket", "sum", "count")]
        if isinstance(one, Histogram)
        else [one.name]
    )
} | set(FAMILIES_OF_PROCESS)

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not installed (.ci/install)"
)


def test_the_reference_equals_the_catalogue():
    """docs/reference/metrics.md is made from the catalogue: make docs"""
    page = (ROOT / "docs/reference/metrics.md").read_text()
    assert page == metrics_reference.render()


@pytest.mark.parametrize(
    "constant", [name for name, value in vars(metrics).items() if isinstance(value, Family)]
)
def test_every_metric_is_used(constant):
    """No family is declared that nothing counts or reads."""
    users = [
        path
        for path in ROOT.glob("eisd/**/*.py")
        if path.name != "metrics.py" or path.parent.name != "eisd"
        if re.search(rf"\b{constant}\b", path.read_text())
    ]
    assert users


@pytest.mark.parametrize("name", CATALOGUE)
def test_names_follow_prometheus(name):
    """Counters end in _total, times in _seconds, sizes in _bytes, and nothing has two units."""
    one = CATALOGUE[name]
    assert re.fullmatch(r"eisd_[a-z]+(_[a-z]+)*", name)
    assert (one.kind == "counter") == name.endswith("_total")
    assert one.help.endswith(".")
    assert not {"address", "folder", "message", "contact"} & set(one.labels)


@pytest.mark.parametrize("file", [RULES, DASHBOARD], ids=lambda path: path.name)
def test_shipped_expressions_name_series_that_exist(file):
    """Neither an alert nor a panel asks for a series that is never there."""
    text = file.read_text()
    named = set(NAME.findall(text)) - {"eisd_rules"}
    assert named
    assert named <= SERIES


def test_the_dashboard_is_sound():
    """JSON with panels of unique ids that do not overlap in their row, each asking something."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = {(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels}
    assert len(places) == len(panels)
    assert all(panel["targets"] for panel in panels if panel["type"] != "row")


def test_every_alert_is_documented():
    """Each alert has its row in the page on monitoring, and a command that says more."""
    page = (ROOT / "docs/monitoring.md").read_text()
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    assert alerts
    assert all(f"| {alert} |" in page for alert in alerts)
    assert RULES.read_text().count("runbook:") == len(alerts)


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_an_issue_is_documented(code):
    """Each code stands in the page on monitoring, in the words of the code."""
    assert f"| `{code}` | {CODES[code]} |" in (ROOT / "docs/monitoring.md").read_text()


@needs_promtool
def test_the_alerts_do_what_they_say():
    """`promtool test rules`: each alert fires when it should, with its sentence, and not before."""
    done = subprocess.run(
        ["promtool", "test", "rules", "eisd.rules_test.yml"],
        cwd=SHIPPED,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested():
    """No alert without a case in which it fires."""
    tested = (SHIPPED / "eisd.rules_test.yml").read_text()
    for alert in re.findall(r"- alert: (\w+)", RULES.read_text()):
        assert re.search(rf"alertname: {alert}\n +exp_alerts:\n +- exp_labels", tested), alert
