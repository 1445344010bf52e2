"""How much memory a run needs, told from the size of its data before any of it is there.

The largest of three moments: the bars are laid on one grid, a model is fitted, the judged window
is played and reported. Coefficients are bytes a row (bars × symbols); they follow from the arrays
that the trainer has at once, and were held against whole runs (``docs/runs.md``).
"""

from dataclasses import dataclass
from math import ceil, gcd

from clm_api.families import FamilyParameters
from clm_api.learning_memory import OBSERVED, Learned, Lesson, learned_of
from clm_api.parameters.own import CustomParameters
from clm_api.timing import TIMEFRAME_SECONDS
from clm_api.training_schedule import TrainingScheduleSpec

MARGIN = 1.25
"""On all that grows with the data."""
STANDARD_FEATURES = 38
"""Of CLM's own set; an own one counts as as many."""
BLOCK_BARS = 4096
"""Bars whose features are computed at once."""
_STEP = 64 * 2**20
_MB = 10**6

# A process without data: what it imports, compiles and keeps for looks at drift.
_BASE = {"boosting": 460 * _MB, "neural": 1300 * _MB, "rl": 1250 * _MB}
_BESIDE = 120 * _MB  # the libraries of a blend's other members
_APART = 250 * _MB  # the process in which an own feature set is computed again

_FETCHED = 150  # the grid, and each symbol's rows as they were read, cleaned and laid on it
_STANDING = 75  # prices, volume, volatility, closes, labels, and where features are kept
_COLUMN = 8
_ENDS = 8  # of labels that end when a barrier is touched
_COLUMN_READ = 40
_JUDGED = 250  # a row of the judged window: scores, positions, sleeves, predictions and their file
_BLOCKS, _PROBES = 7, 3  # blocks of features: while they are made, and those that are kept
_COMPARED_ROWS = 55_000  # for each symbol, of bars with which later ones are compared
_COMPARED_MOST = 2**17


@dataclass(frozen=True)
class _Rows:
    """Numbers of rows (bars × symbols).

    Parameters
    ----------
    tail
        Of the calibration.
    window
        Of the evaluation.
    """

    symbols: int
    all_of: int
    tail: int
    window: int


def needed_bytes(spec: TrainingScheduleSpec) -> int:
    """Return the memory that the training container of a schedule's runs takes at most."""
    return _needed(spec, STANDARD_FEATURES, batches=True)


def least_bytes(spec: TrainingScheduleSpec) -> int:
    """Return the memory without which no run can end well.

    Of own code nobody knows how many features it makes and which it reads: none are counted. Nor is
    a network's batch, which may lie on a GPU.
    """
    return _needed(spec, 0 if _has_own_code(spec) else STANDARD_FEATURES, batches=False)


def compared_rows(rows: int, symbols: int) -> int:
    """Return about how many rows of a history are kept to compare later ones with."""
    return min(rows, _COMPARED_MOST + _COMPARED_ROWS * symbols)


def in_words(size: int) -> str:
    """Return a size as a Kubernetes quantity, rounded up to 64Mi."""
    steps = ceil(size / _STEP)
    return f"{steps // 16}Gi" if steps % 16 == 0 else f"{steps * 64}Mi"


def load_in_words(spec: TrainingScheduleSpec) -> str:
    """Say what is large or small about a run."""
    data = spec.data
    count = len(data.symbols)
    symbols = "one symbol" if count == 1 else f"{count} symbols"
    return f"{spec.model.family} on {data.lookback_days} days of {data.timeframe} bars of {symbols}"


def _needed(spec: TrainingScheduleSpec, features: int, *, batches: bool) -> int:
    rows, model, horizon = _rows(spec), spec.model, spec.target.horizon_bars
    observed = features if _has_own_set(spec) else min(features, OBSERVED)
    lesson = Lesson(rows.all_of - rows.tail, features, observed, horizon, batches)
    learned = [learned_of(part.parameters, lesson) for part in model.parts]
    standing = rows.all_of * _standing(spec) + _kept(rows, learned, features)
    block = rows.symbols * BLOCK_BARS * features * 8
    # A blend's members keep what they learned from until the last one is fitted.
    later = max(sum(one.fitting_bytes for one in learned), rows.window * _JUDGED)
    grown = max(
        rows.all_of * _fetched(spec),
        standing + _BLOCKS * block,
        standing + _PROBES * block + later,
    )
    return _base(model, own_set=_has_own_set(spec)) + ceil(MARGIN * grown)


def _rows(spec: TrainingScheduleSpec) -> _Rows:
    symbols = len(spec.data.symbols)
    a_day = symbols * 86400 // TIMEFRAME_SECONDS[spec.data.timeframe]
    return _Rows(
        symbols,
        a_day * spec.data.lookback_days,
        a_day * spec.target.calibration_days,
        a_day * spec.evaluation.period_days,
    )


def _columns(spec: TrainingScheduleSpec) -> int:
    return len(spec.data.columns) + sum(len(one.columns) for one in spec.data.series)


def _fetched(spec: TrainingScheduleSpec) -> int:
    columns = _columns(spec)
    return _FETCHED + columns * _COLUMN + (_COLUMN_READ if columns else 0)


def _standing(spec: TrainingScheduleSpec) -> int:
    target = spec.target
    ends = _ENDS if target.kind not in ("return", "sign") else 0
    weights = _COLUMN if target.uniqueness_weights else 0
    return _STANDING + ends + weights + _columns(spec) * _COLUMN


def _kept(rows: _Rows, learned: list[Learned], features: int) -> int:
    """Return the bytes of the features that somebody reads."""
    compared = compared_rows(rows.all_of, rows.symbols) * features * 4
    reading = [one for one in learned if one.feature_bytes]
    if not reading:
        return compared
    scored = min(rows.all_of, rows.tail + rows.window)
    stride = gcd(*(one.stride for one in reading))
    alone = all(one.alone for one in learned)
    kept = scored + (rows.all_of - scored) // stride if alone else rows.all_of
    return compared + kept * features * max(one.feature_bytes for one in reading)


def _base(model: FamilyParameters, *, own_set: bool) -> int:
    bases = {_BASE[part.family.row.flavour] for part in model.parts}
    return max(bases) + (len(bases) - 1) * _BESIDE + (_APART if own_set else 0)


def _has_own_set(spec: TrainingScheduleSpec) -> bool:
    return spec.model.features.set_ != "standard"


def _has_own_code(spec: TrainingScheduleSpec) -> bool:
    return _has_own_set(spec) or any(
        isinstance(part.parameters, CustomParameters) for part in spec.model.parts
    )
