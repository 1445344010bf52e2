"""LightGBM: a small regression of the volatility-scaled forward return."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lightgbm

from clm_api.errors import ClmError
from clm_api.parameters.boosting import LightgbmParameters
from clm_api.reasons import Reason
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
from clm_trainer.threads import thread_count

MODEL_FILE = "model.txt"
FORMAT = "tree\nversion=v4\n"
"""How a model file of the installed library begins; LightGBM itself reads any version."""


@dataclass(frozen=True)
class LightgbmFitted:
    """A trained booster with the names of its inputs."""

    booster: lightgbm.Booster
    names: tuple[str, ...]
    threads: int

    def score(self, window: Dataset) -> Floats:
        """Return predicted returns in units of volatility; NaN where a row is not usable."""
        return scored(window, partial(self.booster.predict, num_threads=self.threads))

    def save(self, folder: Path) -> None:
        """Write the booster as LightGBM's text, which is exact, and the input names beside it."""
        self.booster.save_model(folder / MODEL_FILE)
        write_meta(folder / MODEL_FILE, self.names)

    def importance(self) -> dict[str, float]:
        """Return each feature's share of the total gain, largest first."""
        gains = self.booster.feature_importance("gain")
        return shares(zip(self.names, gains, strict=True))


class LightgbmFamily:
    """Trains boosters.

    Attributes
    ----------
    edges
        The first fit's rows: their bin edges serve all later fits of the run.
    binned
        The newest matrix: a fit whose rows it starts with copies its bins.
    """

    weighs_labels = True

    def __init__(self, parameters: LightgbmParameters) -> None:
        self.parameters = parameters
        self.reads = Reads(stride=parameters.row_stride, alone=True)
        self.edges: lightgbm.Dataset | None = None
        self.binned: Binned | None = None

    def fit(self, train: Dataset, valid: Dataset, context: FitContext) -> LightgbmFitted:
        """Train on every ``row_stride``-th bar; there is no early stopping, so no use of ``valid``.

        Raises
        ------
        ClmError
            Interrupted: the run was told to stop. InsufficientData: no row is usable.
            DeviceUnavailable: a GPU was asked for, and LightGBM's wheels have no code for CUDA.
        """
        del valid
        if context.device != "cpu":
            raise ClmError(
                Reason.DEVICE_UNAVAILABLE,
                "spec.job.gpu.count asks for a GPU, and LightGBM's published wheel is built "
                "without CUDA: set the count to 0, or choose another family",
            )
        p = self.parameters
        rows, labels, weights = training_rows(train, p.row_stride)

        def watch(now: lightgbm.callback.CallbackEnv) -> None:
            done = now.iteration + 1
            context.progress(done / p.rounds, f"round {done}/{p.rounds}")
            if context.should_stop():
                raise interrupted()

        booster = lightgbm.train(
            {
                "objective": "regression",
                "num_leaves": p.num_leaves,
                "max_depth": p.max_depth,
                "learning_rate": p.learning_rate,
                "bagging_fraction": p.bagging_fraction,
                "bagging_freq": 1,
                "feature_fraction": p.feature_fraction,
                "lambda_l2": p.lambda_l2,
                "min_data_in_leaf": max(1, round(p.min_leaf_fraction * len(labels))),
                "seed": context.seed,
                **self._common(context.threads),
            },
            self._matrix(rows, labels, context.threads).set_weight(weights),
            num_boost_round=p.rounds,
            callbacks=[watch],
        )
        return LightgbmFitted(booster, train.names, context.threads)

    def load(self, folder: Path, names: tuple[str, ...]) -> LightgbmFitted:
        """Read a booster.

        Raises
        ------
        ClmError
            ArtifactCorrupt: it was trained on other features, or can't be read.
        """
        file = folder / MODEL_FILE
        require_whole(file, names)
        text = file.read_text()
        if not text.startswith(FORMAT):
            raise unreadable(file, f"it does not begin with {FORMAT!r}")
        try:
            booster = lightgbm.Booster(model_str=text)
        except lightgbm.basic.LightGBMError as error:
            raise unreadable(file, "LightGBM refuses it") from error
        return LightgbmFitted(booster, names, thread_count())

    def _matrix(self, rows: Numbers, labels: Floats, threads: int) -> lightgbm.Dataset:
        """Return a matrix of exactly ``rows``, from bins that are there if it can be."""
        if self.binned is None or not self.binned.serves(rows, longer=True):
            self.binned = None  # its rows go before others come
            made = lightgbm.Dataset(
                rows, labels, reference=self.edges, params=self._common(threads)
            ).construct()
            self.edges = self.edges or made
            self.binned = Binned(made, rows)
        whole: lightgbm.Dataset = self.binned.matrix
        if len(rows) < len(self.binned.rows):
            own = whole.subset(list(range(len(rows)))).construct()
        else:
            own = whole
        return own.set_label(labels)

    def _common(self, threads: int) -> dict[str, Any]:
        """Return what the matrices need too.

        The smallest leaf differs between fits of the same bins, so features aren't filtered by it.
        """
        return {
            "max_bin": self.parameters.max_bin,
            "feature_pre_filter": False,
            "deterministic": True,
            "force_col_wise": True,
            "num_threads": threads,
            "verbosity": -1,
        }


OFFER = Offer(LightgbmParameters, lambda parameters, _: LightgbmFamily(parameters))
