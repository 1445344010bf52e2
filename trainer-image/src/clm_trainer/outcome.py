"""Everything that a run found out, as the bytes of the files in which it is kept."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from clm_api.layout import RunLayout
from clm_api.report import FoldMetrics, MetricsFile
from clm_api.run import RunSpec
from clm_trainer.families.base import Dataset
from clm_trainer.features import WARM_UP_BARS, code_hash
from clm_trainer.panel import Panel
from clm_trainer.sources.report import DataReport
from clm_trainer.stages.backtest import Evaluated, reference_stats
from clm_trainer.stages.train import Trained


@dataclass(frozen=True, eq=False)
class Outcome:
    """One run's results.

    Parameters
    ----------
    version
        Name of the ModelVersion.
    bars
        What fetching the bars said about them.
    """

    spec: RunSpec
    layout: RunLayout
    version: str
    panel: Panel
    bars: DataReport
    rows: Dataset
    trained: Trained
    evaluated: Evaluated

    @cached_property
    def metrics(self) -> MetricsFile:
        """The judged numbers, without anything that differs between two equal runs."""
        scores = self.evaluated.scores
        last = self.trained.walk.final.calibration[1] - 1
        return MetricsFile(
            metrics=scores.metrics,
            undefined=scores.undefined,
            sr_per_bar=scores.sr_per_bar,
            bars=scores.bars,
            skew=scores.skew,
            kurtosis=scores.kurtosis,
            trained_until=self.panel.times[last].to_pydatetime(),
        )

    def files(self) -> dict[str, bytes]:
        """Return all files but the family's own, the tear sheet and the manifest."""
        evaluated = self.evaluated
        return {
            "metrics.json": as_json(self.metrics.to_json_dict()),
            "folds.json": as_json([_unrounded(fold) for fold in evaluated.folds]),
            "features.json": as_json(self._features()),
            "reference_stats.json": as_json(reference_stats(self.rows, self.trained)),
            "run.json": as_json(self._run()),
            "model/percentiles.json": as_json({"quantiles": self.trained.ranks.quantiles.tolist()}),
            "predictions.parquet": as_parquet(evaluated.predictions),
            "equity.parquet": as_parquet(evaluated.result.equity),
            "trades.parquet": as_parquet(evaluated.result.trades),
        }

    def _features(self) -> dict[str, Any]:
        """What a model needs to be fed the way it was trained."""
        return {
            "names": list(self.rows.names),
            "symbols": list(self.rows.symbols),
            "timeframe": self.spec.data.timeframe,
            "horizonBars": self.spec.target.horizon_bars,
            "warmUpBars": WARM_UP_BARS,
            "codeHash": code_hash(),
        }

    def _run(self) -> dict[str, Any]:
        return {
            "namespace": self.layout.namespace,
            "schedule": self.layout.schedule,
            "version": self.version,
            "uid": self.layout.uid,
            "spec": self.spec.to_json_dict(),
            "data": self.bars.to_json_dict(),
            "trainingRows": list(self.trained.fits),
            "ruined": list(self.evaluated.result.ruined),
        }


def _unrounded(fold: FoldMetrics) -> dict[str, Any]:
    full = {"sharpe": fold.sharpe, "totalReturn": fold.total_return}
    return fold.to_json_dict() | {name: value for name, value in full.items() if value is not None}


def as_json(value: Mapping[str, Any] | list[Any]) -> bytes:
    """Return JSON for people and programs: the same value always gives the same bytes."""
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"


def as_parquet(frame: pd.DataFrame) -> bytes:
    """Return a frame as parquet, compressed with zstd."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()
