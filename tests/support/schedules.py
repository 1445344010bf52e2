"""Builders of TrainingSchedules with keyword overrides."""

from typing import Any

from clm_api import API_VERSION
from clm_api.resolve import deep_merge

Raw = dict[str, Any]

SMALL: Raw = {
    "interval": "6h",
    "model": {"family": "xgboost", "xgboost": {"rounds": 10}},
    "data": {
        "symbols": ["BTC/USDT", "ETH/USDT"],
        "timeframe": "1h",
        "lookbackDays": 240,
        "refresh": "Never",
    },
    "evaluation": {"periodDays": 30},
    "job": {"backoffLimit": 0},
}
"""A schedule that trains in seconds."""


def schedule_spec(**overrides: Any) -> Raw:
    """Return a spec; None removes a field, another family the usual one's parameters."""
    spec = deep_merge(SMALL, {k: v for k, v in overrides.items() if v is not None})
    if spec["model"]["family"] != SMALL["model"]["family"]:
        spec["model"] = overrides["model"]
    return {k: v for k, v in spec.items() if not (k in overrides and overrides[k] is None)}


def schedule(name: str, namespace: str, **overrides: Any) -> Raw:
    """Return a TrainingSchedule."""
    return {
        "apiVersion": API_VERSION,
        "kind": "TrainingSchedule",
        "metadata": {"name": name, "namespace": namespace},
        "spec": schedule_spec(**overrides),
    }
