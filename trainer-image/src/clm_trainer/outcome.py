"""Everything that a run found out, as the bytes of the files in which it is kept."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import pandas as pd

from clm_api.layout import RunLayout
from clm_api.report import FoldMetrics, PackageData
from clm_api.run import RunSpec
from clm_trainer.features import code_hash
from clm_trainer.monitoring.drift_columns import MarketColumns
from clm_trainer.monitoring.drift_reference import reference_sample, reference_stats
from clm_trainer.own.package import packages_of
from clm_trainer.own.plain import PERCENTILES_FILE
from clm_trainer.serving.artifact import model_files
from clm_trainer.serving.live import at_end
from clm_trainer.serving.model import REFERENCE, ServedModel, files_digest
from clm_trainer.sources.report import DataReport
from clm_trainer.stages.develop import Developed
from clm_trainer.stages.own_trades import OwnTrades


@dataclass(frozen=True, eq=False)
class Outcome:
    """One run's results.

    Parameters
    ----------
    version
        Name of the ModelVersion.
    bars
        What fetching the bars said about them.
    own_trades
        The account's fills, of a run that reads them.
    """

    spec: RunSpec
    layout: RunLayout
    version: str
    bars: DataReport
    developed: Developed
    own_trades: OwnTrades | None = None

    @cached_property
    def packages(self) -> dict[str, PackageData]:
        """Own packages whose features, target or family the model has."""
        return packages_of(self.spec)

    def files(self) -> dict[str, bytes]:
        """Return all files but the family's own, the tear sheet and the manifest."""
        developed = self.developed
        evaluated, trained = developed.evaluated, developed.trained
        funding, own = evaluated.funding, self.own_trades
        return {
            "metrics.json": as_json(developed.metrics.to_json_dict()),
            "folds.json": as_json([_unrounded(fold) for fold in evaluated.folds]),
            "features.json": as_json(self._features()),
            REFERENCE: as_json(self._reference()),
            "run.json": as_json(self._run()),
            f"model/{PERCENTILES_FILE}": as_json({"quantiles": trained.ranks.quantiles.tolist()}),
            "predictions.parquet": as_parquet(evaluated.predictions),
            "equity.parquet": as_parquet(evaluated.result.equity),
            "trades.parquet": as_parquet(evaluated.result.trades),
            **({} if funding is None else {"funding.parquet": as_parquet(funding)}),
            **({} if own is None else {"own_trades.parquet": as_parquet(own.fills)}),
        }

    def live_state(self, files: Mapping[str, bytes]) -> bytes:
        """Return the state in which a live model is after the newest bar of the run.

        Parameters
        ----------
        files
            The attempt's, by name: the state belongs to those of the model.
        """
        developed = self.developed
        model = ServedModel(
            spec=self.spec,
            data_from=developed.panel.times[0],
            trained_until=pd.Timestamp(developed.metrics.trained_until),
            fitted=developed.trained.model,
            ranks=developed.trained.ranks,
            features=developed.features,
            digest=files_digest(model_files(files)),
        )
        return at_end(model, developed.panel, developed.rows).save()

    def _features(self) -> dict[str, Any]:
        """What a model needs to be fed the way it was trained."""
        packages = {name: one.to_json_dict() for name, one in self.packages.items()}
        return {
            "set": self.spec.model.features.set_,
            **({"packages": packages} if packages else {}),
            "names": list(self.developed.rows.names),
            "symbols": list(self.developed.rows.symbols),
            "timeframe": self.spec.data.timeframe,
            "horizonBars": self.spec.target.horizon_bars,
            "warmUpBars": self.developed.features.warm_up_bars,
            "codeHash": code_hash(),
        }

    def _reference(self) -> dict[str, Any]:
        """The market that the model was made of, as later looks at drift compare with it."""
        panel, made = self.developed.panel, self.developed.made
        bars = reference_sample(len(panel), len(panel.symbols)).bars
        scores = self.developed.trained.model.score(made.drift_rows)
        rows = replace(made.rows, features=made.compared)
        columns = MarketColumns(panel, rows, scores, bars)
        return reference_stats(columns, len(panel), panel.bars_per_day)

    def _run(self) -> dict[str, Any]:
        return {
            "namespace": self.layout.namespace,
            "schedule": self.layout.schedule,
            "version": self.version,
            "uid": self.layout.uid,
            "spec": self.spec.to_json_dict(),
            "data": self.bars.to_json_dict(),
            "trainingRows": list(self.developed.trained.fits),
            "purgedBars": [
                span.test[0] - span.calibration[1] for span in self.developed.trained.walk.folds
            ],
            "ruined": list(self.developed.evaluated.result.ruined),
            **self._slippage(),
        }

    def _slippage(self) -> dict[str, Any]:
        """What own trades say of slippage, for the monitor of live performance."""
        own = self.own_trades
        if own is None:
            return {}
        measured = {} if own.measured_bps is None else {"measuredBps": own.measured_bps}
        facts = {"fills": len(own.fills), "chargedBps": own.charged_bps, "note": own.note}
        return {"ownTrades": facts | measured}


def _unrounded(fold: FoldMetrics) -> dict[str, Any]:
    full = fold.model_dump(by_alias=True, exclude_none=True)
    numbers = {name: value for name, value in full.items() if isinstance(value, float)}
    return fold.to_json_dict() | numbers


def as_json(value: Mapping[str, Any] | list[Any]) -> bytes:
    """Return JSON for people and programs: the same value always gives the same bytes."""
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"


def as_parquet(frame: pd.DataFrame) -> bytes:
    """Return a frame as parquet, compressed with zstd."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()
