"""What a run's bars see beside their prices: columns of the market and own series."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from clm_api.data_spec import MarketColumn, SeriesSpec
from clm_api.errors import ClmError, SpecError
from clm_api.layout import FUNDING
from clm_api.market_columns import series_of_column, series_of_columns
from clm_api.reasons import Reason
from clm_api.run import RunData
from clm_api.timing import duration
from clm_trainer.panel import Floats, Panel
from clm_trainer.sources.asof import Microseconds, Rows, as_known, require_known
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.columns import STORED, ColumnKey
from clm_trainer.sources.foreseen import require_not_foreseen
from clm_trainer.sources.funding import FundingKey
from clm_trainer.sources.ledger import Span
from clm_trainer.sources.own_series import TIMES, Header, OwnSeries, pair_of
from clm_trainer.sources.report import SourceReport, values_digest
from clm_trainer.storage import Storage

_MICROSECOND = pd.Timedelta(1, "us")


@dataclass(frozen=True, eq=False)
class _Column:
    """One column.

    Parameters
    ----------
    rows
        Of each symbol; of a series without symbols, once.
    max_age
        Microseconds; None: no value is too old.
    own
        Whether it is of an own series.
    """

    name: str
    rows: tuple[Rows, ...]
    max_age: int | None
    own: bool = False


def stored_beside(data: RunData, *, funding: bool) -> list[ColumnKey | FundingKey]:
    """Return the series of the market that a run reads beside its bars.

    Parameters
    ----------
    funding
        Whether it charges funding.
    """
    kinds = series_of_columns(data.columns, data.timeframe)
    kinds = list(dict.fromkeys([*([FUNDING] if funding else []), *kinds]))
    found: list[ColumnKey | FundingKey] = []
    for symbol in data.symbols:
        whose = data.venue, data.market, symbol
        found += [FundingKey(*whose) if k == FUNDING else ColumnKey(*whose, k) for k in kinds]
    return found


def with_beside(
    panel: Panel, data: RunData, store: Storage, *, few: bool = False
) -> tuple[Panel, list[SourceReport]]:
    """Return bars with all that is known beside them, and how good that is.

    Nothing is read that the run does not name. A hole has nothing beside it: whoever hands over
    bars has no row for it.

    Parameters
    ----------
    few
        Whether these are the newest bars alone: an own series may be silent, or too old, at all of
        them.

    Raises
    ------
    ClmError
        DataUnavailable: there is no such series, or nothing of a column is known at any bar.
        SpecInvalid: a series has no such column. MetricsRejected: a value was used before it was
        available, or foretells the bars that follow.
    """
    closes = (panel.times + panel.timeframe).as_unit("us").asi8
    found, reports = dict[str, Floats](), list[SourceReport]()
    for column in (*_market(panel, data, store), *_own(panel, data, store)):
        seen = [as_known(rows, closes, column.max_age) for rows in column.rows]
        values = np.stack([one.numbers for one in seen], axis=1)
        silent = few and column.own and any(map(len, column.rows))
        if not np.isfinite(values).any() and not silent:
            raise _unknown(column, store)
        found[column.name] = np.where(panel.gap, np.nan, values)
        ages = np.stack([one.ages for one in seen], axis=1)
        reports += _reports(panel, column, found[column.name], ages)
        _require_honest(panel, column, found[column.name], closes)
    return replace(panel, extra=found) if found else panel, reports


def _require_honest(panel: Panel, column: _Column, values: Floats, closes: Microseconds) -> None:
    for place, rows in enumerate(column.rows):
        require_known(column.name, values[:, place], rows, closes, column.max_age)
        if column.own:
            shared = len(column.rows) == 1
            symbols = range(len(panel.symbols)) if shared else range(place, place + 1)
            require_not_foreseen(column.name, rows, panel, symbols)


def _reports(
    panel: Panel, column: _Column, values: Floats, ages: Microseconds
) -> Iterator[SourceReport]:
    """Yield one report of an own column, and one for each symbol of a market's."""
    places = [slice(None)] if column.own else [slice(i, i + 1) for i in range(len(panel.symbols))]
    for place in places:
        some, symbol = values[:, place], panel.symbols[place][0]
        known = column.rows if column.own else column.rows[place]
        yield SourceReport(
            name=column.name if column.own else f"{column.name} {symbol}",
            rows=sum(map(len, known)),
            missing=int((np.isnan(some) & ~panel.gap[:, place]).sum()),
            oldest_seconds=max(0, int(ages[:, place].max()) // 1_000_000),
            sha256=values_digest(some),
        )


def _market(panel: Panel, data: RunData, store: Storage) -> Iterator[_Column]:
    cache, span = BarCache(store), Span(panel.times[0], panel.times[-1] + panel.timeframe)
    for column in data.columns:
        keys = _keys(column, data)
        rows = tuple(_stored(cache, key, STORED[column], span) for key in keys)
        yield _Column(str(column), rows, keys[0].lasts // _MICROSECOND)


def _keys(column: MarketColumn, data: RunData) -> list[ColumnKey | FundingKey]:
    """Return the series of all symbols that hold a column."""
    if column is MarketColumn.FUNDING_RATE:
        return [FundingKey(data.venue, data.market, symbol) for symbol in data.symbols]
    series = series_of_column(column, data.timeframe)
    return [ColumnKey(data.venue, data.market, symbol, series) for symbol in data.symbols]


def _stored(cache: BarCache, key: ColumnKey | FundingKey, name: str, span: Span) -> Rows:
    """Return the stored rows of a column that some bar may see."""
    found = cache.arrays(key, span.start - key.lasts, span.stop + _MICROSECOND)
    about = found["timestamp"].astype("datetime64[us]").astype(np.int64)
    return Rows.of(about, about + key.known_after // _MICROSECOND, found[name])


def _own(panel: Panel, data: RunData, store: Storage) -> Iterator[_Column]:
    until = panel.times[-1] + panel.timeframe
    for spec in data.series:
        series = OwnSeries(store, spec.name)
        header = _header(series, spec)
        pairs = [pair_of(symbol) for symbol in data.symbols] if header.per_symbol else [""]
        tables = [series.read(header, pair, until) for pair in pairs]
        absent = [pair for pair, table in zip(pairs, tables, strict=True) if table.empty]
        if header.per_symbol and absent:
            raise _lacking(
                f"series {spec.name} has no rows of {', '.join(absent)} by {until:%Y-%m-%d %H:%M}"
            )
        age = None if spec.max_age is None else duration(spec.max_age) // _MICROSECOND
        for column in spec.columns:
            rows = tuple(_rows(table, column) for table in tables)
            yield _Column(f"{spec.name}.{column}", rows, age, own=True)


def _rows(table: pd.DataFrame, column: str) -> Rows:
    about, known = (pd.DatetimeIndex(table[name]).as_unit("us").asi8 for name in TIMES)
    return Rows.of(about, known, table[column].to_numpy(np.float64))


def _header(series: OwnSeries, spec: SeriesSpec) -> Header:
    header = series.header()
    if header is None:
        raise ClmError(
            Reason.DATA_UNAVAILABLE,
            f"there is no series {spec.name} in {series.store.url}: clm data import FILE --series "
            f"{spec.name} --store {series.store.url}",
        )
    unknown = [name for name in spec.columns if name not in header.columns]
    if unknown:
        text = f"series {spec.name} has no column {unknown[0]}; it has {', '.join(header.columns)}"
        raise SpecError("spec.data.series", text)
    return header


def _unknown(column: _Column, store: Storage) -> ClmError:
    if column.own:
        name = column.name.partition(".")[0]
        text = f"nothing of {column.name} is known at a close of the run's bars, or all is too old"
        return _lacking(f"{text} for maxAge: clm data import FILE --series {name}")
    return _lacking(
        f"nothing of {column.name} is known at a close of the run's bars in {store.url}: with "
        "spec.data.refresh Auto it is fetched, as far back as the exchange tells it; or remove it "
        "from spec.data.columns"
    )


def _lacking(text: str) -> ClmError:
    return ClmError(Reason.DATA_UNAVAILABLE, text)
