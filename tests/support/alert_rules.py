"""The chart's alerts as Helm renders them, and as a Prometheus reads them."""

from copy import deepcopy
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


def rendered(namespace: str = NAMESPACE) -> dict[str, Any]:
    """Return the PrometheusRule of a release in a namespace."""
    (found,) = chart.of_kind(chart.render(namespace, *VALUES), "PrometheusRule")
    return found


def rules() -> dict[str, dict[str, Any]]:
    """Return all alerts by their names."""
    groups = rendered()["spec"]["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def write(folder: Path, namespace: str = NAMESPACE, *, at_once: bool = False) -> Path:
    """Write the file that a Prometheus reads.

    Parameters
    ----------
    at_once
        Whether alerts fire without having been true for a while.
    """
    spec = deepcopy(rendered(namespace)["spec"])
    for rule in (rule for group in spec["groups"] for rule in group["rules"] if at_once):
        rule.pop("for", None)
    path = folder / "alerts.yaml"
    path.write_text(yaml.safe_dump(spec))
    return path
