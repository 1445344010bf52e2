"""CLM's side of the backtests, in the project's own environment."""

import sys

import numpy as np
import pandas as pd

from bench import markets
from bench.serve import Result, Task, serve
from clm_trainer.evaluation import backtest
from clm_trainer.panel import Floats, Panel


def given(bars: int, paths: int) -> tuple[Panel, Floats]:
    """Return the panel, and targets of shape (paths, bars, 1)."""
    made = markets.market(bars, paths)
    open_, close = made["open"][:, None], made["close"][:, None]
    panel = Panel(
        times=pd.date_range("2020-01-01", periods=bars, freq="min", tz="UTC"),
        symbols=("BTC/USDT",),
        timeframe=pd.Timedelta("1min"),
        open=open_,
        high=np.maximum(open_, close),
        low=np.minimum(open_, close),
        close=close,
        volume=np.ones_like(close),
        gap=np.zeros(close.shape, dtype=bool),
    )
    return panel, np.ascontiguousarray(made["targets"].T)[:, :, None]


def bare() -> Task:
    panel, targets = given(markets.SINGLE_BARS, 1)

    def task() -> Result:
        equity, trades = backtest.equity_and_trades(panel, targets[0], markets.FEE_BPS)
        return {"equity": equity, "trades": trades}

    return task


def framed() -> Task:
    panel, targets = given(markets.SINGLE_BARS, 1)

    def task() -> Result:
        return {"equity": backtest.run(panel, targets[0], markets.FEE_BPS).equity["equity"]}

    return task


def swept() -> Task:
    from clm_trainer.evaluation.sweep import sweep

    panel, targets = given(markets.SWEEP_BARS, markets.SWEEP_PATHS)

    def task() -> Result:
        figures = sweep(panel, targets, markets.FEE_BPS)
        return {str(name): figures[name].to_numpy() for name in figures}

    return task


def main(arguments: list[str]) -> None:
    if arguments == ["first"]:
        panel, targets = given(markets.FIRST_BARS, 1)
        equity = backtest.run(panel, targets[0], markets.FEE_BPS).equity["equity"]
        print(repr(float(equity.iloc[-1])))
        return
    from bench import bars, boosting, rl

    serve(
        {
            "environments": lambda: rl.steps("ours"),
            "plain environments": lambda: rl.steps("plain"),
            "PPO": lambda: rl.training("ours"),
            "library's PPO": lambda: rl.training("plain"),
            "backtest": bare,
            "backtest with frames": framed,
            "sweep": swept,
            "bars from the cache": bars.from_the_cache,
            "bars from one file": bars.from_one_file,
            "walk": boosting.walk_forward,
            "separate fits": boosting.separate_fits,
            "refit": boosting.refit,
            "fresh fit": boosting.fresh_fit,
        },
        ("numba", "numpy", "pandas", "xgboost"),
    )


if __name__ == "__main__":
    main(sys.argv[1:])
