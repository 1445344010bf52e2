"""Drift on markets that stay, and on the same markets from a change on: what a schedule would see.

One year of training and one of looks every six hours, a retrain at each alarm (the reference then
begins anew, and no window reaches back over it), one change of each kind at a drawn bar of each
market. Pilots with up to 30 markets a set came before it. They chose the weights of a window, the
default confidence, and the main set: volatility of β 0.90 and normal draws. The sets that last
longer, and the real bars, count beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clm_api.monitoring import DriftSpec
from clm_trainer.families.base import Dataset
from clm_trainer.monitoring.drift_columns import SCORE, Columns, MarketColumns
from clm_trainer.monitoring.drift_faults import faults_of
from clm_trainer.monitoring.drift_null import Null, Windows, null_of, statistics_of
from clm_trainer.monitoring.drift_windows import edges_of
from clm_trainer.panel import Floats, Panel
from clm_trainer.stages.features import dataset
from tools.study import changes
from tools.study.mirrored import mirrored
from tools.study.seeds import shapes
from tools.study.stationary import LASTING, stationary

YEAR, DAY, LOOK = 8766, 24, 6
DEADLINE, AT_ONCE = 4 * DAY, DAY
CHANGED = 100
HISTORY = 2500
"""Bars before a change that are built anew with it: features forget faster."""
SPEC = DriftSpec()
WINDOWS = Windows(SPEC.window_bars, SPEC.windows, SPEC.of)
MARKET: dict[str, changes.Change] = {
    "volatility × 2": changes.volatility_doubled,
    "correlation broken": changes.correlation_broken,
}
FAULTS: dict[str, changes.Change] = {
    "volume gone": changes.volume_gone,
    "prices frozen": changes.prices_frozen,
    "price × 1000": changes.scaled("prices", 1000.0),
    "price ÷ 10": changes.scaled("prices", 0.1),
    "volume × 1000": changes.scaled("volume", 1000.0),
    "volume ÷ 10": changes.scaled("volume", 0.1),
    "symbol silent": changes.silent,
}
MOVED = (
    "ret1", "ret4", "body", "wick", "range", "volz", "rel24", "ret24", "rsi14", "vol24_168",
    "ret168", SCORE,
)  # fmt: skip
"""Columns whose mean is moved: from those that a bar decides to those that a week does."""


def _mirrored(seed: int) -> Panel:
    sizes, bars = shapes(), 2 * YEAR
    begin = seed * 30 * DAY % (len(sizes) - bars)
    return mirrored(sizes.window(begin, begin + bars), seed)[0]


SETS: dict[str, Callable[[int], Panel]] = {
    "garch": lambda seed: stationary(seed, 2 * YEAR),
    "lasting": lambda seed: stationary(seed, 2 * YEAR, LASTING),
    "mirrored": _mirrored,
}


@dataclass(frozen=True, eq=False)
class Market:
    """Bars, and what a look compares of them."""

    panel: Panel
    columns: Columns

    @classmethod
    def of(cls, panel: Panel) -> "Market":
        """Compare the features, and a score that is a fixed sum of some of them."""
        rows = dataset(panel)
        return cls(panel, dict(MarketColumns(panel, rows, score(rows))))


def score(rows: Dataset) -> Floats:
    """Return what stands for a model's score."""
    parts = [rows.names.index(name) for name in ("ret24", "rsi14", "volz", "rel24")]
    total = np.full(rows.usable.shape, np.nan)
    total[rows.usable] = np.sum(rows.features[rows.usable][:, parts], axis=1)
    return total


@dataclass(frozen=True, eq=False)
class Trained:
    """The reference of bars before ``stop``, which is row 0 of nothing: rows count from ``start``.

    Parameters
    ----------
    start, stop
        Rows of the market that the version was trained on.
    """

    start: int
    stop: int
    edges: dict[str, Floats]
    null: Null
    limit: float


def trained(market: Market, start: int, stop: int) -> Trained:
    """Return what a version trained on some rows knows."""
    before = {name: values[start:stop] for name, values in market.columns.items()}
    edges = {name: edges_of(values) for name, values in before.items()}
    null = null_of(before, edges, stop - start, WINDOWS)
    assert null is not None
    limit = null.limit(SPEC.confidence, market.panel.bars_per_day)
    return Trained(start, stop, edges, null, limit)


def decided(columns: Columns, known: Trained, ends: np.ndarray) -> Floats:
    """Return the decision at each look but the first ones, shape (looks - of + 1,)."""
    part = {name: values[known.start :] for name, values in columns.items()}
    edges = {name: known.edges[name] for name in part}
    rows = [known.null.names.index(name) for name in part]
    found = statistics_of(part, edges, known.stop - known.start, ends - known.start, WINDOWS.bars)
    usual = known.null.usual
    some = replace(usual, quantiles=usual.quantiles[:, rows], joint=usual.joint[:, rows])
    return WINDOWS.decided(np.nanmax(some.unusual(found), axis=0))


def alarms(market: Market, known: Trained, bars: int, lookback: int) -> list[int]:
    """Return the bars, counted from the training's end, after which a schedule would retrain."""
    begin = stop = known.stop
    found: list[int] = []
    while stop + WINDOWS.reach < begin + bars:
        if found:
            known = trained(market, max(0, stop - lookback), stop)
        ends = np.arange(stop + WINDOWS.bars, begin + bars + 1, LOOK)
        over = np.flatnonzero(decided(market.columns, known, ends) > known.limit)
        if not len(over):
            break
        stop = int(ends[over[0] + WINDOWS.of - 1])
        found.append(stop - begin)
    return found


def seen(columns: Columns, known: Trained, row: int) -> int | None:
    """Return how many bars after a change it is found, at most four days; None if it is not."""
    ends = row + LOOK * np.arange(1 - WINDOWS.of + 1, DEADLINE // LOOK + 1)
    over = np.flatnonzero(decided(columns, known, ends) > known.limit)
    return None if not len(over) else int((over[0] + 1) * LOOK)


def record(set_name: str, seed: int) -> dict[str, Any]:
    """Return what one market shows: alarms while it stays, and when each change is found.

    Changes are made to the first ``CHANGED`` markets of a set.
    """
    market = Market.of(SETS[set_name](seed))
    known = trained(market, 0, YEAR)
    made = {"seed": seed, "alarms": alarms(market, known, YEAR, YEAR)}
    return made | _changed(market, known, seed) if seed < CHANGED else made


def _changed(market: Market, known: Trained, seed: int) -> dict[str, Any]:
    """Return after how many bars each change is found."""
    rng = np.random.default_rng([99, seed])
    panel, columns = market.panel, market.columns
    row = int(rng.integers(YEAR + WINDOWS.reach, 2 * YEAR - DEADLINE))
    row -= row % LOOK
    found: dict[str, int | None] = {}
    near = panel.window(row - HISTORY, row + DEADLINE)
    for name, change in MARKET.items():
        later = Market.of(change(near, HISTORY, rng)).columns
        whole = {k: np.concatenate([v[: row - HISTORY], later[k]]) for k, v in columns.items()}
        found[name] = seen(whole, known, row)
    return {
        "found": found | {name: _fault(change, panel, row, rng) for name, change in FAULTS.items()},
        "moved": {n: seen({n: _moved(columns[n], row)}, known, row) for n in MOVED},
    }


def _moved(values: Floats, row: int) -> Floats:
    """Return a column whose mean is a standard deviation higher from a row on."""
    step = np.nanstd(values[:YEAR])
    return np.asarray(values + np.where(np.arange(len(values)) >= row, step, 0.0)[:, None])


def _fault(change: changes.Change, panel: Panel, row: int, rng: np.random.Generator) -> int | None:
    changed = change(panel.window(0, row + AT_ONCE), row, rng)
    looks = (AT_ONCE // 2, AT_ONCE)
    return next((n for n in looks if faults_of(changed.window(0, row + n), YEAR)), None)
