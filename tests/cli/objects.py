"""Builders: a schedule and its versions as they are put into the API server."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

Raw = dict[str, Any]
ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "crds" / "samples"
VERDICTS = [
    ("sharpe", 1.23, "≥", 1.0, "Passed"),
    ("winRate", 0.57, "≥", 0.52, "Passed"),
    ("profitFactor", 1.12, "≥", 1.3, "Failed"),
    ("maxDrawdown", 0.12, "≤", 0.15, "Passed"),
    ("trades", 87.0, "≥", 50.0, "Passed"),
]


def sample(name: str) -> Raw:
    loaded: Raw = yaml.safe_load((SAMPLES / f"{name}.yaml").read_text())
    return loaded


def schedule(name: str = "btc-eth", **status: Any) -> Raw:
    raw = sample("trainingschedule-minimal")
    raw["metadata"]["name"] = name
    raw["status"] = {
        "scheduleText": "every 6h",
        "nextScheduleTime": "2099-12-02T12:00:00Z",
        "conditions": [
            {
                "type": "Ready", "status": "True", "reason": "Scheduled", "message": "armed",
                "lastTransitionTime": "2025-12-01T00:00:00Z", "observedGeneration": 1,
            }
        ],
        **status,
    }  # fmt: skip
    return raw


def version(owner: Raw, name: str = "btc-eth-29410920", *, slot: str = "2025-12-02T06:00:00Z",
            token: str = "", **status: Any) -> Raw:  # fmt: skip
    """Build a version of a schedule that the API server has."""
    raw = sample("modelversion-minimal")
    raw["metadata"]["name"] = name
    raw["spec"]["scheduleRef"] = {key: owner["metadata"][key] for key in ("name", "uid")}
    raw["spec"]["slot"] = slot
    if token:
        raw["spec"]["trigger"] = {"type": "Manual", "reason": token}
    raw["status"] = status
    return raw


def judged(owner: Raw, name: str = "btc-eth-29410920", stage: str = "REJECTED", **more: Any) -> Raw:
    status = {
        "phase": "Succeeded",
        "stage": stage,
        "reason": "CriteriaFailed" if stage == "REJECTED" else "CriteriaPassed",
        "completionTime": "2025-12-02T06:04:00Z",
        "metrics": {"sharpe": 1.23, "trades": 87, "psr": 0.73, "deflatedSharpe": 0.41},
        "reportUri": "s3://clm/runs/trading/btc-eth/uid/attempts/pod/report.html",
        "criteria": [
            {"name": n, "value": v, "operator": o, "threshold": t, "verdict": w}
            for n, v, o, t, w in VERDICTS
        ],
    }
    return version(owner, name, **{**deepcopy(status), **more})
