"""The chart's alerts as Helm renders them, and as a Prometheus reads them."""

from pathlib import Path
from typing import Any

import yaml

from tests.support import chart
from tests.support.repository import ROOT

NAMESPACE = "clm"
"""Of the release."""
FILE = ROOT / "charts" / "clm" / "files" / "alerts.yaml"
NAMES = [rule["alert"] for group in yaml.safe_load(FILE.read_text())["groups"]
         for rule in group["rules"]]  # fmt: skip
VALUES = ("minio.enabled=true", 'prometheusRule={"enabled":true}')


def rendered() -> dict[str, Any]:
    """Return the PrometheusRule."""
    (found,) = chart.of_kind(chart.render(NAMESPACE, *VALUES), "PrometheusRule")
    return found


def rules() -> dict[str, dict[str, Any]]:
    """Return all alerts by their names."""
    groups = rendered()["spec"]["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def write(folder: Path) -> Path:
    """Write the file that a Prometheus reads."""
    path = folder / "alerts.yaml"
    path.write_text(yaml.safe_dump(rendered()["spec"]))
    return path
