"""vectorbt's side: orders at the next open from signals at the close, all in, reversing at once."""

import sys

import numpy as np
import pandas as pd
import vectorbt as vbt

from bench import markets
from bench.serve import Result, Task, serve


class Signals:
    """Targets in {-1, 0, 1} as entries and exits on the bar that fills them."""

    def __init__(self, bars: int, paths: int) -> None:
        made = markets.market(bars, paths)
        # Without a time zone: with one, vectorbt makes a Python object of every bar's time.
        index = pd.date_range("2020-01-01", periods=bars, freq="min")
        self.close = pd.Series(made["close"], index)
        self.open = pd.Series(made["open"], index)
        flat = np.zeros((1, paths))
        filled = np.concatenate([flat, made["targets"][:-1]])
        before = np.concatenate([flat, filled[:-1]])
        changed = filled != before
        sides = {
            "entries": changed & (filled == 1),
            "exits": changed & (filled == 0) & (before == 1),
            "short_entries": changed & (filled == -1),
            "short_exits": changed & (filled == 0) & (before == -1),
        }
        self.sides = {k: v[:, 0] if paths == 1 else v for k, v in sides.items()}

    def portfolio(self, engine: str) -> "vbt.Portfolio":
        return vbt.Portfolio.from_signals(
            self.close,
            **self.sides,
            price=self.open,
            size=np.inf,
            fees=markets.FEE_BPS / 1e4,
            init_cash=1.0,
            upon_opposite_entry="reverse",
            freq="1min",
            engine=engine,
        )


def backtest(engine: str, bars: int = markets.SINGLE_BARS) -> Task:
    signals = Signals(bars, 1)

    def task() -> Result:
        vbt.settings["engine"] = engine
        return {"equity": signals.portfolio(engine).value().to_numpy()}

    return task


def sweep(engine: str) -> Task:
    signals = Signals(markets.SWEEP_BARS, markets.SWEEP_PATHS)
    vbt.settings.returns["year_freq"] = "365.25 days"

    def task() -> Result:
        vbt.settings["engine"] = engine
        folio = signals.portfolio(engine)
        closed = folio.trades.closed
        pnl = closed.returns  # the profit factor of CLM is one of fractions, not of money
        sizes = pnl.values  # noqa: PD011 - vectorbt's records, not a frame
        wins, losses = pnl.apply_mask(sizes > 0), pnl.apply_mask(sizes < 0)
        made = {
            "totalReturn": folio.total_return(),
            "maxDrawdown": -folio.max_drawdown(),
            "sharpe": folio.sharpe_ratio(),
            "sortino": folio.sortino_ratio(),
            "trades": closed.count(),
            "winRate": closed.win_rate(),
            "profitFactor": wins.sum() / -losses.sum(),
        }
        return {name: np.asarray(values, dtype=float) for name, values in made.items()}

    return task


if __name__ == "__main__":
    if sys.argv[1:] == ["first"]:
        print(repr(float(backtest("numba", markets.FIRST_BARS)()["equity"][-1])))
    else:
        serve(
            {
                "backtest rust": lambda: backtest("rust"),
                "backtest numba": lambda: backtest("numba"),
                "sweep rust": lambda: sweep("rust"),
                "sweep numba": lambda: sweep("numba"),
            },
            ("vectorbt", "vectorbt-rust", "numba", "numpy", "pandas"),
        )
