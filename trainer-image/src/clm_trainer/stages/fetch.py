"""The bars of a run: from the cache, completed through the exchange where the run allows it."""

import logging
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass

import pandas as pd

from clm_api.data_spec import OnRevision, Refresh
from clm_api.errors import ClmError
from clm_api.run import RunData
from clm_trainer.panel import Panel
from clm_trainer.sources import untraded
from clm_trainer.sources.asked import Answer, Asked
from clm_trainer.sources.bars import BarKey, invalid
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.columns import ColumnKey
from clm_trainer.sources.funding import FundingKey
from clm_trainer.sources.gate import FRESH_BARS, fresh, holes_until, require, spikes
from clm_trainer.sources.ledger import Span, read_ledger
from clm_trainer.sources.report import DataReport, SymbolReport, frame_digest
from clm_trainer.sources.revisions import Revision, described
from clm_trainer.sources.untraded import has_ended, require_traded, without_untraded
from clm_trainer.stages.beside import stored_beside, with_beside
from clm_trainer.stages.stored import bar_keys, stored_ends, unequal_ends
from clm_trainer.storage import Storage

_LOG = logging.getLogger(__name__)
Tell = Callable[[str], None]
_Key = BarKey | ColumnKey | FundingKey


def silent(_: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class _Wanted:
    """What is to be brought up to date.

    Parameters
    ----------
    beside
        What else is brought up to date.
    """

    keys: list[BarKey]
    span: Span
    beside: list[ColumnKey | FundingKey]


def fetch(
    data: RunData,
    store: Storage,
    *,
    funding: bool = False,
    patient: bool = False,
    tell: Tell = silent,
    asked: Asked | None = None,
    few: bool = False,
) -> tuple[Panel, DataReport]:
    """Return the bars of a run on one grid, and how good they are.

    Parameters
    ----------
    funding
        Whether the funding of the same range is brought up to date as well.
    patient
        Whether a symbol that has become silent, or that nobody trades any more, while others go on
        is waited for; else that is an error.
    tell
        Hears what is being fetched.
    asked
        Who asks the exchange; without it, this process does.
    few
        Whether these are the newest bars alone, at which an own series may be silent.

    Raises
    ------
    ClmError
        DataUnavailable, DataGap, DataInvalid, SymbolUnknown, ExchangeBanned, ExchangeDenied.
    """
    cache = BarCache(store)
    keys = bar_keys(data)
    others = stored_beside(data, funding=funding)
    span, answer = Span(pd.Timestamp(data.from_), pd.Timestamp(data.to)), Answer()
    any_age = data.refresh is Refresh.NEVER
    if data.refresh is Refresh.NEVER:
        ends = stored_ends(cache, keys, span.stop)
        stop = min(ends.values()) + keys[0].step
        span = Span(stop - (span.stop - span.start), stop)
        answer = Answer(notes=list(unequal_ends(ends)))
    else:
        wanted = _Wanted(keys, span, others)
        asked = asked or Asked()
        answer = asked.bars(data, lambda: _updated(cache, data, wanted, tell))
        common = _common_end(cache, keys, span) if patient else span.stop
        if common < span.stop:
            ends = stored_ends(cache, keys, span.stop)
            answer = answer.having(notes=[*answer.notes, *unequal_ends(ends)])
            span, any_age = Span(span.start, common), True
    revised = {key: _revised(cache, key, span, others) for key in keys}
    told = _told(revised, data.on_revision)
    frames = {key: key.cleaned(cache.read(key, span.start, span.stop), "cache") for key in keys}
    traded = {key: without_untraded(bars, key.step) for key, bars in frames.items()}
    waits = patient and not all(has_ended(bars, halts) for bars, halts in traded.values())
    reports = []
    for key, all_bars in frames.items():
        times = pd.DatetimeIndex(all_bars["timestamp"])
        require(times, key, span, data.max_gap_bars, any_age=any_age)
        frame, halts = traded[key]
        require_traded(frame, halts, key, any_age=any_age or waits)
        frames[key] = frame
        told += [untraded.described(halts, key.symbol)] if halts else []
        reports.append(
            SymbolReport(
                symbol=key.symbol,
                bars=len(frame),
                first=frame["timestamp"].iloc[0],
                last=frame["timestamp"].iloc[-1],
                gaps=tuple(holes_until(times, key.step, span.stop)),
                spikes=tuple(_spikes(frame, key.step)),
                cached=answer.cached.get(key.symbol, len(all_bars)),
                halts=tuple(halts),
                revisions=tuple(one for some in revised[key].values() for one in some),
            )
        )
    notes = (*answer.notes, *told)
    for note in notes:
        _LOG.warning(note, extra={"stage": "fetch"})
    step = keys[0].step
    grid = pd.date_range(span.start, span.stop, freq=step, inclusive="left").as_unit("us")
    panel = Panel.from_frames({key.symbol: frame for key, frame in frames.items()}, grid, step)
    panel, sources = with_beside(panel, data, store, few=few)
    report = DataReport(
        span.start,
        span.stop,
        tuple(reports),
        answer.requests,
        frame_digest(panel),
        notes,
        tuple(sources),
    )
    return panel, report


def _common_end(cache: BarCache, keys: list[BarKey], span: Span) -> pd.Timestamp:
    """Return where the bars of a symbol that is silent end; the span's end where none is."""
    ends = [cache.newest(key, span.stop) for key in keys]
    known = [end for end in ends if end is not None and end >= span.start]
    goes_on = any(fresh(end, span.stop, keys[0].step) for end in known)
    if len(known) < len(keys) or not goes_on:
        return span.stop
    stale = [end for end in known if not fresh(end, span.stop, keys[0].step)]
    return min(stale) + keys[0].step if stale else span.stop


def _spikes(frame: pd.DataFrame, step: pd.Timedelta) -> list[pd.Timestamp]:
    return spikes(pd.DatetimeIndex(frame["timestamp"]), frame["close"], step)


def _revised(
    cache: BarCache, key: BarKey, span: Span, others: list[ColumnKey | FundingKey]
) -> dict[_Key, tuple[Revision, ...]]:
    """Return what was found later of a symbol's stored rows, by series."""
    series: list[_Key] = [key, *(one for one in others if one.symbol == key.symbol)]
    found = {one: read_ledger(cache.store, one.layout).revised_in(span) for one in series}
    return {one: revisions for one, revisions in found.items() if revisions}


def _told(
    revised: Mapping[BarKey, Mapping[_Key, tuple[Revision, ...]]], wish: OnRevision
) -> list[str]:
    """Say what was found later of stored rows.

    Raises
    ------
    ClmError
        DataInvalid: there is something, and the run is to fail then.
    """
    told = [described(found, key) for some in revised.values() for key, found in some.items()]
    if told and wish is OnRevision.FAIL:
        raise invalid(
            f"{told[0]}; spec.data.onRevision is Fail: set it to Keep to use the stored rows"
        )
    return told


def _updated(cache: BarCache, data: RunData, wanted: _Wanted, tell: Tell) -> Answer:
    """Fetch what the cache lacks; go on with what is stored if the exchange is away."""
    from clm_trainer.sources.exchange import Exchange
    from clm_trainer.sources.refusals import unavailable
    from clm_trainer.sources.update import Update

    span = wanted.span
    before = {k: cache.arrays(k, span.start, span.stop)["timestamp"] for k in wanted.keys}
    newest = {k: pd.Timestamp(t[-1], tz="UTC") if len(t) else None for k, t in before.items()}
    exchange = Exchange(data.exchange, data.market, sandbox=data.sandbox)
    with closing(exchange):
        update = Update(cache, data.venue, exchange, data.max_gap_bars, tell)
        try:
            for key in wanted.keys:
                update.bars(key, span)
                for one in wanted.beside:
                    if one.symbol != key.symbol:
                        continue
                    if isinstance(one, FundingKey):
                        update.funding(one, span)
                    else:
                        update.columns(one, span)
        except ClmError as error:
            enough = all(fresh(newest[key], span.stop, key.step) for key in wanted.keys)
            if not unavailable(error) or not enough:
                raise
            update.notes.append(
                f"went on with stored bars, at most {FRESH_BARS} bars old: {error.message}"
            )
        cached = {key.symbol: len(times) for key, times in before.items()}
        return Answer(requests=exchange.requests, notes=update.notes, cached=cached)
