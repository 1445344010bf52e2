"""Boosting with and without the caches of a run: the defaults, two years of the bundled bars."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from bench.serve import Result, Task
from clm_api.parameters.boosting import XgboostParameters
from clm_api.resolve import resolve
from clm_api.run import RunSpec, RunTrials
from clm_api.training_schedule import TrainingScheduleSpec
from clm_trainer.evaluation.splits import Walk
from clm_trainer.families.base import Dataset, FitContext
from clm_trainer.families.xgboost import XgboostFamily, XgboostFitted
from clm_trainer.panel import Floats, Panel
from clm_trainer.stages.features import dataset
from clm_trainer.stages.train import fit_span, train
from clm_trainer.targets.returns import Return

BARS = Path(__file__).parents[1] / "examples" / "data"
DAYS, FOLDS = 730, 8


def context(seed: int = 1) -> FitContext:
    return FitContext(seed, "cpu", 1, lambda _, __: None, lambda: False)


@cache
def panel() -> Panel:
    names = {"BTC/USDT": "btcusdt", "ETH/USDT": "ethusdt"}
    read = {s: pd.read_parquet(BARS / f"binance-spot-{n}-1h.parquet") for s, n in names.items()}
    end = min(frame["timestamp"].iloc[-1] for frame in read.values())
    times = pd.date_range(end=end, periods=24 * DAYS, freq="h")
    return Panel.from_frames(read, times, pd.Timedelta("1h"))


@cache
def spec() -> RunSpec:
    schedule = TrainingScheduleSpec.model_validate(
        {
            "interval": "6h",
            "model": {"family": "xgboost"},
            "data": {"symbols": list(panel().symbols), "refresh": "Never"},
            "evaluation": {"folds": FOLDS},
        }
    )
    pod = {"image": "clm-trainer:bench", "gpu": {"count": 0}, "resources": {}}
    slot = datetime(2026, 1, 1, tzinfo=UTC)
    return resolve(schedule, slot=slot, trials=RunTrials(), pod_defaults=pod)


@cache
def rows() -> Dataset:
    return dataset(panel(), Return(spec().target.horizon_bars))


@cache
def walk() -> Walk:
    return train(rows(), panel(), spec(), context(), lambda _, __: None).walk


def walk_forward() -> Task:
    """Train as a run does: every fold, and the artifact.

    Before it is timed: no fold's model may differ from one whose matrix holds its own rows only.
    """
    made = train(rows(), panel(), spec(), context(), lambda _, __: None)
    np.testing.assert_array_equal(made.percentiles, _percentiles(unshared()))

    def task() -> Result:
        trained = train(rows(), panel(), spec(), context(), lambda _, __: None)
        first = walk().folds[0].test
        return {"first fold": trained.percentiles[: first[1] - first[0]]}

    return task


def separate_fits() -> Task:
    """Fit the same spans, each with a family of its own."""
    spans = (*walk().folds, walk().final)

    def task() -> Result:
        made = _percentiles([XgboostFamily(parameters()) for _ in spans])
        first = walk().folds[0].test
        return {"first fold": made[: first[1] - first[0]]}

    return task


def unshared() -> list[XgboostFamily]:
    """Return a family per span, all with the first fold's edges and no other matrix."""
    spans = (*walk().folds, walk().final)
    families = [XgboostFamily(parameters()) for _ in spans]
    fit_span(families[0], rows(), spans[0], context())
    for family in families[1:]:
        family.edges = families[0].edges
    return families


def _percentiles(families: list[XgboostFamily]) -> Floats:
    start, stop = walk().window
    out = np.full((stop - start, len(panel().symbols)), np.nan)
    for family, span in zip(families, (*walk().folds, walk().final), strict=True):
        fitted, ranks, _ = fit_span(family, rows(), span, context())
        begin, end = span.test
        if end > begin:
            out[begin - start : end - start] = ranks.rank(fitted.score(rows().rows(begin, end)))
    return out


def refit() -> Task:
    """Fit one window again, with another seed."""
    family = XgboostFamily(parameters())
    learn, tail = window()
    family.fit(learn, tail, context())
    return lambda: model(family.fit(learn, tail, context(seed=2)))


def fresh_fit() -> Task:
    learn, tail = window()
    return lambda: model(XgboostFamily(parameters()).fit(learn, tail, context(seed=2)))


def window() -> tuple[Dataset, Dataset]:
    span = walk().final
    return rows().rows(*span.fit), rows().rows(*span.calibration)


def parameters() -> XgboostParameters:
    return spec().model.parameters_as(XgboostParameters)


def model(fitted: XgboostFitted) -> Result:
    return {"model": np.frombuffer(fitted.booster.save_raw("ubj"), dtype=np.uint8)}
