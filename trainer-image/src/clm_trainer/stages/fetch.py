"""The bars of a run: from the cache, completed through the exchange where the run allows it."""

import logging
from dataclasses import dataclass

import pandas as pd

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_api.run import RunData
from clm_api.training_schedule import Refresh
from clm_trainer.panel import Panel
from clm_trainer.sources.bars import BarKey, describe_holes, holes, spikes
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.report import DataReport, SymbolReport, frame_digest
from clm_trainer.storage import Storage

_LOG = logging.getLogger(__name__)
_FRESH_BARS = 3


@dataclass(frozen=True)
class _Range:
    start: pd.Timestamp
    stop: pd.Timestamp


def fetch(data: RunData, store: Storage) -> tuple[Panel, DataReport]:
    """Return the bars of a run on one grid, and how good they are.

    Raises
    ------
    ClmError
        DataUnavailable, DataGap, DataInvalid, SymbolUnknown, ExchangeBanned, ExchangeDenied.
    """
    cache = BarCache(store)
    keys = [BarKey(data.exchange, data.market, s, data.timeframe) for s in data.symbols]
    wanted = _Range(pd.Timestamp(data.from_), pd.Timestamp(data.to))
    notes: list[str] = []
    if data.refresh is Refresh.NEVER:
        span, requests = _stored_range(cache, keys, wanted), 0
        before = dict.fromkeys(keys, -1)
    else:
        span = wanted
        before, requests, notes = _update(cache, keys, span)
    frames = {key: key.cleaned(cache.read(key, span.start, span.stop), "cache") for key in keys}
    for key, frame in frames.items():
        _require(frame, key, span, data)
    step = keys[0].step
    times = pd.date_range(span.start, span.stop, freq=step, inclusive="left").as_unit("us")
    panel = Panel.from_frames({key.symbol: frame for key, frame in frames.items()}, times, step)
    symbols = tuple(
        SymbolReport(
            symbol=key.symbol,
            bars=len(frame),
            first=pd.Timestamp(frame["timestamp"].iloc[0]),
            last=pd.Timestamp(frame["timestamp"].iloc[-1]),
            gaps=tuple(_holes(frame, key, span)),
            spikes=spikes(frame["close"]),
            cached=len(frame) if before[key] < 0 else before[key],
        )
        for key, frame in frames.items()
    )
    digest = frame_digest(panel)
    report = DataReport(span.start, span.stop, symbols, requests, digest, tuple(notes))
    return panel, report


def _stored_range(cache: BarCache, keys: list[BarKey], wanted: _Range) -> _Range:
    """Move the range back to the newest bar that all symbols have."""
    newest = []
    for key in keys:
        last = cache.newest(key, wanted.stop)
        if last is None:
            raise ClmError(
                Reason.DATA_UNAVAILABLE,
                f"no stored bars of {key} in {cache.store.url}, and spec.data.refresh is Never: "
                f"clm data import FILE --exchange {key.exchange} --market {key.market} "
                f"--symbol {key.symbol} --timeframe {key.timeframe} --store {cache.store.url}",
            )
        newest.append(last)
    stop = min(newest) + keys[0].step
    return _Range(stop - (wanted.stop - wanted.start), stop)


def _update(
    cache: BarCache, keys: list[BarKey], span: _Range
) -> tuple[dict[BarKey, int], int, list[str]]:
    """Fetch what the cache lacks; go on with what is stored if the exchange is away."""
    stored = {key: cache.read(key, span.start, span.stop)["timestamp"] for key in keys}
    before = {key: len(times) for key, times in stored.items()}
    if all(_complete(times, span, key) for key, times in stored.items()):
        return before, 0, []
    from clm_trainer.sources.exchange import Exchange

    exchange = Exchange(keys[0].exchange, keys[0].market)
    notes: list[str] = []
    try:
        closed = min(span.stop, exchange.now().floor(keys[0].step))
        for key in keys:
            exchange.check(key)
            for part in _missing(stored[key], _Range(span.start, closed), key):
                fresh = exchange.bars(key, part.start, part.stop)
                cache.write(key, key.cleaned(fresh, exchange.name), exchange.name)
    except ClmError as error:
        passing = error.reason in (Reason.DATA_UNAVAILABLE, Reason.EXCHANGE_BANNED)
        if not passing or not all(_fresh(stored[key], span, key) for key in keys):
            raise
        notes.append(f"went on with stored bars: {error.message}")
        _LOG.warning(notes[-1], extra={"stage": "fetch"})
    return before, exchange.requests, notes


def _complete(times: "pd.Series[pd.Timestamp]", span: _Range, key: BarKey) -> bool:
    return len(times) == (span.stop - span.start) // key.step


def _missing(times: "pd.Series[pd.Timestamp]", span: _Range, key: BarKey) -> list[_Range]:
    """Return what lies before the first and after the last stored bar: holes stay holes."""
    if len(times) == 0:
        return [span] if span.start < span.stop else []
    first, after = pd.Timestamp(times.iloc[0]), pd.Timestamp(times.iloc[-1]) + key.step
    parts = [_Range(span.start, first), _Range(after, span.stop)]
    return [part for part in parts if part.start < part.stop]


def _fresh(times: "pd.Series[pd.Timestamp]", span: _Range, key: BarKey) -> bool:
    if len(times) == 0:
        return False
    return bool(span.stop - pd.Timestamp(times.iloc[-1]) <= (_FRESH_BARS + 1) * key.step)


def _holes(frame: pd.DataFrame, key: BarKey, span: _Range) -> list[tuple[pd.Timestamp, int]]:
    """Return the holes up to the end of the range; before the first bar there is none."""
    times = pd.DatetimeIndex(frame["timestamp"])
    found = holes(times, key.step)
    tail = (span.stop - times[-1]) // key.step - 1
    return [*found, (times[-1] + key.step, int(tail))] if tail > 0 else found


def _require(frame: pd.DataFrame, key: BarKey, span: _Range, data: RunData) -> None:
    if frame.empty:
        text = f"no bars of {key} between {span.start} and {span.stop}"
        raise ClmError(Reason.DATA_UNAVAILABLE, text)
    if data.refresh is Refresh.AUTO and not _fresh(frame["timestamp"], span, key):
        last = frame["timestamp"].iloc[-1]
        text = f"the newest bar of {key} is of {last}, older than {_FRESH_BARS} bars: is it traded?"
        raise ClmError(Reason.DATA_UNAVAILABLE, text)
    long = [hole for hole in _holes(frame, key, span) if hole[1] > data.max_gap_bars]
    if long:
        raise ClmError(
            Reason.DATA_GAP,
            f"{key}: {describe_holes(long)}; longer than spec.data.maxGapBars "
            f"({data.max_gap_bars}): import the missing bars or raise the limit",
        )
