"""A family of any estimator that has ``fit(X, y)`` and ``predict(X)``, as scikit-learn's have.

What ``fit`` learned is kept as arrays and JSON values, never as a pickle. It is put back by setting
those attributes on a new estimator. Every fit does that at once and goes on with the restored one:
an attribute that nobody named is missed in the run, not in production.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from operator import attrgetter
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import numpy as np
from pydantic import BaseModel

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.families.base import Dataset, FitContext, interrupted
from clm_trainer.families.boosting import shares, training_rows
from clm_trainer.own.blocks import BLOCK, score_in_blocks
from clm_trainer.own.door import Offer
from clm_trainer.own.values import Values, kept_values, read_values, write_values
from clm_trainer.panel import Floats

P = TypeVar("P", bound=BaseModel)
Says = Literal["predict", "predict_proba", "decision_function"]
_IMPORTANCES = "feature_importances_"


def estimator(
    params: type[P],
    make: Callable[[P, int], Any],
    fitted: Sequence[str],
    *,
    says: Says = "predict",
) -> Offer[Any]:
    """Return what an entry point of group ``clm.families`` stands for.

    Parameters
    ----------
    params
        The model of its parameters. A field ``row_stride`` says that only every so many bars are
        learned.
    make
        Makes an untrained estimator from parameters and a seed.
    fitted
        Names of the attributes that ``fit`` sets and ``predict`` reads, such as ``coef_``; with
        dots for those of parts: ``named_steps.ridge.coef_``.
    says
        The method whose answer is the score; of several columns the last one counts.
    """
    return Offer(params, lambda told, _: EstimatorFamily(told, make, tuple(fitted), says))


@dataclass(frozen=True)
class EstimatorFamily(Generic[P]):
    """Trains estimators of one kind, on the CPU."""

    parameters: P
    make: Callable[[P, int], Any]
    fitted: tuple[str, ...]
    says: Says

    @property
    def weighs_labels(self) -> bool:
        """Whether the estimator's ``fit`` takes weights."""
        return "sample_weight" in signature(self.make(self.parameters, 0).fit).parameters

    def fit(self, train: Dataset, valid: Dataset, context: FitContext) -> "EstimatorFitted":
        """Train on the rows whose label is known; ``valid`` is not used.

        Raises
        ------
        ClmError
            Interrupted. InsufficientData: no row is usable. DeviceUnavailable: a GPU was asked for.
            TrainingFailed: the attributes that were named do not make the trained estimator, or
            hold what only a pickle could keep.
        """
        del valid
        if context.device != "cpu":
            text = "an estimator trains on the CPU: set spec.job.gpu.count to 0"
            raise ClmError(Reason.DEVICE_UNAVAILABLE, text)
        rows, labels, weights = training_rows(train, getattr(self.parameters, "row_stride", 1))
        model = self.make(self.parameters, context.seed)
        kind = type(model).__name__
        context.progress(0.05, f"{kind}  rows {len(labels)}")
        if context.should_stop():
            raise interrupted()
        model.fit(rows, labels, **({} if weights is None else {"sample_weight": weights}))
        if context.should_stop():
            raise interrupted()
        restored = self._restored(self._kept(model), train.names)
        self._require_complete(model, restored.model, rows)
        context.progress(1.0, f"{kind}  fitted")
        return restored

    def load(self, folder: Path, names: tuple[str, ...]) -> "EstimatorFitted":
        """Read an estimator.

        Raises
        ------
        ClmError
            ArtifactCorrupt: a file can't be read, or it was trained on other features or with other
            parameters.
        """
        return self._restored(read_values(folder, self._meta(names), self.fitted), names)

    def _meta(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Return what a stored estimator must agree with."""
        return {"features": list(names), "parameters": self.parameters.model_dump(mode="json")}

    def _kept(self, model: Any) -> Values:
        try:
            found = {name: attrgetter(name)(model) for name in self.fitted}
        except AttributeError as error:
            raise self._incomplete(model, f"it has none of that name: {error}") from error
        return kept_values(found)

    def _restored(self, values: Values, names: tuple[str, ...]) -> "EstimatorFitted":
        model = self.make(self.parameters, 0)
        for name, value in values.items():
            parent, _, own = name.rpartition(".")
            setattr(attrgetter(parent)(model) if parent else model, own, value)
        return EstimatorFitted(model, values, self.says, names, self._meta(names))

    def _require_complete(self, model: Any, restored: Any, rows: Floats) -> None:
        some = rows[:: max(1, len(rows) // BLOCK)]
        try:
            same = np.array_equal(_said(restored, self.says, some), _said(model, self.says, some))
        except Exception as error:
            raise self._incomplete(model, f"{type(error).__name__}: {error}") from error
        if not same:
            raise self._incomplete(model, "it predicts otherwise")

    def _incomplete(self, model: Any, why: str) -> ClmError:
        others = sorted(k for k in vars(model) if k.endswith("_") and k not in self.fitted)
        return ClmError(
            Reason.TRAINING_FAILED,
            f"{type(model).__name__} can't be restored from the attributes that its family names "
            f"({', '.join(self.fitted) or 'none'}): {why}; it also has "
            f"{', '.join(others) or 'no others'}"[:500],
        )


@dataclass(frozen=True, eq=False)
class EstimatorFitted:
    """An estimator that was made of kept values.

    Parameters
    ----------
    meta
        What its files must agree with when they are read.
    """

    model: Any
    values: Values
    says: Says
    names: tuple[str, ...]
    meta: Mapping[str, Any]

    def score(self, window: Dataset) -> Floats:
        """Return what the estimator says of usable rows; NaN elsewhere."""
        return score_in_blocks(window, lambda rows: _said(self.model, self.says, rows))

    def save(self, folder: Path) -> None:
        """Write arrays as safetensors, other values as JSON."""
        write_values(folder, self.meta, self.values)

    def importance(self) -> dict[str, float]:
        """Return each feature's share, if the estimator keeps ``feature_importances_``."""
        gains = self.values.get(_IMPORTANCES, [0.0] * len(self.names))
        return shares(zip(self.names, gains, strict=True))


def _said(model: Any, says: Says, rows: Floats) -> Floats:
    answer: Floats = np.asarray(getattr(model, says)(rows), dtype=np.float64)
    return answer if answer.ndim == 1 else answer[:, -1]
