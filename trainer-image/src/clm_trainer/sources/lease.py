"""Who fetches a series: one run at a time, so that a hundred cost the requests of one."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pandas as pd

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.sources import records
from clm_trainer.sources.ledger import Span
from clm_trainer.storage import Storage

LEASE_S = 60.0
_POLL_S = 1.0
_SHARED = (Reason.DATA_UNAVAILABLE, Reason.EXCHANGE_BANNED)
"""Failures that pass: others take them over. Of what ends a run for good each convinces itself,
for whoever may write a lease could end all of them."""


@dataclass(frozen=True)
class _Record:
    """What a lease's object says.

    Parameters
    ----------
    until
        By the holder's clock, which may be wrong; 0 if it has ended.
    asked
        What was fetched, or failed of ``failure``.
    """

    holder: str = ""
    until: float = 0.0
    asked: Span | None = None
    failure: ClmError | None = None


@dataclass
class Lease:
    """The right to fetch one series; it ends by itself when its holder dies.

    A living holder writes it anew within its term. One that stood unchanged for a term is over,
    whatever time it names: its holder's clock may be wrong.

    Data don't depend on it: every write is guarded by its ETag.

    Parameters
    ----------
    path
        Its object in the store.
    clock, sleep
        Seconds since the epoch, and waiting.
    """

    store: Storage
    path: str
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        self._holder, self._until = uuid4().hex, 0.0

    def acquire(self, span: Span) -> bool:
        """Become the fetching run, or wait until the one that is has ended.

        Returns
        -------
        bool
            False if another run fetched the span in the meantime: look at the cache again.

        Raises
        ------
        ClmError
            What the other run failed of: asking the exchange again would only repeat it.
        """
        waited, waited_s, watched = False, 0.0, ""
        while True:
            found = self.store.get_tagged(self.path, records.MOST_BYTES)
            record = _Record() if found is None else _parsed(self.path, found.content)
            tag = "" if found is None else found.etag
            if tag != watched:
                watched, waited_s = tag, 0.0
            if record.until <= self.clock() or waited_s >= LEASE_S:
                if waited and record.asked is not None and _covers(record.asked, span):
                    if record.failure is not None:
                        raise record.failure
                    return False
                if self._write(None if found is None else found.etag):
                    return True
                continue
            waited = True
            self.sleep(_POLL_S)
            waited_s += _POLL_S

    def renew(self) -> None:
        """Go on holding it; costs a request only in the second half of its time."""
        if self._until - self.clock() > LEASE_S / 2:
            return
        found = self.store.get_tagged(self.path, records.MOST_BYTES)
        if found is not None and _parsed(self.path, found.content).holder == self._holder:
            self._write(found.etag)

    def release(self, span: Span, error: BaseException | None = None) -> None:
        """End it, and tell those who wait what came of it."""
        found = self.store.get_tagged(self.path, records.MOST_BYTES)
        if found is None or _parsed(self.path, found.content).holder != self._holder:
            return
        ended: dict[str, Any] = {"holder": self._holder, "until": 0}
        shared = isinstance(error, ClmError) and error.reason in _SHARED
        if error is None or shared:
            ended["asked"] = [span.start.isoformat(), span.stop.isoformat()]
        if isinstance(error, ClmError) and shared:
            ended |= {"reason": str(error.reason), "message": error.message}
        self.store.replace(self.path, json.dumps(ended).encode(), found.etag)

    def _write(self, etag: str | None) -> bool:
        until = self.clock() + LEASE_S
        record = json.dumps({"holder": self._holder, "until": until}).encode()
        written = self.store.replace(self.path, record, etag)
        self._until = until if written else 0.0
        return written


def _covers(asked: Span, span: Span) -> bool:
    return asked.start <= span.start and span.stop <= asked.stop


def _parsed(path: str, content: bytes) -> _Record:
    """Return a lease's record; one that can't be true is held by nobody."""
    return records.checked(path, "lease", content, _checked) or _Record()


def _checked(raw: Any) -> _Record:
    holder, until = raw["holder"], raw["until"]
    if not isinstance(holder, str) or not isinstance(until, int | float):
        raise TypeError("holder or end of another type")
    if isinstance(until, bool) or not math.isfinite(until):
        raise ValueError(f"it ends at {until}")
    if "asked" not in raw:
        return _Record(holder, float(until))
    start, stop = map(pd.Timestamp, raw["asked"])
    if start.tz is None or stop.tz is None:
        raise ValueError("times without a zone")
    return _Record(holder, float(until), Span(start, stop), _failure(raw))


def _failure(raw: dict[str, Any]) -> ClmError | None:
    """Return the failure that others take over; of another kind it makes the record invalid."""
    if "reason" not in raw:
        return None
    reason = Reason(raw["reason"])
    if reason not in _SHARED:
        raise ValueError(f"{reason} is shared by nobody")
    return ClmError(reason, records.words(raw["message"]))
