"""Until when an exchange must not be asked: noted once, obeyed by all runs."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from clm_api import layout
from clm_trainer.sources.refusals import ExchangeBannedError
from clm_trainer.storage import Storage

_ATTEMPTS = 10


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
        until, message = _parsed(self.store.get(layout.bans(self.venue)))
        if until > self.clock():
            raise ExchangeBannedError(pd.Timestamp(until, unit="s", tz="UTC"), message)

    def record(self, error: ExchangeBannedError) -> None:
        """Note a ban; a longer one that is noted already stays."""
        path, until = layout.bans(self.venue), error.until.timestamp()
        record = json.dumps({"until": until, "message": error.message}).encode()
        for _ in range(_ATTEMPTS):
            found = self.store.get_tagged(path)
            if found is not None and _parsed(found.content)[0] >= until:
                return
            if self.store.replace(path, record, None if found is None else found.etag):
                return


def _parsed(content: bytes | None) -> tuple[float, str]:
    """Return until when and why; a note that can't be read bans nobody."""
    try:
        record = json.loads(content or b"{}")
        return float(record.get("until", 0)), str(record.get("message", ""))
    except (ValueError, TypeError, AttributeError):
        return 0.0, ""
