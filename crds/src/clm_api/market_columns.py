"""What bars see beside their prices: what it is called, and which series of the store holds it."""

from collections.abc import Sequence

from clm_api.data_spec import MarketColumn
from clm_api.layout import FUNDING
from clm_api.run import RunData

FLOW, MARK, INDEX, INTEREST = "flow", "mark", "index", "interest"
_KINDS = {
    MarketColumn.TAKER_BUY_VOLUME: FLOW,
    MarketColumn.TRADE_COUNT: FLOW,
    MarketColumn.MARK_PRICE: MARK,
    MarketColumn.INDEX_PRICE: INDEX,
    MarketColumn.OPEN_INTEREST: INTEREST,
}
_SHORTEST_INTEREST = "5m"
"""Binance tells the open interest no oftener."""


def series_of_column(column: MarketColumn, timeframe: str) -> str:
    """Return the series of a symbol that holds a column, such as ``mark-1h``."""
    if column is MarketColumn.FUNDING_RATE:
        return FUNDING
    kind = _KINDS[column]
    step = _SHORTEST_INTEREST if kind == INTEREST and timeframe == "1m" else timeframe
    return f"{kind}-{step}"


def names_beside(data: RunData) -> list[str]:
    """Return the names of all that a run's bars see beside their prices, as feature sets know them.

    A series' columns are called ``NAME.COLUMN``.
    """
    own = [f"{one.name}.{column}" for one in data.series for column in one.columns]
    return [*map(str, data.columns), *own]


def series_of_columns(columns: Sequence[MarketColumn], timeframe: str) -> list[str]:
    """Return the series that hold some columns, each once."""
    return [*dict.fromkeys(series_of_column(column, timeframe) for column in columns)]
