"""``python -m tools.study.history``: the rule on the bundled real bars.

A version is trained on each month of 2024 with the product's defaults (XGBoost, 24 months, 13 bp a
side) and replayed for the year after it, or as long as there are bars. It is judged as it earned,
and with the same returns moved to the promised mean: real bars with a true edge as promised.
"""

import json
import os
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clm_api.run import RunTrials
from clm_trainer.evaluation import backtest
from clm_trainer.evaluation.metrics import annual_sharpe
from clm_trainer.evaluation.play import Play
from clm_trainer.evaluation.positions import target_positions
from clm_trainer.monitoring.performance import LiveResults, first_fired, limits_of
from clm_trainer.monitoring.promise import Promise, promised
from clm_trainer.panel import Floats, Panel
from clm_trainer.stages.develop import develop
from clm_trainer.stages.features import dataset
from tools.study.degradation import HORIZON_BARS, MAX_DRAWDOWN
from tools.study.seeds import BARS, LOOKBACK_DAYS, SYMBOLS, context, run_spec

RESULTS = Path(__file__).parents[2] / "docs" / "monitoring" / "performance-history.json"
MONTHS = tuple(datetime(2024, month, 1, tzinfo=UTC) for month in range(1, 13))
_YEAR_BARS = 365 * 24
_HOUR = pd.Timedelta(hours=1)


@cache
def real() -> Panel:
    """Return all bundled bars; their few holes are masked."""
    read = {s: pd.read_parquet(BARS / f"binance-spot-{n}-1h.parquet") for s, n in SYMBOLS.items()}
    ends = [frame["timestamp"].iloc[[0, -1]] for frame in read.values()]
    start, stop = max(e.iloc[0] for e in ends), min(e.iloc[1] for e in ends)
    return Panel.from_frames(read, pd.date_range(start, stop, freq="h").as_unit("us"), _HOUR)


def replayed(month: datetime) -> dict[str, Any]:
    """Return what the rule says of the version of one month."""
    panel, spec = real(), run_spec("xgboost", "longFlat")
    slot = int(panel.times.searchsorted(pd.Timestamp(month)))
    known = panel.window(max(0, slot - LOOKBACK_DAYS * 24), slot)
    made = develop(known, spec, context(spec.model.seed))
    returns = made.evaluated.result.equity["net_return"].to_numpy(np.float64)
    promise = promised(returns, RunTrials())
    if promise is None:
        raise ValueError(f"the version of {month:%Y-%m} did not trade")
    stop = min(len(panel), slot + _YEAR_BARS)
    whole = panel.window(max(0, slot - LOOKBACK_DAYS * 24), stop)
    rows = dataset(whole).rows(len(known), len(whole))
    window = panel.window(slot, stop)
    ranks = made.trained.ranks.rank(made.trained.model.score(rows))
    targets = target_positions(ranks, rows.sigma, window, spec.target)
    earned = backtest.net_returns(Play(window, targets, spec.cost_bps))
    moved = earned - earned.mean() + promise.mean
    bars_per_year = panel.bars_per_year
    return {
        "month": f"{month:%Y-%m}",
        "days": len(earned) / 24,
        "promisedSharpe": round(promise.annual_sharpe(bars_per_year), 2),
        "earnedSharpe": round(annual_sharpe(earned, bars_per_year) or 0.0, 2),
        "asEarned": _alarm(earned, window, promise, spec.model.seed),
        "asPromised": _alarm(moved, window, promise, spec.model.seed),
    }


def _alarm(returns: Floats, window: Panel, promise: Promise, seed: int) -> dict[str, Any] | None:
    equity: Floats = np.cumprod(1 + returns, dtype=np.float64)
    live = LiveResults(window.times[0], window.timeframe, equity, returns)
    first = first_fired(live, limits_of(promise, live, HORIZON_BARS, seed), MAX_DRAWDOWN)
    return None if first is None else {"day": round(first.bars / 24, 1), "cause": first.cause}


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Return the page's table."""
    heads = ("trained", "days", "promised Sharpe", "earned Sharpe", "as it earned", "as promised")
    made = [f"| {' | '.join(heads)} |", "|--" * len(heads) + "|"]
    for row in rows:
        said = (_said(row["asEarned"]), _said(row["asPromised"]))
        figures = f"{row['promisedSharpe']:.2f} | {row['earnedSharpe']:z.2f}"
        made.append(f"| {row['month']} | {row['days']:.0f} | {figures} | {said[0]} | {said[1]} |")
    return made


def _said(alarm: dict[str, Any] | None) -> str:
    return "-" if alarm is None else f"{alarm['cause']}, day {alarm['day']:.0f}"


def main() -> None:
    """Replay all months on all cores and write what came out."""
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        rows = list(pool.map(replayed, MONTHS))
    RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
