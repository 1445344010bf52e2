"""The cache brought up to date from the exchange: what is missing, once, by one run at a time."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from clm_api.errors import ClmError
from clm_api.market_columns import INTEREST
from clm_api.reasons import Reason
from clm_trainer.sources.bans import Bans
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.sources.column_pages import KEPT_INTEREST
from clm_trainer.sources.columns import ColumnKey
from clm_trainer.sources.exchange import Exchange
from clm_trainer.sources.funding import FundingKey
from clm_trainer.sources.gate import FRESH_BARS, holes_until
from clm_trainer.sources.lease import Lease
from clm_trainer.sources.ledger import (
    Ledger,
    Span,
    note,
    note_revisions,
    read_ledger,
)
from clm_trainer.sources.paging import Page
from clm_trainer.sources.refusals import ExchangeBannedError, unavailable
from clm_trainer.sources.revisions import Revision
from clm_trainer.sources.taken import Taken
from clm_trainer.sources.untraded import quiet

_MINUTE, _MONTH = pd.Timedelta("1min"), pd.Timedelta("31D")
Tell = Callable[[str], None]
_Key = BarKey | ColumnKey | FundingKey


def silent(_: str) -> None:
    """Tell nobody."""


@dataclass
class Update:
    """Fills the cache of one market of one exchange.

    Parameters
    ----------
    venue
        The exchange's name in the store.
    longest_hole
        Bars; longer holes are asked about again: an exchange may have filled them since.
    tell
        Hears what is being fetched, every page.
    """

    store: BarCache
    venue: str
    exchange: Exchange
    longest_hole: int
    tell: Tell = silent
    notes: list[str] = field(default_factory=list)
    _now: pd.Timestamp | None = None

    def bars(self, key: BarKey, span: Span) -> None:
        """Fetch the closed bars of a span that the cache lacks.

        Raises
        ------
        ClmError
            As the exchange answers, or as the run failed that fetched them at the same time;
            SymbolUnknown: the newest bars saw no trade, and it says that the symbol is not traded.
        """
        self._fill(key, span, self._missing_bars, self._bars)
        self._confirm(key, span)
        newest = self.exchange.newest_bars
        if newest is not None and span.stop - span.start > newest * key.step:
            self.notes.append(
                f"{self.venue} gives only its newest {newest} bars of {key.symbol}: older ones "
                "come from earlier runs, or from files with `clm data import`"
            )

    def _confirm(self, key: BarKey, span: Span) -> None:
        """Ask what the exchange says of a symbol whose newest bars nobody traded."""
        newest = self.store.read(key, span.stop - (FRESH_BARS + 1) * key.step, span.stop)
        if bool(quiet(newest).all()):  # there may be none
            Bans(self.store.store, self.venue).obey()
            self.exchange.market(key.symbol, key.timeframe)

    def funding(self, key: FundingKey, span: Span) -> None:
        """Fetch the funding of a span that was not asked for yet."""
        self._fill(key, span, self._missing_funding, self._funding)

    def columns(self, key: ColumnKey, span: Span) -> None:
        """Fetch what the cache lacks of the rows that the bars of a span see."""
        rows = key.seen_from(span)
        self._fill(key, rows, self._missing_bars, self._columns)
        if key.kind == INTEREST and span.stop - span.start > KEPT_INTEREST:
            self.notes.append(
                f"{self.venue} tells the newest {KEPT_INTEREST.days} days of {key.symbol}'s open "
                "interest alone: older ones come from earlier runs, or from an archive of your own "
                "with `clm data import --series`"
            )

    def _fill(
        self,
        key: _Key,
        span: Span,
        missing: Callable[..., list[Span]],
        pages: Callable[..., Iterator[Page]],
    ) -> None:
        if not missing(key, span, read_ledger(self.store.store, key.layout)):
            return
        lease = Lease(self.store.store, key.layout.lease, sleep=partial(self._wait, key))
        if not lease.acquire(span):
            return
        error: BaseException | None = None
        try:
            ledger = read_ledger(self.store.store, key.layout)
            self._fetch(key, missing(key, span, ledger), ledger, pages, lease)
        except BaseException as caught:
            error = caught
            raise
        finally:
            lease.release(span, error)

    def _wait(self, key: _Key, seconds: float) -> None:
        self.tell(f"{key}: another run fetches it")
        time.sleep(seconds)

    def _fetch(
        self,
        key: _Key,
        parts: list[Span],
        ledger: Ledger,
        pages: Callable[..., Iterator[Page]],
        lease: Lease,
    ) -> None:
        if not parts:
            return
        bans = Bans(self.store.store, self.venue)
        bans.obey()
        try:
            market = self._market(key, ledger)
            for part in parts:
                self._take(key, part, pages(key, part), lease, market)
        except ExchangeBannedError as error:
            bans.record(error)
            raise
        except ClmError as error:
            if error.reason is Reason.SYMBOL_UNKNOWN and ledger.market:
                self.exchange.market(key.symbol)  # says more: nearest names, or no longer traded
            raise

    def _take(
        self,
        key: _Key,
        part: Span,
        pages: Iterator[Page],
        lease: Lease,
        market: dict[str, Any],
    ) -> None:
        """Write a month as soon as it is whole, and all that came if the exchange goes away."""
        taken = Taken(part)
        try:
            for page in pages:
                lease.renew()
                taken.add(page)
                if not page.rows.empty:
                    self.tell(f"{key} until {page.rows['timestamp'].max():%Y-%m-%d %H:%M}")
                self._keep(key, taken.whole_months())
        except ClmError as error:
            if unavailable(error):
                self._keep(key, taken.rest())
                self._note(key, taken, market)
            raise
        self._keep(key, taken.rest())
        self._note(key, taken, market)

    def _note(self, key: _Key, taken: Taken, market: dict[str, Any]) -> None:
        note(self.store.store, key.layout, self._settled(key, taken), market)

    def _keep(self, key: _Key, rows: pd.DataFrame) -> None:
        if rows.empty:
            return
        twice: list[Revision] = []
        frame = key.cleaned(rows, self.exchange.name, twice)
        written = self.store.write(key, frame, self.exchange.name)
        if differ := (*twice, *written.revisions):
            note_revisions(self.store.store, key.layout, differ)

    def _market(self, key: _Key, ledger: Ledger) -> dict[str, Any]:
        """Return what is known of the symbol, or ask; who is not known is asked about first."""
        timeframe = key.timeframe if isinstance(key, BarKey) else None
        if ledger.market and self.exchange.know(ledger.market):
            return ledger.market
        return self.exchange.market(key.symbol, timeframe)

    def now(self) -> pd.Timestamp:
        """Return the exchange's clock, asked for once."""
        if self._now is None:
            self._now = self.exchange.now()
            ahead = round((self._now - pd.Timestamp.now("UTC")).total_seconds())
            if abs(ahead) > 60:
                side = "ahead of" if ahead > 0 else "behind"
                text = f"{self.venue}'s clock is {abs(ahead)} s {side} this machine's"
                self.notes.append(f"{text}: bars count as closed by the exchange's")
        return self._now

    def _settled(self, key: _Key, taken: Taken) -> tuple[Span, ...]:
        """Return what answers settle: all before the newest row; what is to come may be late."""
        part, newest = taken.part, taken.newest
        later = self.store.arrays(key, part.stop, part.stop + _MONTH)["timestamp"]
        if len(later):
            return taken.covered
        if newest is None:
            return ()
        step = _MINUTE if isinstance(key, FundingKey) else key.step
        end = newest.floor("min") + step
        return tuple(Span(one.start, min(one.stop, end)) for one in taken.covered)

    def _bars(self, key: BarKey, part: Span) -> Iterator[Page]:
        return self.exchange.bars(key, part.start, part.stop, self.now())

    def _columns(self, key: ColumnKey, part: Span) -> Iterator[Page]:
        return self.exchange.columns(key, part, self.now())

    def _funding(self, key: FundingKey, part: Span) -> Iterator[Page]:
        return self.exchange.funding(key, part.start, part.stop)

    def _missing_bars(self, key: BarKey | ColumnKey, span: Span, ledger: Ledger) -> list[Span]:
        """Return where rows lack that were not asked for; parts a page apart are one."""
        step = key.step
        stored = self.store.arrays(key, span.start, span.stop)["timestamp"]
        grid = pd.date_range(span.start, span.stop, freq=step, inclusive="left").as_unit("us")
        absent = ~np.isin(grid.tz_localize(None).to_numpy(), stored)
        lacking = np.zeros(len(grid), dtype=bool)
        for part in ledger.left(span):
            first, last = grid.searchsorted(part.start), grid.searchsorted(part.stop)
            lacking[first:last] = absent[first:last]
        if len(stored):
            times = pd.DatetimeIndex(stored).tz_localize("UTC")
            for hole in holes_until(times, step, span.stop):
                first = grid.searchsorted(hole.start)
                lacking[first : first + hole.bars] |= hole.bars > self.longest_hole
        rows = np.flatnonzero(lacking)
        if not len(rows):
            return []
        cuts = np.flatnonzero(np.diff(rows) > self.exchange.page_bars)
        firsts, lasts = rows[np.r_[0, cuts + 1]], rows[np.r_[cuts, len(rows) - 1]]
        return [Span(grid[a], grid[b] + step) for a, b in zip(firsts, lasts, strict=True)]

    @staticmethod
    def _missing_funding(_: FundingKey, span: Span, ledger: Ledger) -> list[Span]:
        return ledger.left(span)
