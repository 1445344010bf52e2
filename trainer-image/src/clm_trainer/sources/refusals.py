"""What an exchange's refusal means: whether to ask again, and the reason and next step if not."""

import re
import time
from dataclasses import dataclass
from typing import Any

import ccxt
import pandas as pd

from clm_api.errors import ClmError
from clm_api.reasons import Reason

_LONGEST_WAIT_S = 90.0
"""A longer Retry-After is a ban: other runs shall know of it."""
_FIREWALL_BAN_S = 300.0
_UNTIL = re.compile(r"banned until (\d{13})")
_QUERY = re.compile(r"\?\S*")
_COUNTRY = ("restricted location", "your country", "your region")


class ExchangeBannedError(ClmError):
    """The exchange has banned this address.

    Parameters
    ----------
    until
        When it may be asked again.
    """

    def __init__(self, until: pd.Timestamp, message: str) -> None:
        super().__init__(Reason.EXCHANGE_BANNED, message)
        self.until = until


@dataclass
class Reply:
    """The last answer; all is empty while there is none."""

    status: int | None = None
    headers: dict[str, str] | None = None
    body: str = ""

    def retry_after_s(self) -> float | None:
        """Return what the exchange wants to be waited."""
        text = (self.headers or {}).get("retry-after", "")
        return float(text) if text.isdecimal() else None


def pause(error: Exception, reply: Reply) -> bool | float:
    """Return whether to ask again, or after how many seconds."""
    if reply.status == 429:
        wait = reply.retry_after_s()
        return wait if wait is not None and wait <= _LONGEST_WAIT_S else False
    if reply.status in (401, 403, 418, 451):
        return False
    out_of_order = reply.status is not None and reply.status >= 500
    return out_of_order or isinstance(error, ccxt.NetworkError | ccxt.BadResponse)


def reasoned(name: str, error: Exception, reply: Reply) -> ClmError:
    """Return the error with its reason, the exchange's own words, and what to do.

    Parameters
    ----------
    error
        What the client raised.
    reply
        What the exchange answered.
    """
    said = _said(error)
    if reply.status in (418, 429):
        return _banned(name, reply, said)
    if reply.status == 451 or (reply.status == 403 and any(w in reply.body for w in _COUNTRY)):
        hint = "it refuses this region: use another exchange, or import bars"
        return ClmError(Reason.EXCHANGE_DENIED, f"{name}: {hint} ({said})")
    if isinstance(error, ccxt.AuthenticationError) or reply.status == 401:
        hint = "it refuses the key: look at the Secret of spec.data.secretRef and the key's rights"
        return ClmError(Reason.EXCHANGE_DENIED, f"{name}: {hint} ({said})")
    if reply.status == 403:
        return _banned(name, reply, said)
    if isinstance(error, ccxt.BadSymbol):
        hint = "it does not know a symbol of spec.data.symbols"
        return ClmError(Reason.SYMBOL_UNKNOWN, f"{name}: {hint} ({said})")
    if isinstance(error, ccxt.NotSupported):
        return ClmError(Reason.SPEC_INVALID, f"spec.data.exchange: {said}")
    if isinstance(error, ccxt.InvalidNonce):
        hint = "it says that this machine's clock is wrong: set it by NTP"
    elif reply.status is None:
        hint = "it does not answer: try later, or import bars with `clm data import`"
    elif reply.status >= 500:
        hint = "it is out of order: try later, or import bars with `clm data import`"
    else:
        hint = "it does not answer as its API does: is there a proxy or a login page before it?"
    return ClmError(Reason.DATA_UNAVAILABLE, f"{name}: {hint} ({said})")


def unavailable(error: ClmError) -> bool:
    """Whether an error says that the exchange is away, and stored bars may do."""
    return error.reason in (Reason.DATA_UNAVAILABLE, Reason.EXCHANGE_BANNED)


def _banned(name: str, reply: Reply, said: str) -> ExchangeBannedError:
    wait = reply.retry_after_s() or _FIREWALL_BAN_S
    stated = _UNTIL.search(reply.body)
    until = int(stated[1]) / 1000 if stated else time.time() + wait
    time_ = pd.Timestamp(until, unit="s", tz="UTC").ceil("s")
    why = "its firewall blocks" if reply.status == 403 else "it has banned"
    text = f"{name}: {why} this address until {time_:%Y-%m-%d %H:%M:%S} UTC; no run asks it before"
    return ExchangeBannedError(time_, f"{text} ({said})")


def _said(error: Exception) -> str:
    """Return the client's words without addresses' queries: they are long, and may be signed."""
    return " ".join(_QUERY.sub("", str(error)).split())[:300] or type(error).__name__


def headers_of(raw: Any) -> dict[str, str]:
    """Return headers by their names in small letters."""
    return {str(name).lower(): str(value) for name, value in dict(raw).items()}
