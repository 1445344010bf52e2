"""What the chart brings for Prometheus: monitors, alerts, and a runbook for each of these."""

import re
from typing import Any

import pytest

from tests.support import alert_rules, chart
from tests.support.metrics import served
from tests.support.repository import ROOT

Raw = dict[str, Any]
DEMO = "minio.enabled=true"
RUNBOOKS = ROOT / "docs" / "runbooks"
KINDS = {
    "serviceMonitor": "ServiceMonitor",
    "podMonitor": "PodMonitor",
    "prometheusRule": "PrometheusRule",
}
by_kind = pytest.mark.parametrize(("value", "kind"), KINDS.items(), ids=KINDS.values())
every_alert = pytest.mark.parametrize("name", alert_rules.NAMES)


def test_nothing_of_the_prometheus_operator_is_made_unless_it_is_asked_for() -> None:
    assert not chart.of_kind(chart.render("ns", DEMO), *KINDS.values())


@by_kind
def test_what_is_asked_for_has_the_labels_by_which_a_prometheus_chooses_it(
    value: str, kind: str
) -> None:
    asked = f'{value}={{"enabled":true,"labels":{{"release":"prometheus"}}}}'
    (made,) = chart.of_kind(chart.render("ns", DEMO, asked), kind)
    assert made["apiVersion"] == "monitoring.coreos.com/v1"
    assert made["metadata"]["name"] == "clm-operator"
    labels = made["metadata"]["labels"]
    assert (labels["release"], labels["app.kubernetes.io/name"]) == ("prometheus", "clm")


@by_kind
@pytest.mark.parametrize("typo", ['{"enabledd":true}', '{"labels":{"a":1}}'])
def test_a_misspelt_value_of_monitoring_fails(value: str, kind: str, typo: str) -> None:
    result = chart.template("ns", DEMO, f"{value}={typo}")
    assert "values don't meet the specifications" in result.stderr, kind


def test_a_pod_monitor_reads_the_operators_pods_at_their_port() -> None:
    objects = chart.render("ns", DEMO, 'podMonitor={"enabled":true,"interval":"10s"}')
    (monitor,) = chart.of_kind(objects, "PodMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"]
    pods = [one["spec"]["template"] for one in chart.of_kind(objects, "Deployment")]
    (pod,) = (pod for pod in pods if wanted.items() <= pod["metadata"]["labels"].items())
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] in [port["name"] for port in pod["spec"]["containers"][0]["ports"]]
    assert (endpoint["path"], endpoint["interval"]) == ("/metrics", "10s")
    assert endpoint["honorLabels"], "a schedule's namespace is not that of the operator's pod"


def test_two_monitors_at_once_are_refused() -> None:
    both = ('podMonitor={"enabled":true}', 'serviceMonitor={"enabled":true}')
    assert "set one of serviceMonitor.enabled and podMonitor.enabled" in (
        chart.template("ns", DEMO, *both).stderr
    )


@every_alert
def test_every_alert_says_what_is_wrong_how_bad_and_where_to_read_on(name: str) -> None:
    rule = alert_rules.rules()[name]
    assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    said = rule["annotations"]
    assert said["runbook_url"] == f"docs/runbooks/{name}.md"
    assert all(said[part].rstrip().endswith(".") for part in ("summary", "description"))


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    assert sorted(page.stem for page in RUNBOOKS.glob("*.md")) == sorted(alert_rules.NAMES)


PARTS = ["What it means", "What to look at", "What to do", "When it ends"]


@every_alert
def test_a_runbook_says_what_its_alert_says(name: str) -> None:
    text, rule = (RUNBOOKS / f"{name}.md").read_text(), alert_rules.rules()[name]
    held = f" for {rule['for']}" if "for" in rule else ""
    said = f"Severity: {rule['labels']['severity']}. It fires while this holds{held}:"
    assert text.startswith(f"# {name}\nFor who")
    assert f"\n\n{said}\n```promql\n{rule['expr']}\n```\n" in text
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == PARTS


def test_the_manual_lists_every_alert_with_its_severity_and_runbook() -> None:
    manual = (ROOT / "docs" / "metrics.md").read_text()
    listed = re.findall(r"^\| \[(Clm\w+)\]\(runbooks/(\w+)\.md\) \| (\w+) \|", manual, re.MULTILINE)
    rules = alert_rules.rules()
    assert listed == [(n, n, rules[n]["labels"]["severity"]) for n in rules]


@pytest.mark.parametrize("base", ["https://git.corp/clm/docs/runbooks", "https://git.corp/r/"])
def test_runbooks_lie_where_the_values_say(base: str) -> None:
    asked = f'prometheusRule={{"enabled":true,"runbookUrl":"{base}"}}'
    (made,) = chart.of_kind(chart.render("ns", DEMO, asked), "PrometheusRule")
    found = [r["annotations"]["runbook_url"] for g in made["spec"]["groups"] for r in g["rules"]]
    assert found == [f"{base.rstrip('/')}/{name}.md" for name in alert_rules.NAMES]


def test_the_absent_operator_is_looked_for_in_the_releases_namespace() -> None:
    asked = chart.render("prod", DEMO, 'prometheusRule={"enabled":true}')
    (made,) = chart.of_kind(asked, "PrometheusRule")
    text = str(made["spec"])
    assert 'clm_leader{namespace="prod"}' in text
    assert "RELEASE_NAMESPACE" not in text


@every_alert
def test_every_metric_that_an_alert_reads_is_served(name: str) -> None:
    read = set(re.findall(r"\bclm_\w+", alert_rules.rules()[name]["expr"]))
    assert read
    assert read <= served()
