"""A real Prometheus reads the real operator: an alert fires, and ends by itself."""

from pathlib import Path

import pytest

from tests.operator.rig import Rig
from tests.support import alert_rules, dashboard
from tests.support.ports import eventually
from tests.support.prometheus_server import PrometheusServer
from tests.support.proxy import Answer, let_pass
from tests.support.schedules import schedule

NAME = "watched"
NUMBERS = {
    "Schedules": [["1"]], "In production": [["0"]], "Failing schedules": [["0"]],
    "Pods that lead": [["1"]], "Store refuses": [["1"]], "Silent watches": [["0"]],
    "Queue": [["0"]], "Runs that wait": [[]],
}  # fmt: skip
"""What panels of the dashboard show then."""


@pytest.mark.slow
def test_an_alert_fires_while_the_store_refuses_and_ends_once_it_does_not(
    rig: Rig, tmp_path: Path
) -> None:
    rig.store_proxy.judge = lambda _: Answer(403, "AccessDenied")
    operator = rig.start_operator()
    rig.apply(schedule(NAME, rig.namespace, suspend=True))
    rules = alert_rules.write(tmp_path, rig.namespace, at_once=True)
    pod = {"namespace": rig.namespace, "pod": "clm-operator-0"}
    prometheus = PrometheusServer.start(tmp_path / "prometheus", operator.port, pod, rules)
    try:
        eventually(lambda: "ClmStoreRefuses" in prometheus.firing(), "the alert fires", 60)
        eventually(lambda: len(prometheus.firing()) == 1, "no other does", 60)
        (alert,) = prometheus.firing().values()
        assert alert["labels"] | pod | {"severity": "critical"} == alert["labels"]
        assert alert["annotations"]["runbook_url"] == "docs/runbooks/ClmStoreRefuses.md"
        assert {rule["name"] for rule in prometheus.rules()} == set(alert_rules.NAMES)
        assert {rule["health"] for rule in prometheus.rules()} == {"ok"}
        (shown,) = prometheus.ask("query?query=clm_failed_runs_in_a_row")["result"]
        assert (shown["metric"]["namespace"], shown["metric"]["schedule"]) == (rig.namespace, NAME)
        shows = {
            title: [prometheus.query(one) for one in asked]
            for title, asked in dashboard.expressions().items()
        }
        assert {title: shows[title] for title in NUMBERS} == NUMBERS
        rig.store_proxy.judge = let_pass
        eventually(lambda: not prometheus.firing(), "it ends", 60)
    finally:
        prometheus.stop()
