"""Bars, funding and own trades from an exchange through ccxt, page by page."""

import difflib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

import ccxt
import pandas as pd
import stamina

from clm_api.errors import ClmError, SpecError
from clm_api.reasons import Reason
from clm_trainer.sources import funding, own_trades
from clm_trainer.sources.allowance import Allowance, Pacer, configured_share
from clm_trainer.sources.bars import COLUMNS, BarKey, invalid
from clm_trainer.sources.client import make_client
from clm_trainer.sources.column_pages import column_pages
from clm_trainer.sources.columns import ColumnKey
from clm_trainer.sources.funding import FundingKey
from clm_trainer.sources.ledger import Span
from clm_trainer.sources.own_trades import Keys, TradesKey
from clm_trainer.sources.paging import Page, bar_pages, event_pages, numbered_pages
from clm_trainer.sources.refusals import Reply, headers_of, pause, reasoned
from clm_trainer.sources.trade_pages import Fills, identity, trade_pages
from clm_trainer.sources.venues import COMMON_PAGE, Bars, venue

_LOG = logging.getLogger(__name__)
_DAY_MS = 86_400_000
_HALF_A_MINUTE = pd.Timedelta("30s")
_ATTEMPTS, _PATIENCE_S = 5, 240.0
_NOT_THE_API = (TypeError, ValueError, KeyError, IndexError, AttributeError)
"""What ccxt runs into when an answer is no JSON or has another shape."""
_T = TypeVar("_T")


class Exchange:
    """One market of an exchange.

    Parameters
    ----------
    market
        spot or usdm; symbols of usdm must be written in full, such as ``BTC/USDT:USDT``, so that
        none of them means a spot symbol.
    sandbox
        Ask the exchange's testnet.
    keys
        The account's key; only own trades need one.

    Raises
    ------
    ClmError
        SpecInvalid: no such exchange, no bars there, or no testnet.
    """

    def __init__(
        self, name: str, market: str, *, sandbox: bool = False, keys: Keys | None = None
    ) -> None:
        self.name, self._market = name, market
        self._client = client = make_client(name, market, sandbox=sandbox)
        if keys is not None:
            client.apiKey, client.secret = keys.api_key, keys.secret
        self._venue = venue(name)
        allowance = self._venue.allowance.get(market) or Allowance(60_000 / client.rateLimit)
        self._pacer = Pacer(allowance, configured_share())
        self._reply, self._listed = Reply(), False
        client.throttle, client.on_rest_response = self._pacer.wait, self._heard

    @property
    def requests(self) -> int:
        """Requests that were sent so far."""
        return self._pacer.requests

    @property
    def page_bars(self) -> int:
        """Bars of a page: as many as are cheapest."""
        return self._rules.page

    @property
    def newest_bars(self) -> int | None:
        """How many bars back from now the exchange gives; None: all."""
        return self._rules.newest

    @property
    def _rules(self) -> Bars:
        if known := self._venue.bars.get(self._market):
            return known
        kind, sub = ("spot", None) if self._market == "spot" else ("swap", "linear")
        most = self._client.feature_value_by_type(kind, sub, "fetchOHLCV", "limit")
        return Bars(int(most or COMMON_PAGE))

    def close(self) -> None:
        """End the connections."""
        self._client.session.close()

    def now(self) -> pd.Timestamp:
        """Return the exchange's clock, UTC; this machine's where the exchange doesn't tell."""
        if not self._client.has.get("fetchTime"):
            return pd.Timestamp(time.time(), unit="s", tz="UTC")
        milliseconds = self._call(lambda: int(self._client.fetch_time()))
        self._client.options["timeDifference"] = round(time.time() * 1000) - milliseconds
        return pd.Timestamp(milliseconds, unit="ms", tz="UTC")

    def know(self, market: Mapping[str, Any]) -> bool:
        """Use what is known of a symbol, so that the list of all need not be asked for.

        Returns
        -------
        bool
            False if it is nothing that the client can use: the exchange is to be asked.
        """
        known = dict(self._client.markets or {})
        if market["symbol"] in known:
            return True
        try:
            self._client.set_markets([*known.values(), dict(market)])
        except _NOT_THE_API as error:
            _LOG.warning("what is noted of %s can't be used: %r", market["symbol"], error)
            return False
        return True

    def market(self, symbol: str, timeframe: str | None = None) -> dict[str, Any]:
        """Return what the exchange says of a symbol; refuse what it doesn't offer.

        Raises
        ------
        ClmError
            SymbolUnknown with the nearest names, SpecInvalid, ExchangeDenied, DataUnavailable.
        """
        markets = self._call(partial(self._client.load_markets, not self._listed))
        self._listed = True
        if symbol not in markets:
            near = difflib.get_close_matches(symbol, list(markets), 3)
            raise ClmError(
                Reason.SYMBOL_UNKNOWN,
                f'spec.data.symbols: {self.name} has no "{symbol}"; near: '
                f"{', '.join(near) or 'none'}",
            )
        found = dict(markets[symbol])
        if self._market == "usdm" and not (found.get("linear") and found.get("swap")):
            text = f"spec.data.symbols: {symbol} is no linear perpetual on {self.name}"
            raise ClmError(Reason.SYMBOL_UNKNOWN, text)
        if found.get("active") is False:
            text = (
                f"spec.data.symbols: {symbol} is not traded on {self.name} any more: remove it; "
                "the other symbols then go on"
            )
            raise ClmError(Reason.SYMBOL_UNKNOWN, text)
        offered = self._client.timeframes or {}
        if timeframe is not None and timeframe not in offered:
            raise SpecError("spec.data.timeframe", f"{self.name} offers {', '.join(offered)}")
        found.pop("info", None)
        return found

    def bars(
        self, key: BarKey, start: pd.Timestamp, stop: pd.Timestamp, now: pd.Timestamp
    ) -> Iterator[Page]:
        """Yield pages of closed bars in [start, stop), as the exchange sent them.

        Parameters
        ----------
        now
            The exchange's clock: a bar that is open then is dropped, whatever its place.

        Raises
        ------
        ClmError
            DataInvalid: a bar is of the future; and as ``reasoned`` says.
        """
        rules, stop = self._rules, min(stop, now.floor(key.step))
        if start >= stop:
            return
        if rules.newest is not None:
            oldest = min(now.floor(key.step) - (rules.newest - 1) * key.step, stop)
            if start < oldest:
                yield Page(_table(self.name, [], COLUMNS), Span(start, oldest))
                start = oldest

        def ask(since: pd.Timestamp, limit: int, until: pd.Timestamp | None) -> pd.DataFrame:
            params = {} if until is None else {"until": _ms(until) - 1}
            request = partial(self._client.fetch_ohlcv, key.symbol, key.timeframe)
            sent = limit if rules.limit else None
            page = _table(
                self.name, self._call(partial(request, _ms(since), sent, params)), COLUMNS
            )
            if (page["timestamp"] > now).any():
                newest = page["timestamp"].max()
                raise invalid(f"{self.name}: a bar of {key} is of the future: {newest}")
            return page

        span = Span(start, stop)
        yield from bar_pages(span, key.step, rules.page, rules.order, ask, ended=rules.until)

    def columns(self, key: ColumnKey, span: Span, now: pd.Timestamp) -> Iterator[Page]:
        """Yield pages of what the exchange tells beside bars; only Binance is asked.

        Raises
        ------
        ClmError
            DataInvalid: a row is of the future; and as ``reasoned`` says.
        """

        def ask(request: Callable[[], Any]) -> pd.DataFrame:
            return _table(self.name, self._call(request), key.columns)

        return column_pages(self._client, key, span, now, self._rules, ask)

    def funding(self, key: FundingKey, start: pd.Timestamp, stop: pd.Timestamp) -> Iterator[Page]:
        """Yield pages of the funding that was paid in [start, stop); none where none is told.

        Payments are made milliseconds off their minute, so the range is moved by half a minute.
        """
        if not self._client.has.get("fetchFundingRateHistory"):
            return
        for page in self._payment_pages(key, Span(start - _HALF_A_MINUTE, stop - _HALF_A_MINUTE)):
            at = page.covered
            yield Page(page.rows, Span(at.start + _HALF_A_MINUTE, at.stop + _HALF_A_MINUTE))

    def _payment_pages(self, key: FundingKey, span: Span) -> Iterator[Page]:
        rules = self._venue.funding

        def ask(gap: Span) -> pd.DataFrame:
            return self._payments(key, _ms(gap.start), {rules.until: _ms(gap.stop) - 1})

        def ask_number(name: str, number: int) -> pd.DataFrame:
            return self._payments(key, None, {name: number})

        if rules.number is not None:
            return numbered_pages(span, partial(ask_number, rules.number))
        return event_pages(span, rules.page, rules.order, ask)

    def _payments(self, key: FundingKey, since: int | None, params: dict[str, int]) -> pd.DataFrame:
        request = partial(self._client.fetch_funding_rate_history, key.symbol)
        found = self._call(partial(request, since, self._venue.funding.page, params))
        rows = [[row["timestamp"], row["fundingRate"], _mark_price(row["info"])] for row in found]
        return _table(self.name, rows, funding.COLUMNS)

    @property
    def numbers_trades(self) -> bool:
        """Whether the ids of fills are numbers that rise, and fills are asked for by them."""
        return self._venue.numbered_trades

    def own_trades(self, key: TradesKey, since_ms: int) -> Iterator[pd.DataFrame]:
        """Yield pages of the account's fills from a time on; ids are whatever text they are."""
        most, back, window = (self._own_trades(name) for name in ("limit", "daysBack", "untilDays"))
        now = int(time.time() * 1000) + _DAY_MS
        start = max(since_ms, now - back * _DAY_MS if back else 0)

        def ask(since: int, until: int) -> Fills:
            request = partial(self._client.fetch_my_trades, key.symbol, since, most)
            return list(self._call(partial(request, {"until": until})))

        for page in trade_pages(start, now, window * _DAY_MS if window else None, ask):
            yield self._fills(page)

    def numbered_own_trades(self, key: TradesKey, first: int) -> Iterator[pd.DataFrame]:
        """Yield pages of the account's fills from a number on, oldest first."""
        most = 1000
        while True:
            request = partial(self._client.fetch_my_trades, key.symbol, None, most)
            found = self._call(partial(request, {"fromId": first}))
            yield self._fills(found)
            if len(found) < most:
                return
            first = max(int(one["id"]) for one in found) + 1

    def _own_trades(self, feature: str) -> int | None:
        """Return what ccxt knows of how fills are asked for."""
        kind, sub = ("spot", None) if self._market == "spot" else ("swap", "linear")
        found = self._client.feature_value_by_type(kind, sub, "fetchMyTrades", feature)
        return None if found is None else int(found)

    def _fills(self, found: Fills) -> pd.DataFrame:
        rows = [
            [one["timestamp"], identity(one), one["price"], one["amount"],
             1 if one["side"] == "buy" else -1]
            for one in found
        ]  # fmt: skip
        return _table(self.name, rows, own_trades.COLUMNS, own_trades.TEXTS)

    def _heard(self, code: int, _reason: str, _url: str, _method: str, *rest: Any) -> str:
        """Ccxt's hook for every answer, before it looks at it."""
        raw_headers, body = rest[0], rest[1]
        self._reply = Reply(code, headers_of(raw_headers), body)
        self._pacer.heard(self._reply.headers or {})
        text = str(body).strip()
        if code == 200 and not text.startswith(("{", "[")):
            raise ccxt.BadResponse(f"no JSON but {text[:60]!r}")
        return text

    def _call(self, request: Callable[[], _T]) -> _T:
        try:
            for attempt in stamina.retry_context(
                on=lambda error: pause(error, self._reply),
                attempts=_ATTEMPTS,
                timeout=_PATIENCE_S,
                wait_initial=0.5,
            ):
                with attempt:
                    self._reply = Reply()
                    return _understood(request)
        except ccxt.BaseError as error:
            raise reasoned(self.name, error, self._reply) from error
        raise AssertionError


def _understood(request: Callable[[], _T]) -> _T:
    try:
        return request()
    except _NOT_THE_API as error:
        raise ccxt.BadResponse(f"an answer of another shape: {error}") from error


def _table(
    name: str, rows: Any, columns: tuple[str, ...], texts: frozenset[str] = frozenset()
) -> pd.DataFrame:
    """Return rows whose first value is a time in milliseconds; numbers that are none are NaN."""
    if not isinstance(rows, list) or any(len(row) != len(columns) for row in rows):
        raise invalid(f"{name}: an answer has other columns than {', '.join(columns)}")
    frame = pd.DataFrame(rows, columns=list(columns))
    times = pd.to_numeric(frame["timestamp"], errors="coerce")
    if times.isna().any() or (times.abs() > 1e15).any():
        raise invalid(f"{name}: a row has no time in milliseconds")
    frame["timestamp"] = pd.to_datetime(times.astype("int64"), unit="ms", utc=True).dt.as_unit("us")
    for column in texts:
        frame[column] = frame[column].astype("str")
    for column in set(columns[1:]) - texts:
        frame[column] = pd.to_numeric(frame[column], errors="coerce").astype("float64")
    return frame


def _mark_price(info: Any) -> Any:
    return (info.get("markPrice") or None) if isinstance(info, dict) else None


def _ms(time_: pd.Timestamp) -> int:
    return int(time_.timestamp() * 1000)
