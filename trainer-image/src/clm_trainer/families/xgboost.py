"""XGBoost: a small regression of the volatility-scaled forward return."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from clm_api.errors import ClmError
from clm_api.parameters.boosting import XgboostParameters
from clm_api.reasons import Reason
from clm_api.run import RunSpec
from clm_trainer.devices import choose_device
from clm_trainer.families.base import Dataset, FitContext
from clm_trainer.panel import Floats

MODEL_FILE = "model.ubj"
META_FILE = "model.json"


@dataclass(frozen=True)
class XgboostFitted:
    """A trained booster with the names of its inputs."""

    booster: Any
    names: tuple[str, ...]

    def score(self, window: Dataset) -> Floats:
        """Return predicted returns in units of volatility; NaN where a row is not usable."""
        out = np.full(window.usable.shape, np.nan)
        rows = window.features[window.usable]
        if len(rows):
            out[window.usable] = self.booster.inplace_predict(rows)
        return out

    def save(self, folder: Path) -> None:
        """Write the booster in XGBoost's binary JSON, and the input names beside it."""
        self.booster.save_model(folder / MODEL_FILE)
        (folder / META_FILE).write_text(json.dumps({"features": list(self.names)}))

    def importance(self) -> dict[str, float]:
        """Return each feature's share of the total gain, largest first."""
        gain = self.booster.get_score(importance_type="total_gain")
        total = sum(gain.values()) or 1.0
        shares = {self.names[int(key[1:])]: value / total for key, value in gain.items()}
        return dict(sorted(shares.items(), key=lambda item: -item[1]))


class XgboostFamily:
    """Trains boosters.

    Attributes
    ----------
    edges
        The first fit's matrix: its bin edges serve all later fits of the run.
    """

    def __init__(self, parameters: XgboostParameters) -> None:
        self.parameters = parameters
        self.edges: Any = None

    def fit(self, train: Dataset, valid: Dataset, context: FitContext) -> XgboostFitted:
        """Train on every ``row_stride``-th bar; there is no early stopping, so no use of ``valid``.

        Raises
        ------
        ClmError
            Interrupted: the run was told to stop. InsufficientData: no row is usable.
            DeviceUnavailable: the GPU that was asked for is not visible (XGBoost would fall back).
        """
        del valid
        if context.device == "cuda":
            choose_device(1)
        p = self.parameters
        rows, labels = _rows(train, p.row_stride)
        matrix = xgboost.QuantileDMatrix(
            rows, labels, max_bin=p.max_bin, nthread=context.threads, ref=self.edges
        )
        self.edges = self.edges or matrix
        booster = xgboost.train(
            {
                "objective": "reg:squarederror",
                "tree_method": "hist",
                "device": context.device,
                "max_depth": p.max_depth,
                "learning_rate": p.learning_rate,
                "subsample": p.subsample,
                "colsample_bytree": p.colsample_bytree,
                "reg_lambda": p.reg_lambda,
                "max_bin": p.max_bin,
                "min_child_weight": p.min_child_fraction * len(labels),
                "nthread": context.threads,
                "seed": context.seed,
                "verbosity": 1,
            },
            matrix,
            num_boost_round=p.rounds,
            callbacks=[_Watch(context, p.rounds)],
        )
        if context.should_stop():
            raise ClmError(Reason.INTERRUPTED, "told to stop while training; the run is retried")
        booster.set_param({"device": "cpu"})  # scores come from host memory
        return XgboostFitted(booster, train.names)

    def load(self, folder: Path, names: tuple[str, ...]) -> XgboostFitted:
        """Read a booster.

        Raises
        ------
        ClmError
            ArtifactCorrupt: it was trained on other features.
        """
        trained_on = tuple(json.loads((folder / META_FILE).read_text())["features"])
        if trained_on != names:
            raise ClmError(Reason.ARTIFACT_CORRUPT, "the model was trained on other features")
        booster = xgboost.Booster()
        booster.load_model(folder / MODEL_FILE)
        return XgboostFitted(booster, names)


class _Watch(xgboost.callback.TrainingCallback):  # type: ignore[misc]
    """Reports progress, and ends the training when told to."""

    def __init__(self, context: FitContext, rounds: int) -> None:
        super().__init__()
        self._context, self._rounds = context, rounds

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Return True to stop."""
        del model, evals_log
        self._context.progress((epoch + 1) / self._rounds, f"round {epoch + 1}/{self._rounds}")
        return self._context.should_stop()


def _rows(train: Dataset, stride: int) -> tuple[Floats, Floats]:
    known = train.usable & np.isfinite(train.target)
    known[np.arange(len(train)) % stride != 0] = False
    rows, labels = train.features[known], train.target[known]
    if len(labels) == 0:
        text = "no bar of the training span is usable: import more bars"
        raise ClmError(Reason.INSUFFICIENT_DATA, text)
    return rows, labels


def create(spec: RunSpec) -> XgboostFamily:
    """Return the family with a run's parameters."""
    return XgboostFamily(spec.model.xgboost or XgboostParameters())
