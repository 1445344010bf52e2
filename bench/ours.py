"""CLM's side of the backtests, in the project's own environment."""

import sys

import numpy as np
import pandas as pd

from bench import markets
from bench.serve import Result, Task, serve
from clm_trainer.evaluation import backtest
from clm_trainer.evaluation.play import Play
from clm_trainer.panel import Panel


def given(bars: int, paths: int) -> list[Play]:
    """Return one play for each path of targets, all on one market."""
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
    targets = np.ascontiguousarray(made["targets"].T)[:, :, None]
    return [Play(panel, path, markets.FEE_BPS) for path in targets]


def bare() -> Task:
    (play,) = given(markets.SINGLE_BARS, 1)

    def task() -> Result:
        equity, trades = backtest.equity_and_trades(play)
        return {"equity": equity, "trades": trades}

    return task


def framed() -> Task:
    (play,) = given(markets.SINGLE_BARS, 1)

    def task() -> Result:
        return {"equity": backtest.run(play).equity["equity"]}

    return task


def swept() -> Task:
    from clm_trainer.evaluation.sweep import sweep

    plays = given(markets.SWEEP_BARS, markets.SWEEP_PATHS)

    def task() -> Result:
        figures = sweep(plays)
        return {str(name): figures[name].to_numpy() for name in figures}

    return task


def main(arguments: list[str]) -> None:
    if arguments == ["first"]:
        (play,) = given(markets.FIRST_BARS, 1)
        equity = backtest.run(play).equity["equity"]
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
