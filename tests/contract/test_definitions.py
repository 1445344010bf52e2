"""What a real API server makes of the definitions: defaults, bounds, columns, immutability."""

import itertools
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import pytest

from clm_api.model_version import ModelVersionResource, Trigger, TriggerType
from clm_api.promotion import Criteria, Significance, judge
from clm_api.resolve import resolve
from clm_api.run import RunTrials
from clm_api.simulation import SimulationResource
from clm_api.training_schedule import TrainingScheduleResource, TrainingScheduleSpec
from clm_operator.mirror.objects import ScheduleObject
from clm_operator.slots.ask import Ask
from clm_operator.slots.version import version_manifest
from tests.cli.objects import sample
from tests.support.control_plane import ControlPlane
from tests.support.schedules import schedule, schedule_spec

NAMESPACE = "default"
POD = {"image": "trainer:1", "gpu": {"count": 0}, "resources": {}}


@dataclass(frozen=True)
class Refused:
    name: str
    says: str
    overrides: dict[str, Any] = field(default_factory=dict)


REFUSED = [
    Refused("an interval in weeks", "spec.interval", {"interval": "1w"}),
    Refused("a market that is not there", "spec.data.market", {"data": {"market": "coinm"}}),
    Refused("a dated future", "spec.data.symbols",
            {"data": {"market": "usdm", "symbols": ["BTC/USDT:USDT-261225"]}}),
    Refused("a symbol with a mark of direction", "spec.data.symbols",
            {"data": {"symbols": ["A\u202eB/USDT"]}}),
    Refused("a symbol with a space", "spec.data.symbols", {"data": {"symbols": ["A B/USDT"]}}),
    Refused("a Secret of another namespace", "spec.data.secretRef.name",
            {"data": {"secretRef": {"name": "other/key"}}}),
    Refused("funding at a guess", "spec.costs.funding", {"costs": {"funding": "Estimated"}}),
    Refused("an unknown family", "Unsupported value", {"model": {"family": "oracle"}}),
    Refused("no symbols", "spec.data.symbols", {"data": {"symbols": []}}),
    Refused("one symbol twice", "Duplicate value",
            {"data": {"symbols": ["BTC/USDT", "BTC/USDT"]}}),
    Refused("a symbol without a quote", "spec.data.symbols", {"data": {"symbols": ["btc"]}}),
    Refused("a space in a symbol", "spec.data.symbols", {"data": {"symbols": ["BTC /USDT"]}}),
    Refused("a negative fee", "spec.costs.feeBps", {"costs": {"feeBps": -1}}),
    Refused("a depth beyond the bound", "maxDepth",
            {"model": {"family": "xgboost", "xgboost": {"maxDepth": 99}}}),
    Refused("memory in no unit", "spec.job.resources.limits.memory",
            {"job": {"resources": {"limits": {"memory": "lots"}}}}),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=attrgetter("name"))
def test_the_api_server_refuses(defined: ControlPlane, case: Refused) -> None:
    body = json.dumps(schedule("refused", NAMESPACE, **case.overrides))
    said = defined.kubectl("create", "--dry-run=server", "-f", "-", stdin=body, check=False)
    assert case.says in said


@pytest.mark.parametrize(
    "overrides",
    [
        {"data": {"market": "usdm", "symbols": ["BTC/USDT:USDT", "ETH/USDT"]}},
        {"data": {"market": "usdm", "symbols": [f"{'A' * 18}{i:02}/{'B' * 20}" for i in range(50)]},
         "costs": {"funding": "None"}},
        {"data": {"market": "usdm", "symbols": ["币安人生/USDT", "kPEPE/USDC:USDC", "ÉCU/EUR:EUR",
                                                "1000SATS/USDT", "$MICHI/USDT", "XYZ-TSLA/USDC"]}},
    ],
    ids=["both spellings", "50 long symbols", "names of every script"],
)  # fmt: skip
def test_the_api_server_accepts(defined: ControlPlane, overrides: dict[str, Any]) -> None:
    body = json.dumps(schedule("accepted", NAMESPACE, **overrides))
    defined.kubectl("create", "--dry-run=server", "-f", "-", stdin=body)


def test_defaults_arrive_wherever_a_field_is_left_out(defined: ControlPlane) -> None:
    minimal = {"interval": "6h", "model": {"family": "xgboost"}, "data": {"symbols": ["A/B"]}}
    body = schedule("defaulted", NAMESPACE) | {"spec": minimal}
    made = json.loads(
        defined.kubectl(
            "create", "--dry-run=server", "-o", "json", "-f", "-", stdin=json.dumps(body)
        )
    )["spec"]
    expected = TrainingScheduleSpec.model_validate(minimal).to_json_dict()
    assert made == expected


def test_whole_numbers_are_fine_for_quantities(defined: ControlPlane) -> None:
    resources = {"limits": {"cpu": 2, "memory": "4Gi"}}
    body = json.dumps(schedule("quantity", NAMESPACE, job={"resources": resources}))
    made = defined.kubectl("create", "--dry-run=server", "-o", "json", "-f", "-", stdin=body)
    spec = TrainingScheduleSpec.model_validate(json.loads(made)["spec"])
    assert spec.job.resources is not None
    assert spec.job.resources.limits is not None
    assert spec.job.resources.limits.cpu == "2"


def _columns(text: str) -> dict[str, str]:
    head, row = text.splitlines()[:2]
    starts = [i for i, c in enumerate(head) if c != " " and (i == 0 or head[i - 1] == " ")]
    bounds = [*starts, None]
    return {
        head[a:b].strip(): row[a:b].strip() for a, b in itertools.pairwise(bounds) if a is not None
    }


def _status(plane: ControlPlane, kind: str, name: str, status: dict[str, Any]) -> None:
    plane.kubectl(
        "-n", NAMESPACE, "patch", kind, name, "--subresource=status", "--type=merge",
        "-p", json.dumps({"status": status}),
    )  # fmt: skip


def version_of(
    plane: ControlPlane, owner: str, namespace: str = NAMESPACE, name: str | None = None
) -> dict[str, Any]:
    """Return a version of a schedule, as the operator makes it; the first one if not named."""
    raw = plane.get(namespace, "tsched", owner)
    assert raw is not None
    spec = TrainingScheduleSpec.model_validate(raw["spec"])
    slot = datetime(2026, 1, 5, 12, tzinfo=UTC)
    return version_manifest(
        ScheduleObject.read(raw), spec,
        Ask(name or f"{owner}-1", slot, Trigger(type=TriggerType.SCHEDULED)),
        resolve(spec, slot=slot, trials=RunTrials(), pod_defaults=POD),
    )  # fmt: skip


def test_every_column_shows_a_value(defined: ControlPlane) -> None:
    defined.apply(schedule("columns", NAMESPACE))
    ready = {
        "type": "Ready", "status": "True", "reason": "Scheduled", "message": "",
        "observedGeneration": 1, "lastTransitionTime": "2026-01-05T12:00:00Z",
    }  # fmt: skip
    run = {"name": "columns-1", "trigger": "Scheduled", "phase": "Succeeded", "stage": "CANDIDATE"}
    _status(defined, "tsched", "columns", {
        "scheduleText": "every 6h", "lastScheduleTime": "2026-01-05T12:00:00Z",
        "nextScheduleTime": "2026-01-05T18:00:00Z", "lastRun": run | {"reason": "CriteriaPassed"},
        "conditions": [ready], "trials": {"total": 3},
        "candidate": "columns-1", "shadow": "columns-2",
        "drift": {
            "version": "columns-0", "verdict": "Drifted",
            "slot": "2026-01-05T12:00:00Z", "since": "2026-01-05T12:00:00Z",
        },
        "performance": {
            "version": "columns-0", "verdict": "AsPromised", "bars": 24,
            "from": "2026-01-05T12:00:00Z", "to": "2026-01-05T12:00:00Z",
            "slot": "2026-01-05T12:00:00Z", "since": "2026-01-05T12:00:00Z",
        },
        "production": {
            "version": "columns-0", "since": "2026-01-05T12:00:00Z", "approvedBy": "alice",
            "reason": "better", "artifact": {"uri": "s3://clm/m", "sha256": "0" * 64},
        },
    })  # fmt: skip
    shown = _columns(defined.kubectl("-n", NAMESPACE, "get", "tsched", "columns", "-o", "wide"))
    assert set(shown) == {"NAME"} | {c[0].upper() for c in TrainingScheduleResource.columns}
    assert all(shown.values()), shown
    defined.apply(version_of(defined, "columns"))
    metrics = {"sharpe": 1.5, "winRate": 0.6, "profitFactor": 1.4, "maxDrawdown": 0.1, "trades": 60}
    verdict = judge(metrics, {}, Criteria(), Significance())
    _status(defined, "mv", "columns-1", {
        "phase": "Succeeded", "stage": verdict.stage, "reason": verdict.reason,
        "metrics": metrics | {"psr": 0.9, "deflatedSharpe": 0.5}, "duration": "42s",
        "progress": {"stage": "done", "percent": 100, "lastUpdatedTime": "2026-01-05T12:00:00Z"},
        "trainedUntil": "2026-01-05T11:00:00Z",
        "queue": {"name": "training", "state": "Admitted", "since": "2026-01-05T12:00:00Z"},
        "criteria": [v.to_json_dict() for v in verdict.verdicts],
    })  # fmt: skip
    shown = _columns(defined.kubectl("-n", NAMESPACE, "get", "mv", "columns-1", "-o", "wide"))
    assert set(shown) == {"NAME"} | {c[0].upper() for c in ModelVersionResource.columns}
    assert all(shown.values()), shown
    simulation = sample("simulation-full")
    simulation["metadata"]["namespace"] = NAMESPACE
    defined.apply(simulation)
    _status(defined, "sim", "full", {
        "phase": "Running", "reason": "Simulating", "percent": 40, "slots": 100, "best": "deep",
        "estimatedCompletionTime": "2026-01-05T12:00:00Z", "totalReturn": 0.1, "sharpe": 1.2,
        "overfittingProbability": 0.3,
    })  # fmt: skip
    shown = _columns(defined.kubectl("-n", NAMESPACE, "get", "sim", "full", "-o", "wide"))
    assert set(shown) == {"NAME"} | {c[0].upper() for c in SimulationResource.columns}
    assert all(shown.values()), shown
    both = defined.kubectl("-n", NAMESPACE, "get", "clm")
    assert "trainingschedule.clm.dev/columns" in both
    assert "modelversion.clm.dev/columns-1" in both
    chosen = defined.kubectl(
        "-n", NAMESPACE, "get", "mv", "--field-selector", "status.stage=CANDIDATE"
    )
    assert "columns-1" in chosen


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("slot", "2030-01-01T00:00:00Z"),
        ("modelName", "other"),
        ("trigger", {"type": "Manual"}),
        ("scheduleRef", {"name": "other", "uid": "x"}),
        ("run", {"model": {"seed": 8}}),
    ],
    ids=str,
)
def test_a_version_records_what_was_run_and_never_changes(
    defined: ControlPlane, path: str, value: Any
) -> None:
    defined.apply(schedule("frozen", NAMESPACE))
    if defined.get(NAMESPACE, "mv", "frozen-1") is None:
        defined.apply(version_of(defined, "frozen"))
    said = defined.kubectl(
        "-n", NAMESPACE, "patch", "mv", "frozen-1", "--type=merge",
        "-p", json.dumps({"spec": {path: value}}), check=False,
    )  # fmt: skip
    assert "never changes" in said


def test_explain_is_the_manual(defined: ControlPlane) -> None:
    said = defined.kubectl("explain", "tsched.spec.timeZone")
    assert "IANA time zone" in said


def test_builders_make_what_the_models_accept() -> None:
    assert TrainingScheduleSpec.model_validate(schedule_spec()).interval == "6h"
