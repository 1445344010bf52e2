"""Bars from an exchange through ccxt, page by page, with its errors turned into reasons."""

import difflib
import logging
import os
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import ccxt
import pandas as pd
import stamina

from clm_api import environment
from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.sources.bars import COLUMNS, BarKey
from clm_trainer.sources.cache import empty

_LOG = logging.getLogger(__name__)
_PAGE_BARS = {"spot": 1000, "usdm": 499}
"""Binance's perpetuals weigh 2 up to 499 bars, and 5 for 1000."""
_TYPES = {"spot": ("spot",), "usdm": ("linear", "swap")}
"""What exchanges call a market when asked for its symbols."""
_T = TypeVar("_T")


class Exchange:
    """The public data of one market of an exchange.

    Parameters
    ----------
    market
        spot or usdm; symbols of usdm must be written in full, such as ``BTC/USDT:USDT``, so that
        none of them means a spot symbol.
    attempts
        Tries of a request that failed for a reason that may pass.
    """

    def __init__(self, name: str, market: str, *, attempts: int = 4) -> None:
        if name not in ccxt.exchanges:
            near = ", ".join(difflib.get_close_matches(name, ccxt.exchanges, 3)) or "none"
            text = f'spec.data.exchange: "{name}" is no ccxt exchange; near: {near}'
            raise ClmError(Reason.SPEC_INVALID, text)
        self.name, self._market, self._attempts, self.requests = name, market, attempts, 0
        self._page_bars = _PAGE_BARS[market]
        self._client: Any = getattr(ccxt, name)({"enableRateLimit": True, "timeout": 20_000})
        options = self._client.options
        options["defaultType"] = "spot" if market == "spot" else "swap"
        asked = options.get("fetchMarkets")
        if isinstance(asked, dict) and "types" in asked:
            types = [kind for kind in asked["types"] if kind in _TYPES[market]]
            options["fetchMarkets"] = {**asked, "types": types}
        if url := os.environ.get(environment.EXCHANGE_URL):
            self._redirect(url.rstrip("/"))

    def _redirect(self, url: str) -> None:
        """Send the public API to another host, for proxies."""
        api = self._client.urls["api"]
        for group, address in list(api.items()) if isinstance(api, dict) else ():
            if isinstance(address, str):
                path = address.split("/", 3)
                api[group] = f"{url}/{path[3]}" if len(path) > 3 else url

    def now(self) -> pd.Timestamp:
        """Return the exchange's clock, UTC."""
        milliseconds = self._call(self._client.fetch_time)
        return pd.Timestamp(milliseconds, unit="ms", tz="UTC")

    def check(self, key: BarKey) -> None:
        """Refuse a symbol or timeframe that the exchange doesn't have.

        Raises
        ------
        ClmError
            SymbolUnknown with the nearest names, SpecInvalid, ExchangeDenied, DataUnavailable.
        """
        markets = self._call(self._client.load_markets)
        if key.symbol not in markets:
            near = difflib.get_close_matches(key.symbol, list(markets), 3)
            raise ClmError(
                Reason.SYMBOL_UNKNOWN,
                f'spec.data.symbols: {self.name} has no "{key.symbol}"; near: '
                f"{', '.join(near) or 'none'}",
            )
        if self._market == "usdm" and not markets[key.symbol].get("linear"):
            text = f"spec.data.symbols: {key.symbol} is no linear perpetual on {self.name}"
            raise ClmError(Reason.SYMBOL_UNKNOWN, text)
        if markets[key.symbol].get("active") is False:
            text = f"spec.data.symbols: {key.symbol} is not traded on {self.name} any more"
            raise ClmError(Reason.SYMBOL_UNKNOWN, text)
        offered = self._client.timeframes or {}
        if key.timeframe not in offered:
            text = f"spec.data.timeframe: {self.name} offers {', '.join(offered)}"
            raise ClmError(Reason.SPEC_INVALID, text)

    def bars(self, key: BarKey, start: pd.Timestamp, stop: pd.Timestamp) -> pd.DataFrame:
        """Return the exchange's bars in [start, stop), as it sent them."""
        pages, since = [], start
        while since < stop:
            first_ms = int(since.timestamp() * 1000)
            request = partial(self._client.fetch_ohlcv, since=first_ms, limit=self._page_bars)
            rows = self._call(partial(request, key.symbol, key.timeframe))
            if not rows:
                break
            page = pd.DataFrame(rows, columns=list(COLUMNS))
            page["timestamp"] = pd.to_datetime(
                page["timestamp"].astype("int64"), unit="ms", utc=True
            ).dt.as_unit("us")
            pages.append(page)
            last = pd.Timestamp(page["timestamp"].max())
            if last < since:
                break
            since = last + key.step
        if not pages:
            return empty(COLUMNS)
        frame = pd.concat(pages, ignore_index=True)
        inside = (frame["timestamp"] >= start) & (frame["timestamp"] < stop)
        return frame[inside].reset_index(drop=True)

    def _call(self, request: Callable[[], _T]) -> _T:
        try:
            for attempt in stamina.retry_context(
                on=_passing, attempts=self._attempts, timeout=120.0, wait_initial=0.5
            ):
                with attempt:
                    self.requests += 1
                    return request()
        except ccxt.BaseError as error:
            raise _reasoned(self.name, error) from error
        raise AssertionError


def _passing(error: Exception) -> bool:
    """Whether trying again soon may help; a ban only grows by it."""
    if isinstance(error, ccxt.DDoSProtection) and not isinstance(error, ccxt.RateLimitExceeded):
        return False
    text = str(error)
    final = any(f" {code} " in text for code in (418, 403, 451))
    return isinstance(error, ccxt.NetworkError) and not final


def _reasoned(name: str, error: Exception) -> ClmError:
    text = " ".join(str(error).split())[:300]
    if " 451 " in text:
        reason, hint = Reason.EXCHANGE_DENIED, "it refuses this region: use another exchange"
    elif " 418 " in text or " 429 " in text or isinstance(error, ccxt.RateLimitExceeded):
        reason, hint = Reason.EXCHANGE_BANNED, "too many requests from this address: wait"
    elif " 403 " in text or isinstance(error, ccxt.AuthenticationError | ccxt.PermissionDenied):
        reason, hint = Reason.EXCHANGE_DENIED, "it refuses this address or key"
    else:
        reason = Reason.DATA_UNAVAILABLE
        hint = "it does not answer as expected: try later, or import bars with `clm data import`"
    return ClmError(reason, f"{name}: {hint} ({text})")
