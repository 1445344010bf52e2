"""Which bars a schedule trains on, and what lies beside them."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from clm_api.base import Duration, Model
from clm_api.rules import DISTINCT, Rule, Ruled
from clm_api.symbols import Market, Symbol, canonical


class Refresh(StrEnum):
    """Whether a run may ask the exchange for bars."""

    AUTO = "Auto"
    NEVER = "Never"


class OnRevision(StrEnum):
    """What a run does with stored rows of which the exchange or a file says something else now."""

    KEEP = "Keep"
    FAIL = "Fail"


class SecretRef(Model):
    """A Secret of the schedule's namespace."""

    name: Annotated[
        str,
        Field(pattern=r"^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$", min_length=1, max_length=253),
    ]
    """Its name."""


class MarketColumn(StrEnum):
    """What an exchange tells of a market beside its bars, without a key."""

    FUNDING_RATE = "fundingRate"
    """The newest funding rate that was settled by the bar's close."""
    MARK_PRICE = "markPrice"
    """Close of the mark price."""
    INDEX_PRICE = "indexPrice"
    """Close of the index price."""
    OPEN_INTEREST = "openInterest"
    """The newest open interest, in base currency, that was known by the bar's close."""
    TAKER_BUY_VOLUME = "takerBuyVolume"
    """The part of the bar's volume that takers bought, in base currency."""
    TRADE_COUNT = "tradeCount"
    """Number of trades in the bar."""


ColumnName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=63)]
SeriesName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=63)]


class SeriesSpec(Model):
    """Columns of a series that was imported with ``clm data import --series``."""

    name: SeriesName
    """Its name in the store."""
    columns: Annotated[
        list[ColumnName],
        Field(min_length=1, max_length=50, json_schema_extra={"x-kubernetes-list-type": "set"}),
        DISTINCT,
    ]
    """Which of its columns; a feature set sees each as NAME.COLUMN."""
    max_age: Duration | None = None
    """A value that has been known for longer counts as missing; null: none is too old."""


def _no_name_twice(data: "DataSpec") -> bool:
    return len({one.name for one in data.series}) == len(data.series)


_DERIVATIVES = ("fundingRate", "markPrice", "indexPrice", "openInterest")
_TELLING = ("binance", "binanceusdm")
"""Exchanges that CLM asks for more than bars and funding."""


class DataSpec(Ruled):
    """Which bars to train on."""

    rules: "ClassVar[Sequence[Rule[DataSpec]]]" = (
        Rule(
            "self.market == 'usdm' || self.symbols.all(s, !s.contains(':'))",
            "a symbol with a colon names a perpetual, and spot has none: "
            "set market to usdm, or write BTC/USDT",
            lambda d: d.market == "usdm" or not any(":" in s for s in d.symbols),
        ),
        Rule(
            "self.symbols.all(s, !s.contains(':') "
            "|| s.split(':')[0].endsWith('/' + s.split(':')[1]))",
            "a linear perpetual settles in its quote currency: write BTC/USDT:USDT or BTC/USDT",
            lambda d: all(
                pair.endswith(f"/{settled}") or not colon
                for pair, colon, settled in (s.partition(":") for s in d.symbols)
            ),
        ),
        Rule(
            "self.symbols.all(s, s.contains(':') || !(s + ':' + s.split('/')[1] in self.symbols))",
            "BTC/USDT and BTC/USDT:USDT name the same perpetual: keep one of the two",
            lambda d: all(
                canonical(s, "usdm") == s or canonical(s, "usdm") not in d.symbols
                for s in d.symbols
            ),
        ),
        Rule(
            "!self.ownTrades || has(self.secretRef)",
            "ownTrades reads the account's fills with a key: set secretRef to "
            "a Secret with keys apiKey and secret",
            lambda d: not d.own_trades or d.secret_ref is not None,
        ),
        Rule(
            "self.market == 'usdm' || self.columns.all(c, "
            f"!(c in [{', '.join(map(repr, _DERIVATIVES))}]))",
            f"{', '.join(_DERIVATIVES)} are columns of perpetuals: set market to usdm",
            lambda d: d.market == "usdm" or not any(c in _DERIVATIVES for c in d.columns),
        ),
        Rule(
            f"self.exchange in [{', '.join(map(repr, _TELLING))}] || "
            "self.columns.all(c, c == 'fundingRate')",
            "columns beside fundingRate are read from binance alone: remove them, or import them "
            "as a series with clm data import --series",
            lambda d: d.exchange in _TELLING or all(c == "fundingRate" for c in d.columns),
        ),
        Rule(
            "!self.sandbox || !('openInterest' in self.columns)",
            "a testnet tells no history of open interest: remove openInterest from columns",
            lambda d: not d.sandbox or "openInterest" not in d.columns,
        ),
        Rule(
            "self.series.all(s, self.series.filter(o, o.name == s.name).size() == 1)",
            "series names one twice: list its columns in one entry",
            _no_name_twice,
        ),
    )

    exchange: Annotated[str, Field(pattern=r"^[a-z0-9_]{1,32}$", max_length=32)] = "binance"
    """The exchange's ccxt id."""
    market: Market = "spot"
    """spot, or usdm: linear perpetuals, of which BTC/USDT and BTC/USDT:USDT name the same."""
    sandbox: bool = False
    """Use the exchange's testnet: its bars are kept apart from the exchange's."""
    symbols: Annotated[
        list[Symbol],
        Field(min_length=1, max_length=50, json_schema_extra={"x-kubernetes-list-type": "set"}),
        DISTINCT,
    ]
    """Symbols pooled into one model, such as BTC/USDT. Two or more give enough trades."""
    timeframe: Literal["1m", "5m", "15m", "30m", "1h", "4h", "1d"] = "1h"
    """Length of a bar."""
    lookback_days: Annotated[int, Field(ge=187, le=3650)] = 730
    """Days of bars before the slot, warm-up and evaluation window included."""
    refresh: Refresh = Refresh.AUTO
    """Auto fetches missing bars from the exchange; Never uses stored bars only, of any age."""
    on_revision: OnRevision = OnRevision.KEEP
    """Of stored bars that the exchange corrected later: Keep uses them as they are stored and says
    what differs; Fail ends the run with DataInvalid."""
    max_gap_bars: Annotated[int, Field(ge=0, le=10000)] = 6
    """Longest hole that is masked; a longer one fails the run with DataGap."""
    own_trades: bool = False
    """Read the account's own fills, to measure slippage; needs secretRef."""
    secret_ref: SecretRef | None = None
    """Secret with keys apiKey and secret, an exchange key that may only read; bars need none."""
    columns: Annotated[
        list[MarketColumn],
        Field(max_length=6, json_schema_extra={"x-kubernetes-list-type": "set"}),
        DISTINCT,
    ] = Field(default=[])
    """What is fetched beside the bars, for a feature set that asks for it."""
    series: Annotated[list[SeriesSpec], Field(max_length=20)] = Field(default=[])
    """Own series, as they were known at each bar's close."""
