"""Names of symbols: a perpetual has two spellings and is stored and reported under one."""

from typing import Annotated, Literal

from pydantic import Field

Market = Literal["spot", "usdm"]

_LETTER = r"\p{L}\p{M}\p{N}\p{Sc}\p{So}._+&!#@()=~,"
"""Letters, digits and signs of any script: no spaces, controls, quotes, or marks of direction."""
_NAME, _CURRENCY = f"[{_LETTER}-]{{1,20}}", f"[{_LETTER}]{{1,20}}"
"""A dash parts a dated future's date from its currency: only a base may have one."""

Symbol = Annotated[
    str,
    Field(pattern=f"^{_NAME}/{_CURRENCY}(:{_CURRENCY})?$", max_length=62),
]
"""``BTC/USDT``, or ``BTC/USDT:USDT`` for the perpetual that settles in USDT.

A currency has the letters that the exchange gives it, in any script.
"""


def canonical(symbol: str, market: Market) -> str:
    """Return the one name of what a symbol means on a market.

    On usdm ``BTC/USDT`` and ``BTC/USDT:USDT`` are the same perpetual; it is called by the latter,
    as ccxt does. Spot symbols are what they are.
    """
    if market == "spot" or ":" in symbol:
        return symbol
    return f"{symbol}:{symbol.split('/')[1]}"
