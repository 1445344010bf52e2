"""Parameters of the boosting families: a regression of the volatility-scaled forward return."""

from typing import Annotated

from pydantic import Field

from clm_api.base import Model


class XgboostParameters(Model):
    """Parameters of the XGBoost family."""

    max_depth: Annotated[int, Field(ge=1, le=12)] = 2
    """Depth of a tree. Deeper trees fit noise: the signal in hourly bars is small."""
    learning_rate: Annotated[float, Field(ge=0.001, le=1)] = 0.05
    """Shrinkage of each tree."""
    rounds: Annotated[int, Field(ge=1, le=5000)] = 50
    """Number of trees; fixed, there is no early stopping."""
    subsample: Annotated[float, Field(ge=0.1, le=1)] = 0.7
    """Share of the rows that each tree sees."""
    colsample_bytree: Annotated[float, Field(ge=0.05, le=1)] = 0.3
    """Share of the features that each tree sees."""
    reg_lambda: Annotated[float, Field(ge=0, le=10000)] = 10.0
    """L2 penalty on leaf weights."""
    max_bin: Annotated[int, Field(ge=8, le=1024)] = 64
    """Histogram bins per feature."""
    min_child_fraction: Annotated[float, Field(ge=0, le=0.5)] = 0.13
    """Smallest leaf as a share of the training rows: labels overlap, so rows depend on another."""
    row_stride: Annotated[int, Field(ge=1, le=168)] = 4
    """Every how many bars a training row is taken (labels overlap, so little is lost)."""


class LightgbmParameters(Model):
    """Parameters of the LightGBM family."""

    num_leaves: Annotated[int, Field(ge=2, le=256)] = 4
    """Leaves of a tree."""
    max_depth: Annotated[int, Field(ge=1, le=12)] = 2
    """Depth of a tree. Deeper trees fit noise: the signal in hourly bars is small."""
    learning_rate: Annotated[float, Field(ge=0.001, le=1)] = 0.05
    """Shrinkage of each tree."""
    rounds: Annotated[int, Field(ge=1, le=5000)] = 50
    """Number of trees; fixed, there is no early stopping."""
    bagging_fraction: Annotated[float, Field(ge=0.1, le=1)] = 0.7
    """Share of the rows that each tree sees."""
    feature_fraction: Annotated[float, Field(ge=0.05, le=1)] = 0.3
    """Share of the features that each tree sees."""
    lambda_l2: Annotated[float, Field(ge=0, le=10000)] = 10.0
    """L2 penalty on leaf weights."""
    max_bin: Annotated[int, Field(ge=8, le=1023)] = 63
    """Histogram bins per feature."""
    min_leaf_fraction: Annotated[float, Field(ge=0, le=0.5)] = 0.065
    """Smallest leaf as a share of the training rows: labels overlap, so rows depend on another."""
    row_stride: Annotated[int, Field(ge=1, le=168)] = 4
    """Every how many bars a training row is taken (labels overlap, so little is lost)."""
