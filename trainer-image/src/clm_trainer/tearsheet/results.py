"""The tables of what the strategy did: months, falls, symbols, scores, costs, folds."""

import pandas as pd

from clm_api.report import FoldMetrics, MetricsFile
from clm_api.run import RunSpec
from clm_trainer.evaluation.deciles import Decile, deciles, realised_returns
from clm_trainer.evaluation.performance import performance, worst_falls
from clm_trainer.tearsheet.formats import DASH, day, moment, number, percent, tint
from clm_trainer.tearsheet.grid import Cell, Grid, row
from clm_trainer.tearsheet.tables import MONTHS, YearReturns

_SHOWN_FALLS = 5


def months(years: list[YearReturns]) -> Grid:
    """Return one row per year, one column per month."""
    rows = [
        row(
            str(year.year),
            *(Cell("" if v is None else percent(v), tint(v)) for v in year.months),
            Cell(percent(year.total), tint(year.total)),
        )
        for year in years
    ]
    return Grid(("year", *MONTHS, "total"), rows, kind="months")


def falls(equity: pd.DataFrame) -> Grid:
    """Return the deepest drawdowns with their dates."""
    times = equity["time"]
    rows = []
    for one in worst_falls(equity["equity"].to_numpy(), _SHOWN_FALLS):
        last = len(times) - 1 if one.recovered is None else one.recovered
        peak, days = times.iloc[max(one.peak, 0)], times.iloc[last] - times.iloc[max(one.peak, 0)]
        rows.append(
            row(
                Cell(percent(-one.depth), "loss"),
                day(peak),
                day(times.iloc[one.trough]),
                "not yet" if one.recovered is None else day(times.iloc[one.recovered]),
                number(days / pd.Timedelta(days=1), 1),
            )
        )
    return Grid(("depth", "peak", "trough", "recovered", "days"), rows, frozenset({1, 2, 3}))


def symbols(sleeves: pd.DataFrame, trades: pd.DataFrame, bars_per_year: float) -> Grid:
    """Return one row per symbol: its share of the equity, traded for itself."""
    closed = trades.loc[trades["closed"], "symbol"].value_counts()
    rows = []
    for name in sleeves:
        of = performance(sleeves[name].to_numpy(), bars_per_year)
        rows.append(
            row(
                str(name),
                Cell(percent(of.total_return), tint(of.total_return)),
                number(of.sharpe),
                percent(of.max_drawdown),
                number(int(closed.get(name, 0)), 0),
            )
        )
    headings = ("symbol", "return of its share", "Sharpe", "largest drawdown", "closed trades")
    return Grid(headings, rows)


def score_tenths(predictions: pd.DataFrame, horizon: int) -> list[Decile]:
    """Return the mean realised return of each tenth of the score in ``predictions.parquet``."""
    count = predictions["symbol"].nunique()
    signal, opens = (predictions[n].to_numpy().reshape(-1, count) for n in ("signal", "open"))
    return deciles(signal, realised_returns(opens, horizon))


def tenths(found: list[Decile]) -> Grid:
    """Return the deciles as a table."""
    rows = [
        row(
            f"{one.low:.0%} to {one.high:.0%}".replace("%", " %"),
            number(one.decisions, 0),
            Cell(_bp(one.mean_return), tint(one.mean_return)),
            percent(one.hit_rate),
        )
        for one in found
    ]
    return Grid(("score", "decisions", "mean return", "share above 0"), rows)


def _bp(value: float | None) -> str:
    return DASH if value is None else number(value * 1e4, 1, " bp")


def luck(file: MetricsFile, spec: RunSpec) -> Grid:
    """Return how much of the result may be luck."""
    m, tries = file.metrics, spec.trials.count
    length = m.get("minTrackRecordDays")
    needed = "if such returns went on" if length else "undefined: the Sharpe ratio is not above 0"
    shape = f"skew {number(file.skew)}, kurtosis {number(file.kurtosis)}"
    rows = [
        row(
            "Is the true Sharpe ratio above 0?",
            percent(m.get("psr")),
            Cell(f"probabilistic Sharpe ratio over {number(file.bars, 0)} bars, {shape}", "soft"),
        ),
        row(
            "Is it above the luck of the best of all tries?",
            percent(m.get("deflatedSharpe")),
            Cell(
                f"deflated Sharpe ratio, {number(tries, 0)} {'try' if tries == 1 else 'tries'} "
                "counted",
                "soft",
            ),
        ),
        row(
            "How long a record would be needed?",
            number(length, 0, " days"),
            Cell(f"minimum track record length at 95 %, {needed}", "soft"),
        ),
    ]
    return Grid(("question", "answer", "how"), rows, frozenset({2}))


def costs(file: MetricsFile, folds: "tuple[FoldMetrics, ...]") -> Grid:
    """Return what costs do to the result, for the window and for each fold."""
    m = file.metrics
    names = ("sharpe", "breakEvenBps", "sharpeAtDoubleCost", "buyAndHoldSharpe")
    whole = [*(m.get(n) for n in names), m.get("turnover"), m.get("exposure")]
    blocks = [("whole window", whole)]
    blocks += [
        (
            f"fold {f.fold + 1}",
            [f.sharpe, f.break_even_bps, f.sharpe_at_double_cost, f.buy_and_hold_sharpe,
             f.turnover, f.exposure],
        )
        for f in folds
    ]  # fmt: skip
    rows = [
        row(
            name, number(v[0]), number(v[1], 1, " bp"), number(v[2]), number(v[3]),
            DASH if v[4] is None else number(v[4], 0, "×"), percent(v[5]),
        )
        for name, v in blocks
    ]  # fmt: skip
    headings = (
        "block", "Sharpe", "break-even a side", "Sharpe at twice the costs",
        "Sharpe of buy and hold", "turnover a year", "exposure",
    )  # fmt: skip
    return Grid(headings, rows)


def folds(rows: "tuple[FoldMetrics, ...]") -> Grid:
    """Return the spans of the folds and what each gave."""
    made = [
        row(
            str(f.fold + 1),
            f"{moment(f.train_from)} to {moment(f.train_to)}",
            f"{moment(f.test_from)} to {moment(f.test_to)}",
            number(f.sharpe),
            Cell(percent(f.total_return), tint(f.total_return)),
            str(f.trades),
        )
        for f in rows
    ]
    headings = ("fold", "trained on", "tested on", "Sharpe", "return", "trades")
    return Grid(headings, made, frozenset({1, 2}))


def purged(rows: "tuple[FoldMetrics, ...]", spec: RunSpec) -> str:
    """Return how many bars were purged before the test blocks; labels may differ in length."""
    step, embargo = pd.Timedelta(spec.data.timeframe), spec.evaluation.embargo_bars
    found = [round((f.test_from - f.train_to) / step) - 1 - embargo for f in rows]
    least, most = min(found), max(found)
    return str(least) if least == most else f"{least} to {most}"
