"""What CLM's production holds now: the newest signal, read, checked and followed in time."""

import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

_LOG = logging.getLogger(__name__)
_KNOWN_SCHEMA = 1
_MOST_BYTES = 1 << 20
_PATIENCE_S = 10
_CLOCK_SLACK = timedelta(minutes=1)
_NO_END = timedelta(days=1)
"""A decision without an end is followed for so long: a file that nobody writes again stays good."""
_NO_SIGNAL = (
    ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError,
)  # fmt: skip
"""What reading of something else runs into."""


class RefusedError(ValueError):
    """A signal that this bot must not follow; the message says why."""


@dataclass(frozen=True)
class Expected:
    """Whose signal a bot follows, and what it can trade.

    Parameters
    ----------
    timeframe
        Length of a bar.
    symbols
        What the bot trades.
    futures
        Whether the bot trades perpetuals (``BTC/USDT:USDT``), and may be short.
    """

    namespace: str
    schedule: str
    timeframe: timedelta
    symbols: frozenset[str]
    futures: bool = False


@dataclass(frozen=True)
class Signal:
    """A decision of production.

    Parameters
    ----------
    version
        None while production is empty.
    valid_until
        None while production is empty.
    positions
        Fraction of each symbol's sleeve, which is 1/N of the account; below 0 is short.
    """

    version: str | None
    valid_until: datetime | None
    positions: dict[str, float]


@dataclass(frozen=True)
class Wish:
    """What to hold of a symbol, and why; without a position: what is held already."""

    position: float | None
    why: str


def read(address: str) -> bytes:
    """Return the file at a path, ``file://``, ``http(s)://`` or ``s3://`` address.

    ``s3://`` asks with what the AWS variables say, through the package obstore.

    Raises
    ------
    OSError
        It can't be read.
    """
    parts = urlsplit(address)
    if parts.scheme == "s3":
        return _from_s3(parts.netloc, parts.path.lstrip("/"))
    if parts.scheme not in {"http", "https"}:
        return Path(parts.path if parts.scheme == "file" else address).read_bytes()[:_MOST_BYTES]
    try:
        with urlopen(Request(address), timeout=_PATIENCE_S) as answer:  # noqa: S310 - as checked
            return bytes(answer.read(_MOST_BYTES))
    except HTTPException as error:
        raise OSError(f"no answer of HTTP: {error!r}") from error


def _from_s3(bucket: str, key: str) -> bytes:
    from obstore.exceptions import BaseError
    from obstore.store import S3Store

    plain = os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
    try:
        store = S3Store(
            bucket,
            client_options={"allow_http": plain, "timeout": f"{_PATIENCE_S}s"},
            retry_config={"max_retries": 1},
        )
        return bytes(store.get(key).bytes())
    except BaseError as error:
        raise OSError(str(error)) from error


def parse(body: bytes, expected: Expected, now: datetime) -> Signal:
    """Return the signal that a file holds.

    Raises
    ------
    RefusedError
        It is no signal, or one that this bot must not follow.
    """
    try:
        said = json.loads(body)
        schema = said.get("schemaVersion", _KNOWN_SCHEMA)
        if schema == _KNOWN_SCHEMA:
            return _checked(said, expected, now)
    except RefusedError:
        raise
    except _NO_SIGNAL as error:
        raise RefusedError(f"no signal of CLM: {error!r}") from error
    raise RefusedError(f"its schemaVersion is {schema}, and this bot knows {_KNOWN_SCHEMA}")


def _checked(said: dict[str, Any], expected: Expected, now: datetime) -> Signal:
    whose, asked = (
        f"{said['namespace']}/{said['schedule']}",
        f"{expected.namespace}/{expected.schedule}",
    )
    if whose != asked:
        raise RefusedError(f"it is the signal of {whose}, not of {asked}")
    decided, version, until = _time(said["decidedAt"]), said.get("version"), said.get("validUntil")
    if decided > now + _CLOCK_SLACK:
        raise RefusedError(f"it was decided at {decided}, and this machine's clock says {now}")
    if not version:
        return Signal(None, None, {})  # nothing is held, whatever it lists
    if (bars := decided - _time(said["bar"])) != expected.timeframe:
        raise RefusedError(f"it has bars of {bars}, and this bot bars of {expected.timeframe}")
    positions = dict[str, float]()
    for one in said["positions"]:
        symbol = str(one["symbol"])
        if symbol in positions:
            raise RefusedError(f"it names {symbol} twice")
        positions[symbol] = _position(symbol, one["position"], expected)
    return Signal(version, _time(until) if until else decided + _NO_END, positions)


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return found.astimezone(UTC)


def _position(symbol: str, said: object, expected: Expected) -> float:
    number = float(said) if isinstance(said, int | float) else None
    if number is None or isinstance(said, bool) or not -1 <= number <= 1:
        raise RefusedError(f"the position of {symbol} is {said!r}, which is not within -1 and 1")
    if (":" in symbol) != expected.futures:
        market = "perpetuals" if expected.futures else "spot"
        raise RefusedError(f"{symbol} is of another market: this bot trades {market}")
    if number < 0 and not expected.futures:
        raise RefusedError(f"{symbol} is to be short, and this bot trades spot")
    return number


@dataclass
class Follower:
    """Follows one signal file; never raises because of it.

    Parameters
    ----------
    silence
        After so long without a good signal nothing is held.
    heard
        When the last good signal was read; at first, when following began.
    """

    address: str
    expected: Expected
    silence: timedelta
    heard: datetime
    fetch: Callable[[str], bytes] = read
    signal: Signal | None = None
    said: str = ""

    def look(self, now: datetime) -> None:
        """Read the file; what is wrong with it is said once, and the last good signal stays."""
        try:
            self.signal = parse(self.fetch(self.address), self.expected, now)
        except (OSError, RefusedError) as error:
            self._say(logging.WARNING, f"not followed: {self.address}: {error}")
            return
        self.heard = now
        held = self.signal.positions
        idle = sorted(held.keys() - self.expected.symbols)
        shown = ", ".join(f"{name} {at:g}" for name, at in held.items())
        words = f"following {self.signal.version or 'empty production'}: {shown}"
        if idle:
            words += f"; {', '.join(idle)}: not traded by this bot, so that part stays in cash"
        self._say(logging.INFO, words)

    def wish(self, symbol: str, now: datetime) -> Wish:
        """Return what to hold of a symbol now."""
        signal = self.signal
        if now - self.heard >= self.silence:
            return Wish(0.0, "silence")
        if signal is None:
            return Wish(None, "no signal yet")
        if signal.valid_until is not None and now >= signal.valid_until:
            return Wish(0.0, "expired")
        if signal.version is None:
            return Wish(0.0, "stood down")
        if symbol not in signal.positions:
            return Wish(0.0, "not in the signal")
        return Wish(signal.positions[symbol], signal.version)

    def _say(self, level: int, words: str) -> None:
        if words != self.said:
            _LOG.log(level, words)
        self.said = words
