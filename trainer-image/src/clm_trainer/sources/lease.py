"""Who fetches a series: one run at a time, so that a hundred cost the requests of one."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pandas as pd

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_trainer.sources.ledger import Span
from clm_trainer.storage import Storage

LEASE_S = 60.0
_POLL_S = 1.0
_OWN = (Reason.STORAGE_DENIED, Reason.STORAGE_UNAVAILABLE, Reason.INTERRUPTED)
"""Failures that the fetching run shares with no other."""


@dataclass
class Lease:
    """The right to fetch one series; it ends by itself when its holder dies.

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
        waited = False
        while True:
            found = self.store.get_tagged(self.path)
            record = {} if found is None else _parsed(found.content)
            if float(record.get("until", 0)) <= self.clock():
                if waited and _covers(record, span):
                    _repeat(record)
                    return False
                if self._write(None if found is None else found.etag):
                    return True
                continue
            waited = True
            self.sleep(_POLL_S)

    def renew(self) -> None:
        """Go on holding it; costs a request only in the second half of its time."""
        if self._until - self.clock() > LEASE_S / 2:
            return
        found = self.store.get_tagged(self.path)
        if found is not None and _parsed(found.content).get("holder") == self._holder:
            self._write(found.etag)

    def release(self, span: Span, error: BaseException | None = None) -> None:
        """End it, and tell those who wait what came of it."""
        found = self.store.get_tagged(self.path)
        if found is None or _parsed(found.content).get("holder") != self._holder:
            return
        ended: dict[str, Any] = {"holder": self._holder, "until": 0}
        shared = isinstance(error, ClmError) and error.reason not in _OWN
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


def _covers(record: dict[str, Any], span: Span) -> bool:
    if "asked" not in record:
        return False
    start, stop = map(pd.Timestamp, record["asked"])
    return bool(start <= span.start and span.stop <= stop)


def _repeat(record: dict[str, Any]) -> None:
    if "reason" in record:
        raise ClmError(Reason(record["reason"]), record["message"])


def _parsed(content: bytes) -> dict[str, Any]:
    """Return a lease's record; one that can't be read is held by nobody."""
    try:
        record = json.loads(content)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}
