"""What is measured, against what, and the ratio that it must reach."""

from dataclasses import dataclass
from typing import Literal

Side = tuple[Literal["ours", "rival", "first", "limited", "default", "default of 16"], str]
"""Which process runs it, and the task's name there; ``first`` is a process of its own."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Parameters
    ----------
    times
        Runs of each side, in turns; the fastest of each counts.
    tolerance
        Largest relative difference of the two sides' results.
    least
        The rival must take at least this many times as long.
    most
        We may take at most this fraction of the rival's time.
    """

    name: str
    rival_name: str
    ours: Side
    rival: Side
    times: int
    tolerance: float
    least: float | None = None
    most: float | None = None

    def ratio(self, ours: float, rival: float) -> float:
        return ours / rival if self.most is not None else rival / ours

    def reached(self, ratio: float) -> bool:
        if self.most is not None:
            return ratio <= self.most
        return self.least is None or ratio >= self.least

    @property
    def required(self) -> str:
        if self.most is not None:
            return f"<= {self.most:g}"
        return "-" if self.least is None else f">= {self.least:g}"


RUST, NUMBA = "vectorbt[rust]", "vectorbt[numba]"
BARE: Side = ("ours", "backtest")
SWEEP: Side = ("ours", "sweep")
ROWS = (
    Row("backtest, 1M bars, equity and trades", RUST, BARE, ("rival", "backtest rust"),
        times=15, tolerance=1e-9, least=25),
    Row("backtest, 1M bars, all of a report", RUST, ("ours", "backtest with frames"),
        ("rival", "backtest rust"), times=15, tolerance=1e-9, least=5),
    Row("sweep, 100 paths with stats", RUST, SWEEP, ("rival", "sweep rust"),
        times=5, tolerance=1e-9, least=40),
    Row("fresh process to first backtest", NUMBA, ("first", "ours"), ("first", "rival"),
        times=5, tolerance=1e-9, most=0.1),
    Row("boosting, 8-fold walk-forward", "separate fits", ("ours", "walk"),
        ("ours", "separate fits"), times=9, tolerance=0, most=0.7),
    Row("boosting, refit of one window", "fresh fit", ("ours", "refit"), ("ours", "fresh fit"),
        times=15, tolerance=0, least=1.5),
    Row("VecEnv.step, 40k environment steps", "8 gymnasium envs", ("ours", "environments"),
        ("ours", "plain environments"), times=5, tolerance=1e-5, least=45),
    Row("PPO, 40k environment steps", "SB3's defaults", ("ours", "PPO"),
        ("ours", "library's PPO"), times=3, tolerance=0, least=10),
    Row("LightGBM, one CPU of 16 cores", "library default", ("limited", "lightgbm"),
        ("default of 16", "lightgbm"), times=15, tolerance=0, least=3),
    Row("LightGBM, one CPU of this machine", "library default", ("limited", "lightgbm"),
        ("default", "lightgbm"), times=15, tolerance=0),
    Row("1M stored bars to arrays", "pandas.read_parquet", ("ours", "bars from the cache"),
        ("ours", "bars from one file"), times=15, tolerance=0, most=0.5),
    Row("backtest, 1M bars, equity and trades", NUMBA, BARE, ("rival", "backtest numba"),
        times=15, tolerance=1e-9),
    Row("sweep, 100 paths with stats", NUMBA, SWEEP, ("rival", "sweep numba"),
        times=5, tolerance=1e-9),
)  # fmt: skip
"""Rows without a bound: this machine's cores, the rival's other engine."""
