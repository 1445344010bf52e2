"""The objects that a cluster would hold after the slots of a simulation."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from clm_api import API_VERSION
from clm_api.promotion import judge
from clm_api.resolve import resolve
from clm_api.run import RunTrials
from clm_api.schedule import parse_schedule
from clm_api.timing import slot_of
from clm_api.training_schedule import TrainingScheduleSpec
from clm_cli.local import LOCAL_POD

Raw = dict[str, Any]
NAME, NAMESPACE = "btc-eth-xgboost", "trading"
_METRICS = ("sharpe", "winRate", "profitFactor", "maxDrawdown", "trades", "psr", "deflatedSharpe")
_AFTER = timedelta(hours=5)
_OPERATOR = "clm-operator"
_PASSED = "all criteria passed"


@dataclass(frozen=True)
class Past:
    """A simulation that has ended.

    Parameters
    ----------
    history
        What came of each slot, oldest first.
    promoted
        Slots whose version went into production, oldest first.
    equity
        Of production, and its times.
    """

    schedule: Raw
    spec: TrainingScheduleSpec
    history: list[Raw]
    promoted: list[datetime]
    equity: "pd.Series[float]"

    @classmethod
    def read(cls, simulation: Path, schedule: Path) -> "Past":
        """Read what ``clm simulate`` has written."""
        facts = json.loads(simulation.read_text())
        frame = pd.read_parquet(simulation.parent / "equity.parquet")
        raw = yaml.safe_load(schedule.read_text())
        return cls(
            schedule=raw,
            spec=TrainingScheduleSpec.model_validate(raw["spec"]),
            history=facts["history"],
            promoted=[datetime.fromisoformat(p["slot"]) for p in facts["promotions"]],
            equity=frame.set_index("time")["equity"],
        )

    @property
    def now(self) -> datetime:
        """A moment after the last slot."""
        return datetime.fromisoformat(self.history[-1]["slot"]) + _AFTER


def objects(past: Past) -> Iterator[Raw]:
    """Yield the schedule, then its versions."""
    yield _schedule(past)
    for row in past.history:
        yield _version(past, row)


def _metadata(name: str, created: datetime) -> Raw:
    return {
        "name": name, "namespace": NAMESPACE, "uid": f"uid-{name}", "generation": 1,
        "resourceVersion": "1", "creationTimestamp": _iso(created),
    }  # fmt: skip


def _name(slot: datetime) -> str:
    return f"{NAME}-{slot_of(slot)}"


def _iso(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _version(past: Past, row: Raw) -> Raw:
    slot = datetime.fromisoformat(row["slot"])
    values = {name: row[name] for name in _METRICS if row[name] is not None}
    wanted = past.spec.promotion
    found = judge(values, {}, wanted.criteria, wanted.significance)
    stage, reason = row["stage"], row["reason"]
    if slot in past.promoted:
        stage = "PRODUCTION" if slot == past.promoted[-1] else "ARCHIVED"
        reason = "Promoted" if stage == "PRODUCTION" else "Replaced"
    run = resolve(past.spec, slot=slot, trials=RunTrials(), pod_defaults=LOCAL_POD)
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelVersion",
        "metadata": _metadata(_name(slot), slot),
        "spec": {
            "scheduleRef": {"name": NAME, "uid": f"uid-{NAME}"},
            "slot": row["slot"],
            "trigger": {"type": "Scheduled"},
            "modelName": "xgboost_multi_1h",
            "run": run.to_json_dict(),
        },
        "status": {
            "phase": "Succeeded",
            "stage": stage,
            "reason": reason,
            "completionTime": _iso(slot + timedelta(minutes=1)),
            "criteria": [verdict.to_json_dict() for verdict in found.verdicts],
            "metrics": values | {"trades": int(values.get("trades", 0))},
        },
    }


def _schedule(past: Past) -> Raw:
    first = datetime.fromisoformat(past.history[0]["slot"])
    last = datetime.fromisoformat(past.history[-1]["slot"])
    periods = [
        {
            "version": _name(begun), "from": _iso(begun), "to": _iso(ended), "by": _OPERATOR,
            "reason": _PASSED,
        }
        for begun, ended in zip(past.promoted, past.promoted[1:], strict=False)
    ]  # fmt: skip
    coming = parse_schedule(past.spec).after(past.now, past.now)
    status: Raw = {
        "observedGeneration": 1,
        "scheduleText": past.schedule["spec"]["schedule"],
        "nextScheduleTime": _iso(coming) if coming else None,
        "lastRun": {
            "name": _name(last), "trigger": "Scheduled", "phase": "Succeeded",
            "stage": past.history[-1]["stage"], "reason": past.history[-1]["reason"],
        },
        "previous": periods[-20:],
    }  # fmt: skip
    if past.promoted:
        status["production"] = _production(past)
    return {**past.schedule, "metadata": _metadata(NAME, first), "status": status}


def _production(past: Past) -> Raw:
    """Return the newest promotion, and what was earned since."""
    since = past.promoted[-1]
    equity = past.equity[past.equity.index >= since]
    live: Raw = {"bars": len(equity), "to": _iso(equity.index[-1])}
    live["totalReturn"] = float(equity.iloc[-1] / equity.iloc[0] - 1)
    live["maxDrawdown"] = float((1 - equity / equity.cummax()).max())
    return {
        "version": _name(since), "since": _iso(since), "approvedBy": _OPERATOR,
        "reason": _PASSED, "live": live,
        "artifact": {"uri": "s3://models/manifest.json", "sha256": "0" * 64},
    }  # fmt: skip
