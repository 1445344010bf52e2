"""Where the stored bars of a run's symbols end, for runs that may not ask the exchange."""

from collections.abc import Mapping
from shlex import quote

import pandas as pd

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.run import RunData
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache


def bar_keys(data: RunData) -> list[BarKey]:
    """Return whose bars a run reads."""
    return [BarKey(data.venue, data.market, name, data.timeframe) for name in data.symbols]


def stored_ends(
    cache: BarCache, keys: list[BarKey], before: pd.Timestamp
) -> dict[str, pd.Timestamp]:
    """Return the newest stored bar before a time, by symbol.

    Raises
    ------
    ClmError
        DataUnavailable: a symbol has none.
    """
    ends = {}
    for key in keys:
        newest = cache.newest(key, before)
        if newest is None:
            raise ClmError(
                Reason.DATA_UNAVAILABLE,
                f"no stored bars of {key} in {cache.store.url}, and spec.data.refresh is Never: "
                f"clm data import FILE --exchange {key.venue} --market {key.market} "
                f"--symbol {quote(key.symbol)} --timeframe {key.timeframe} "
                f"--store {cache.store.url}",
            )
        ends[key.symbol] = newest
    return ends


def unequal_ends(ends: Mapping[str, pd.Timestamp]) -> tuple[str, ...]:
    """Return a note that names the symbols at which the others end as well; none if all agree."""
    first, last = min(ends.values()), max(ends.values())
    if first == last:
        return ()
    names = ", ".join(name for name, end in ends.items() if end == first)
    text = (
        f"the stored bars of {names} end at {first:%Y-%m-%d %H:%M}, and with them those of all "
        f"symbols, though others reach {last:%Y-%m-%d %H:%M}: import the rest of {names}, or "
        "remove it from spec.data.symbols"
    )
    return (text,)
