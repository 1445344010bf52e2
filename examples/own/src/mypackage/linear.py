"""A linear model: any estimator that has fit and predict, and the attributes that make it."""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from clm_trainer.own.estimator import estimator

Floats = NDArray[np.float64]


class Linear(BaseModel):
    """What a schedule may set in ``spec.model.custom.params``."""

    alpha: float = Field(default=1.0, gt=0)
    row_stride: int = Field(default=1, ge=1, le=168)


class Ridge:
    """Ridge regression on standardised features, as an estimator of scikit-learn has it."""

    def __init__(self, alpha: float) -> None:
        self.alpha = alpha

    def fit(self, rows: Floats, labels: Floats) -> None:
        """Learn weights."""
        self.mean_, self.scale_ = rows.mean(axis=0), rows.std(axis=0) + 1e-12
        x = (rows - self.mean_) / self.scale_
        self.intercept_ = labels.mean()
        penalty = self.alpha * len(x) * np.eye(x.shape[1])
        self.coef_ = np.linalg.solve(x.T @ x + penalty, x.T @ (labels - self.intercept_))

    def predict(self, rows: Floats) -> Floats:
        """Return the expected label of each row."""
        expected: Floats = (rows - self.mean_) / self.scale_ @ self.coef_ + self.intercept_
        return expected


OFFER = estimator(
    Linear,
    make=lambda params, seed: Ridge(params.alpha),  # noqa: ARG005 - nothing in it is drawn
    fitted=("mean_", "scale_", "coef_", "intercept_"),
)
