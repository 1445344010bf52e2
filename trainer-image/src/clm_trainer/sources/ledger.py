"""What the exchange was asked for already, so that a hole of its own is asked about only once."""

import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from clm_api.errors import ClmError
from clm_api.layout import SeriesLayout
from clm_api.reasons import Reason
from clm_trainer.sources import records
from clm_trainer.sources.revisions import Revision, together
from clm_trainer.storage import Storage

_ATTEMPTS = 25
_AHEAD = pd.Timedelta("2D")
"""An exchange's clock may be ahead of this machine's, not by more."""
KEPT_REVISIONS = 1000
_COLUMN = re.compile(r"[a-z]\w{0,31}", re.ASCII)


@dataclass(frozen=True, order=True)
class Span:
    """A range of times, the end exclusive."""

    start: pd.Timestamp
    stop: pd.Timestamp


def union(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Return spans that neither overlap nor touch, in order; empty ones are dropped."""
    merged: list[Span] = []
    for span in sorted(one for one in spans if one.start < one.stop):
        if merged and span.start <= merged[-1].stop:
            merged[-1] = Span(merged[-1].start, max(merged[-1].stop, span.stop))
        else:
            merged.append(span)
    return tuple(merged)


@dataclass(frozen=True)
class Ledger:
    """One series's entry.

    Parameters
    ----------
    asked
        Spans for which all that the exchange has is in the cache.
    market
        What the exchange says of the symbol, in ccxt's words.
    revised
        Where rows that came later differ from stored ones, which stand; the newest 1000.
    """

    asked: tuple[Span, ...] = ()
    market: dict[str, Any] = field(default_factory=dict)
    revised: tuple[Revision, ...] = ()

    def revised_in(self, span: Span) -> tuple[Revision, ...]:
        """Return the revisions of rows in a span."""
        return tuple(one for one in self.revised if span.start <= one.time < span.stop)

    def left(self, span: Span) -> list[Span]:
        """Return the parts of a span that were not asked for yet."""
        edges = [span.start]
        for one in self.asked:
            edges += [min(max(one.start, span.start), span.stop)]
            edges += [min(max(one.stop, span.start), span.stop)]
        edges.append(span.stop)
        pairs = zip(edges[::2], edges[1::2], strict=True)
        return [Span(a, b) for a, b in pairs if a < b]


def read_ledger(store: Storage, layout: SeriesLayout) -> Ledger:
    """Return a series's entry; an empty one if there is none that can be true."""
    content = store.get(layout.ledger, records.MOST_BYTES)
    return Ledger() if content is None else _parsed(content, layout)


def note(
    store: Storage, layout: SeriesLayout, asked: Iterable[Span], market: dict[str, Any]
) -> None:
    """Add spans that were asked for; what other runs add at the same time stays."""
    new = tuple(asked)
    _change(
        store,
        layout,
        lambda ledger: replace(ledger, asked=union((*ledger.asked, *new)), market=market),
    )


def note_revisions(store: Storage, layout: SeriesLayout, revised: Iterable[Revision]) -> None:
    """Add revisions; of one value the newest word is kept."""
    new = tuple(revised)
    _change(
        store,
        layout,
        lambda old: replace(old, revised=together(old.revised, new)[-KEPT_REVISIONS:]),
    )


def _change(store: Storage, layout: SeriesLayout, change: Callable[[Ledger], Ledger]) -> None:
    for _ in range(_ATTEMPTS):
        present = store.get_tagged(layout.ledger, records.MOST_BYTES)
        ledger = Ledger() if present is None else _parsed(present.content, layout)
        after = change(ledger)
        if after == ledger:
            return
        etag = None if present is None else present.etag
        if store.replace(layout.ledger, _encoded(after), etag):
            return
    text = f"{layout.ledger} changed {_ATTEMPTS} times while it was written: try again"
    raise ClmError(Reason.STORAGE_UNAVAILABLE, text)


def _encoded(ledger: Ledger) -> bytes:
    asked = [[span.start.isoformat(), span.stop.isoformat()] for span in ledger.asked]
    revised = [[one.time.isoformat(), one.column, one.stored, one.found] for one in ledger.revised]
    document = {"schemaVersion": 1, "asked": asked, "market": ledger.market, "revised": revised}
    return json.dumps(document).encode()


def _parsed(content: bytes, layout: SeriesLayout) -> Ledger:
    """Return an entry; one that can't be true is as if it were absent: the exchange is asked."""
    found = records.checked(layout.ledger, "ledger", content, lambda raw: _checked(raw, layout))
    return found or Ledger()


def _checked(raw: Any, layout: SeriesLayout) -> Ledger:
    spans = [_span(*pair) for pair in raw["asked"]]
    revised = tuple(_revision(*one) for one in raw.get("revised", []))
    if len(revised) > KEPT_REVISIONS:
        raise ValueError(f"it has {len(revised)} revisions, more than {KEPT_REVISIONS}")
    return Ledger(union(spans), _market(raw["market"], layout), revised)


def _revision(time: str, column: str, stored: float, found: float) -> Revision:
    if not _COLUMN.fullmatch(column):
        raise ValueError("a revision of no column")
    values = float(stored), float(found)
    if not all(map(math.isfinite, values)):
        raise ValueError("a revision that is not finite")
    return Revision(_time(time), column, *values)


def _span(start: str, stop: str) -> Span:
    span = Span(_time(start), _time(stop))
    if span.stop > pd.Timestamp.now("UTC") + _AHEAD:
        raise ValueError(f"it was asked until {stop}, which is to come")
    return span


def _time(text: str) -> pd.Timestamp:
    if not isinstance(text, str):
        raise TypeError("a time that is no text")
    time = pd.Timestamp(text)
    if time.tz is None:
        raise ValueError(f"{text} has no zone")
    return time


def _market(raw: dict[str, Any], layout: SeriesLayout) -> dict[str, Any]:
    """Return what the exchange said of the symbol; of another symbol it said nothing."""
    if not isinstance(raw, dict):
        raise TypeError("the market is no object")
    named = all(isinstance(raw.get(name), str) for name in ("id", "symbol"))
    if raw and not (named and raw["symbol"] == layout.symbol):
        raise ValueError(f"its market is not that of {layout.symbol}")
    return dict(raw)
