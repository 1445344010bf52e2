"""XGBoost: a small regression of the volatility-scaled forward return."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xgboost

from clm_api.parameters.boosting import XgboostParameters
from clm_trainer.devices import choose_device
from clm_trainer.families.base import Dataset, FitContext, Reads, interrupted
from clm_trainer.families.boosting import (
    Binned,
    require_whole,
    scored,
    shares,
    training_rows,
    unreadable,
    write_meta,
)
from clm_trainer.kept import Numbers
from clm_trainer.own.door import Offer
from clm_trainer.panel import Floats

MODEL_FILE = "model.ubj"


@dataclass(frozen=True)
class XgboostFitted:
    """A trained booster with the names of its inputs."""

    booster: Any
    names: tuple[str, ...]

    def score(self, window: Dataset) -> Floats:
        """Return predicted returns in units of volatility; NaN where a row is not usable."""
        return scored(window, self.booster.inplace_predict)

    def save(self, folder: Path) -> None:
        """Write the booster in XGBoost's binary JSON, and the input names beside it."""
        self.booster.save_model(folder / MODEL_FILE)
        write_meta(folder / MODEL_FILE, self.names)

    def importance(self) -> dict[str, float]:
        """Return each feature's share of the total gain, largest first."""
        gains = self.booster.get_score(importance_type="total_gain")
        return shares((self.names[int(key[1:])], gain) for key, gain in gains.items())


class XgboostFamily:
    """Trains boosters.

    Attributes
    ----------
    edges
        The first fit's matrix: its bin edges serve all later fits of the run.
    binned
        The newest matrix: a fit whose rows it starts with needs no binning.
    """

    weighs_labels = True

    def __init__(self, parameters: XgboostParameters) -> None:
        self.parameters = parameters
        self.reads = Reads(stride=parameters.row_stride, single=True, alone=True)
        self.edges: Any = None
        self.binned: Binned | None = None

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
        rows, labels, weights = training_rows(train, p.row_stride)
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
            self._matrix(rows, labels, weights, context),
            num_boost_round=p.rounds,
            callbacks=[_Watch(context, p.rounds)],
        )
        if context.should_stop():
            raise interrupted()
        booster.set_param({"device": "cpu"})  # scores come from host memory
        return XgboostFitted(booster, train.names)

    def load(self, folder: Path, names: tuple[str, ...]) -> XgboostFitted:
        """Read a booster.

        Raises
        ------
        ClmError
            ArtifactCorrupt: it was trained on other features, or can't be read.
        """
        booster, file = xgboost.Booster(), folder / MODEL_FILE
        require_whole(file, names)
        try:
            booster.load_model(file)
        except xgboost.core.XGBoostError as error:
            raise unreadable(file, "XGBoost refuses it") from error
        return XgboostFitted(booster, names)

    def _matrix(
        self, rows: Numbers, labels: Floats, weights: Floats | None, context: FitContext
    ) -> Any:
        """Return a matrix in which only ``rows`` have a label, and weight.

        Without weight the gradients of a row are 0, as those of a row that ``subsample`` leaves
        out: with one thread the model is bit for bit that of a matrix of ``rows`` alone. Several
        threads, or a GPU, share out a matrix by its length, so the order of their sums would
        depend on later rows: they get a matrix of their own.
        """
        in_order = context.threads == 1 and context.device == "cpu"
        if self.binned is None or not self.binned.serves(rows, longer=in_order):
            self.binned = None  # its rows go before others come
            made = xgboost.QuantileDMatrix(
                rows, max_bin=self.parameters.max_bin, nthread=context.threads, ref=self.edges
            )
            self.edges = self.edges or made
            self.binned = Binned(made, rows)
        matrix, length = self.binned.matrix, len(self.binned.rows)
        padded, weight = np.zeros(length), np.zeros(length)
        padded[: len(rows)] = labels
        weight[: len(rows)] = 1 if weights is None else weights
        matrix.set_info(label=padded, weight=weight)
        return matrix


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


OFFER = Offer(XgboostParameters, lambda parameters, _: XgboostFamily(parameters))
