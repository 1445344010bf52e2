"""Runs of the stages as the pipeline makes them, without a store."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from clm_api.resolve import resolve
from clm_api.run import RunSpec, RunTrials
from clm_api.training_schedule import TrainingScheduleSpec
from clm_trainer import targets
from clm_trainer.families.base import Dataset, FitContext
from clm_trainer.panel import Panel
from clm_trainer.stages.backtest import Evaluated, evaluate
from clm_trainer.stages.features import dataset
from clm_trainer.stages.train import Trained, train

POD = {"image": "clm-trainer:test", "gpu": {"count": 0}, "resources": {}}
QUICK: dict[str, Any] = {
    "data": {"lookbackDays": 260},
    "evaluation": {"periodDays": 30, "folds": 2},
    "target": {"calibrationDays": 30},
}
"""260 days of bars, 30 of them out of sample."""


def run_spec(**groups: Any) -> RunSpec:
    spec: dict[str, Any] = {
        "interval": "6h",
        "model": {"family": "xgboost"},
        "data": {"symbols": ["BTC/USDT", "ETH/USDT"], "refresh": "Never"},
    }
    for name, group in groups.items():
        spec[name] = {**spec.get(name, {}), **group}
    typed = TrainingScheduleSpec.model_validate(spec)
    slot = datetime(2025, 12, 2, 6, tzinfo=UTC)
    return resolve(typed, slot=slot, trials=RunTrials(), pod_defaults=POD)


def quick(**groups: Any) -> RunSpec:
    return run_spec(**{n: {**QUICK.get(n, {}), **groups.get(n, {})} for n in {*QUICK, *groups}})


def context(
    seed: int = 7,
    *,
    device: str = "cpu",
    progress: Callable[[float, str], None] = lambda _, __: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> FitContext:
    return FitContext(seed, device, 1, progress, should_stop)


def run(panel: Panel, spec: RunSpec) -> tuple[Dataset, Trained, Evaluated]:
    rows = dataset(panel, targets.create(spec))
    trained = train(rows, panel, spec, context(spec.model.seed), lambda _, __: None)
    return rows, trained, evaluate(panel, rows, trained, spec)
