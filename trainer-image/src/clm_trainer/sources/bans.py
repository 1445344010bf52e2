"""Until when an exchange must not be asked: noted once, obeyed by all runs."""

import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from clm_api import layout
from clm_trainer.sources.ledger import UNTRUE
from clm_trainer.sources.refusals import ExchangeBannedError
from clm_trainer.storage import Storage

_LOG = logging.getLogger(__name__)
_ATTEMPTS = 10
LONGEST_S = 24 * 3600.0
"""A longer ban is noted for a day: whoever asks then hears it again, if it still lasts."""
_CLOCKS_S = 600.0
"""By how much the clocks of two runs may differ."""
_LONGEST_MESSAGE = 2000


@dataclass(frozen=True)
class Bans:
    """The bans of one exchange.

    Parameters
    ----------
    clock
        Seconds since the epoch.
    """

    store: Storage
    venue: str
    clock: Callable[[], float] = time.time

    def obey(self) -> None:
        """Refuse to go on while a ban lasts.

        Raises
        ------
        ExchangeBannedError
            With what the run said that met the ban.
        """
        until, message = self._parsed(self.store.get(layout.bans(self.venue)))
        if until > self.clock():
            raise ExchangeBannedError(pd.Timestamp(until, unit="s", tz="UTC"), message)

    def record(self, error: ExchangeBannedError) -> None:
        """Note a ban; a longer one that is noted already stays."""
        path = layout.bans(self.venue)
        until = min(error.until.timestamp(), self.clock() + LONGEST_S)
        record = json.dumps({"until": until, "message": error.message}).encode()
        for _ in range(_ATTEMPTS):
            found = self.store.get_tagged(path)
            if found is not None and self._parsed(found.content)[0] >= until:
                return
            if self.store.replace(path, record, None if found is None else found.etag):
                return

    def _parsed(self, content: bytes | None) -> tuple[float, str]:
        """Return until when and why; a note that can't be true bans nobody."""
        if content is None:
            return 0.0, ""
        try:
            return self._checked(json.loads(content))
        except UNTRUE as error:
            path = layout.bans(self.venue)
            _LOG.warning("%s is no ban, and counts as absent: %s", path, error)
            return 0.0, ""

    def _checked(self, raw: object) -> tuple[float, str]:
        if not isinstance(raw, dict):
            raise TypeError("it is no object")
        until, message = raw["until"], raw["message"]
        if isinstance(until, bool) or not isinstance(until, int | float):
            raise TypeError("its end is no number")
        if not isinstance(message, str):
            raise TypeError("its message is no text")
        if not math.isfinite(until) or until > self.clock() + LONGEST_S + _CLOCKS_S:
            raise ValueError(f"it ends at {until}, more than a day from now")
        return float(until), message[:_LONGEST_MESSAGE]
