"""The trades as tables: a line per symbol, and every single one."""

from typing import Any

import pandas as pd

from clm_trainer.tearsheet.formats import moment, number, percent, price, tint
from clm_trainer.tearsheet.grid import Cell, Grid, row
from clm_trainer.tearsheet.tables import TradeSummary

MOST_ROWS = 20000
"""More would be a page that no browser likes to open; the file has them all."""


def summaries(found: list[TradeSummary]) -> Grid:
    """Return one row per symbol, and one for all."""
    rows = [
        row(
            s.name, str(s.trades), percent(s.win_rate), percent(s.mean_win, 2),
            percent(s.mean_loss, 2), percent(s.best, 2), percent(s.worst, 2),
            number(s.mean_bars, 1), percent(s.costs, 2),
        )
        for s in found
    ]  # fmt: skip
    headings = (
        "symbol", "closed", "won", "mean win", "mean loss", "best", "worst", "mean bars held",
        "sum of costs",
    )  # fmt: skip
    return Grid(headings, rows)


def every_trade(trades: pd.DataFrame, *, funding: bool) -> Grid:
    """Return one row per trade, the newest first, times in UTC."""
    newest = trades.sort_values("entry_time", ascending=False, kind="stable").head(MOST_ROWS)
    headings = [
        "symbol", "entry", "exit", "entry price", "exit price", "weight", "bars", "gross", "costs",
        *(["funding"] if funding else []), "net",
    ]  # fmt: skip
    rows = [_trade(t, funding=funding) for t in newest.to_dict("records")]
    return Grid(headings, rows, frozenset({1, 2}), "wide")


def _trade(t: dict[Any, Any], *, funding: bool) -> tuple[Cell, ...]:
    return row(
        f"{t['symbol']} short" if t["side"] < 0 else t["symbol"],
        moment(t["entry_time"]),
        moment(t["exit_time"]) if t["closed"] else "still open",
        price(t["entry_price"]),
        price(t["exit_price"]),
        number(t["weight"]),
        str(t["bars"]),
        percent(t["gross_pnl"], 2),
        percent(t["costs"], 2),
        *([percent(t["funding"], 2)] if funding else []),
        Cell(percent(t["net_pnl"], 2), tint(t["net_pnl"])),
    )
