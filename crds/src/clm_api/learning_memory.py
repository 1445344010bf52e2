"""The memory in which a family learns: its rows, its library's copy of them, what it grows."""

from dataclasses import dataclass
from typing import Any

from clm_api.base import Model
from clm_api.parameters.boosting import LightgbmParameters, XgboostParameters
from clm_api.parameters.neural import NeuralTraining, NhitsParameters, PatchtstParameters
from clm_api.parameters.own import CustomParameters
from clm_api.parameters.rl import Episodes, RlV2Parameters, RlV3Parameters

OBSERVED = 15
"""Features of CLM's own set that the reinforcement-learning families observe."""
_SINGLE, _DOUBLE = 4, 8
_LABELS = 40  # of a row: label, weight, gradient, prediction
_BIN_BYTES, _NODE_BYTES = 16, 64
_VALIDATED = 4096  # windows of the calibration tail that a network forecasts at once


@dataclass(frozen=True)
class Learned:
    """What one family takes beside the bars.

    Parameters
    ----------
    feature_bytes
        Of a feature that is kept for it; 0: it reads none.
    stride
        Every how many bars it reads features, where nothing is scored.
    alone
        Whether it reads no more than that, and what is scored.
    fitting_bytes
        The most that one fit takes, its rows included.
    """

    feature_bytes: int
    stride: int
    alone: bool
    fitting_bytes: int


@dataclass(frozen=True)
class Lesson:
    """What there is to learn from.

    Parameters
    ----------
    rows
        Bars × symbols of the longest training span.
    features
        Of a row.
    observed
        Of these, those that the reinforcement-learning families observe.
    batches
        Whether what a network keeps of a batch counts: with a GPU it lies there.
    """

    rows: int
    features: int
    observed: int
    horizon_bars: int
    batches: bool = True


def learned_of(p: Model, lesson: Lesson) -> Learned:
    """Return what a family takes to learn.

    Parameters
    ----------
    p
        Its parameters; one that is not known here counts as an own one.
    """
    if isinstance(p, XgboostParameters):
        # Rows of this fit and of the one before, and two binned matrices of a byte a feature.
        rows = lesson.rows // p.row_stride
        leaves = _leaves(rows, 2**p.max_depth, p.min_child_fraction)
        grown = _trees(leaves, p.rounds, lesson.features * p.max_bin)
        fit = rows * (13 * lesson.features + _LABELS) + grown
        return Learned(_SINGLE, p.row_stride, True, fit)
    if isinstance(p, LightgbmParameters):
        # In float64, which it copies once more to bin it.
        rows = lesson.rows // p.row_stride
        leaves = _leaves(rows, p.num_leaves, p.min_leaf_fraction)
        grown = _trees(leaves, p.rounds, lesson.features * p.max_bin)
        fit = rows * (32 * lesson.features + _LABELS) + grown
        return Learned(_DOUBLE, p.row_stride, True, fit)
    if isinstance(p, NeuralTraining):
        batch = _activations(p) if lesson.batches else 0
        return Learned(0, 1, True, _paths(p, lesson) + batch)
    if isinstance(p, Episodes):
        return Learned(_SINGLE, 1, True, lesson.rows * (8 * lesson.observed + 50) + _steps(p))
    # What is handed to the estimator, and two copies of its own.
    rows = lesson.rows // _own_stride(p)
    return Learned(_DOUBLE, 1, False, rows * (24 * lesson.features + _LABELS))


def _leaves(rows: int, most: int, smallest: float) -> int:
    """Return the leaves of a tree whose leaves have at least a share of the rows."""
    return max(1, min(most, rows, int(1 / smallest) if smallest else rows))


def _trees(leaves: int, rounds: int, bins: int) -> int:
    """Return what all trees take, and the histograms of the nodes of one."""
    return leaves * (rounds * 2 * _NODE_BYTES + bins * _BIN_BYTES)


def _paths(p: NeuralTraining, lesson: Lesson) -> int:
    """Return what windows and the paths after them take, while they are made in float64."""
    return 16 * lesson.rows + lesson.rows // p.row_stride * (28 * lesson.horizon_bars + 16)


def _activations(p: NeuralTraining) -> int:
    """Return what a network keeps of a batch to learn from it."""
    width = 8 * p.input_bars
    if isinstance(p, NhitsParameters):
        width += 18 * p.hidden_size
    if isinstance(p, PatchtstParameters):
        patches = (p.input_bars - p.patch_bars) // p.patch_stride + 2
        one = 12 * p.hidden_size + 2 * p.feedforward_size + 3 * p.heads * patches
        width += patches * one * p.layers
    return max(p.batch_size, _VALIDATED) * width * _SINGLE


def _steps(p: Episodes) -> int:
    """Return what the decisions that are learned from take."""
    seen = (OBSERVED + 2) * _SINGLE
    if isinstance(p, RlV2Parameters):
        return min(p.buffer_size, p.total_steps) * (2 * seen + 32)
    if isinstance(p, RlV3Parameters):
        return p.rollout_steps * p.environments * (2 * seen + 64)
    return 0


def _own_stride(p: Model) -> int:
    told: dict[str, Any] = p.params if isinstance(p, CustomParameters) else {}
    stride = told.get("row_stride", told.get("rowStride", 1))
    return stride if isinstance(stride, int) and stride > 0 else 1
