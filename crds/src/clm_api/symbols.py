"""Names of symbols: a perpetual has two spellings and is stored and reported under one."""

from typing import Annotated, Literal

from pydantic import Field

Market = Literal["spot", "usdm"]

Symbol = Annotated[
    str,
    Field(pattern=r"^[A-Z0-9]{1,20}/[A-Z0-9]{1,20}(:[A-Z0-9]{1,20})?$", max_length=62),
]
"""``BTC/USDT``, or ``BTC/USDT:USDT`` for the perpetual that settles in USDT."""


def canonical(symbol: str, market: Market) -> str:
    """Return the one name of what a symbol means on a market.

    On usdm ``BTC/USDT`` and ``BTC/USDT:USDT`` are the same perpetual; it is called by the latter,
    as ccxt does. Spot symbols are what they are.
    """
    if market == "spot" or ":" in symbol:
        return symbol
    return f"{symbol}:{symbol.split('/')[1]}"
