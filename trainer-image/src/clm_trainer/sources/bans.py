"""Until when an exchange must not be asked: noted once, obeyed by all runs."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from clm_api import layout
from clm_trainer.sources import records
from clm_trainer.sources.refusals import ExchangeBannedError
from clm_trainer.storage import Storage

_ATTEMPTS = 10
LONGEST_S = 24 * 3600.0
"""A longer ban is noted for a day: whoever asks then hears it again, if it still lasts."""
_CLOCKS_S = 600.0
"""By how much the clocks of two runs may differ."""


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
        until, message = self._parsed(self.store.get(layout.bans(self.venue), records.MOST_BYTES))
        if until > self.clock():
            raise ExchangeBannedError(pd.Timestamp(until, unit="s", tz="UTC"), message)

    def record(self, error: ExchangeBannedError) -> None:
        """Note a ban; a longer one that is noted already stays."""
        path = layout.bans(self.venue)
        until = min(error.until.timestamp(), self.clock() + LONGEST_S)
        record = json.dumps({"until": until, "message": error.message}).encode()
        for _ in range(_ATTEMPTS):
            found = self.store.get_tagged(path, records.MOST_BYTES)
            if found is not None and self._parsed(found.content)[0] >= until:
                return
            if self.store.replace(path, record, None if found is None else found.etag):
                return

    def _parsed(self, content: bytes | None) -> tuple[float, str]:
        """Return until when and why; a note that can't be true bans nobody."""
        if content is None:
            return 0.0, ""
        path = layout.bans(self.venue)
        return records.checked(path, "ban", content, self._checked) or (0.0, "")

    def _checked(self, raw: Any) -> tuple[float, str]:
        until, message = raw["until"], records.words(raw["message"])
        if isinstance(until, bool) or not isinstance(until, int | float):
            raise TypeError("its end is no number")
        if not math.isfinite(until) or until > self.clock() + LONGEST_S + _CLOCKS_S:
            raise ValueError(f"it ends at {until}, more than a day from now")
        return float(until), message
