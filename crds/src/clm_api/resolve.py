"""From a schedule's spec to a RunSpec: every null filled, defaults deep-merged, nothing lost."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from clm_api.job_spec import JobSpec
from clm_api.quantities import amount
from clm_api.run import (
    RunCosts,
    RunData,
    RunEvaluation,
    RunModel,
    RunPod,
    RunPromotion,
    RunSpec,
    RunTarget,
    RunTrials,
)
from clm_api.symbols import Market, canonical
from clm_api.timing import TIMEFRAME_SECONDS, floor_to
from clm_api.training_schedule import TargetSpec, TrainingScheduleSpec

DEFAULT_FEE_BPS: dict[Market, float] = {"spot": 10.0, "usdm": 5.0}
"""``spec.costs.feeBps`` when it is null."""


def deep_merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Lay ``over`` on ``base``; a partial map never drops its neighbours, lists are replaced."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = deep_merge(below, value)
        elif value is not None:
            merged[key] = value
    return merged


def resolve(
    spec: TrainingScheduleSpec,
    *,
    slot: datetime,
    trials: RunTrials,
    pod_defaults: Mapping[str, Any],
) -> RunSpec:
    """Return what a run of this slot is told.

    Parameters
    ----------
    slot
        The scheduled instant, UTC.
    pod_defaults
        The operator's defaults for the family in the shape of ``RunPod``, image included.
    """
    to = floor_to(slot, TIMEFRAME_SECONDS[spec.data.timeframe])
    asked = spec.job.to_json_dict()
    del asked["ttlSecondsAfterFinished"]  # of the finished Job: the run does not depend on it
    pod = _fitting(deep_merge(pod_defaults, asked), spec.job)
    if spec.job.image is not None:
        pod["fetchImage"] = pod_defaults["image"]
    model, data, evaluation = spec.model, spec.data, spec.evaluation
    return RunSpec(
        model=RunModel.model_validate(
            {
                "family": model.family,
                "seed": model.seed,
                "features": model.features,
                model.family.field: model.parameters,
            }
        ),
        data=RunData.model_validate(
            {
                **data.model_dump(exclude={"lookback_days"}),
                "symbols": [canonical(symbol, data.market) for symbol in data.symbols],
                "from": to - timedelta(days=data.lookback_days),
                "to": to,
            }
        ),
        target=_target(spec.target),
        evaluation=RunEvaluation(
            period_days=evaluation.period_days,
            folds=evaluation.folds or model.folds,
            purge_bars=(
                spec.target.horizon_bars + 1
                if evaluation.purge_bars is None
                else evaluation.purge_bars
            ),
            embargo_bars=evaluation.embargo_bars,
        ),
        costs=RunCosts(
            fee_bps=(
                DEFAULT_FEE_BPS[data.market] if spec.costs.fee_bps is None else spec.costs.fee_bps
            ),
            slippage_bps=spec.costs.slippage_bps,
            slippage=spec.costs.slippage,
            funding=spec.costs.funding,
        ),
        promotion=RunPromotion.model_validate(spec.promotion.model_dump()),
        trials=trials,
        pod=RunPod.model_validate(pod),
    )


def _target(target: TargetSpec) -> RunTarget:
    return RunTarget.model_validate(target.model_dump() | {"entry_percentile": target.entry})


def _fitting(pod: dict[str, Any], job: JobSpec) -> dict[str, Any]:
    """Lower a request that only the defaults ask for to the limit that the schedule sets."""
    asked = job.resources.to_json_dict() if job.resources else {}
    limits, requests = asked.get("limits", {}), asked.get("requests", {})
    resources = dict(pod.get("resources", {}))
    wanted = dict(resources.get("requests", {}))
    for name, limit in limits.items():
        default = wanted.get(name)
        if name not in requests and default is not None and amount(str(default)) > amount(limit):
            wanted[name] = limit
    return pod | {"resources": resources | {"requests": wanted}} if wanted else pod


def model_name(spec: TrainingScheduleSpec) -> str:
    """Return ``<family>_<symbol or multi>_<timeframe>``, such as ``xgboost_multi_1h``."""
    symbols = spec.data.symbols
    pair = symbols[0].split(":")[0].replace("/", "").lower() if len(symbols) == 1 else "multi"
    return f"{spec.model.family}_{pair}_{spec.data.timeframe}"
