"""The chart's Grafana dashboard as Helm renders it, and what it asks of Prometheus."""

import json
from typing import Any

from tests.support import chart

VALUES = ("minio.enabled=true", 'grafanaDashboard={"enabled":true}')


def rendered() -> dict[str, Any]:
    """Return the dashboard that Grafana's sidecar finds."""
    maps = chart.of_kind(chart.render("clm", *VALUES), "ConfigMap")
    (found,) = (one for one in maps if one["metadata"]["name"] == "clm-dashboard")
    return dict(json.loads(found["data"]["clm.json"]))


def panels() -> list[dict[str, Any]]:
    """Return its panels, titles aside."""
    return [panel for panel in rendered()["panels"] if panel["type"] != "row"]


def expressions() -> dict[str, list[str]]:
    """Return what each panel asks, as Grafana sends it for all namespaces and schedules."""
    return {
        panel["title"]: [_sent(target["expr"]) for target in panel["targets"]] for panel in panels()
    }


def _sent(expression: str) -> str:
    for name, value in (("$namespace", ".*"), ("$schedule", ".*"), ("$__rate_interval", "1m")):
        expression = expression.replace(name, value)
    return expression
