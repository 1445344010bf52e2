"""Whether the store can be used, looked at while the operator runs, and told to every schedule.

Wrong keys, a missing bucket or a store without conditional writes stop no operator: schedules say
why, and go on once it is right.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from obstore.store import ObjectStore

from clm_api.errors import ClmError
from clm_api.reasons import Reason
from clm_operator.clock import Clock
from clm_operator.findings import StoreSeen
from clm_operator.jobs.credentials import Credentials
from clm_operator.mirror.objects import Key
from clm_operator.settings import StoreSettings
from clm_operator.store.bucket import ensure_bucket, reach
from clm_operator.store.own_keys import own_keys
from clm_operator.store.proof import prove_writes
from clm_operator.view import View
from clm_operator.words import same_words

_LOG = logging.getLogger(__name__)
_OF_STORE = (Reason.STORAGE_DENIED, Reason.STORAGE_UNAVAILABLE)
_START_PATIENCE_S = 60.0
_AGAIN_S = 5.0
_LOOK_S = 60.0
_DOUBT_S = 10.0
"""A store that comes and goes is looked at no more often, whoever doubts it."""


@dataclass
class Standing:
    """What is known of the store."""

    settings: StoreSettings
    store: ObjectStore
    clock: Clock
    seen: StoreSeen | None = None
    _told: set[Key] = field(default_factory=set)
    _keys: Credentials = field(default_factory=own_keys)
    _rotated: str = ""
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _doubted: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, view: View) -> StoreSeen | None:
        """Return what is known; None before the first look. The schedule hears of changes."""
        if view.schedule is None:
            self._told.discard(view.key)
        else:
            self._told.add(view.key)
        if any(why.reason in _OF_STORE for why in view.withheld.values()):
            self.doubt()
        return self.seen

    def doubt(self) -> None:
        """Have the store looked at soon: somebody has just met it away, or was refused."""
        self._doubted.set()

    async def looked(self) -> None:
        """Wait until the first look is over."""
        await self._over.wait()

    async def run(self, wake: Callable[[Key], None]) -> None:
        """Look again and again until cancelled; wait a little for a store that is just starting.

        Parameters
        ----------
        wake
            Has a schedule looked at, because what is known has changed.
        """
        patience_s = _START_PATIENCE_S
        while True:
            self._doubted.clear()
            if await self.look(patience_s):
                for key in list(self._told):
                    wake(key)
            self._over.set()
            patience_s = 0.0
            await self.pause()

    async def pause(self) -> None:
        """Wait until the next look is due."""
        if self.seen is None or not self.seen.ready:
            await asyncio.sleep(_AGAIN_S)
            return
        await asyncio.sleep(_DOUBT_S)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._doubted.wait(), _LOOK_S - _DOUBT_S)

    async def look(self, patience_s: float = 0.0) -> bool:
        """Look at the store; return whether anything is other than it was."""
        try:
            found = await asyncio.to_thread(self._judged, patience_s)
        except Exception:  # noqa: BLE001 - the next look may do better, and schedules wait for this one
            _LOG.exception("the store could not be looked at")
            return False
        if self.seen is not None and not found.ready and found.reason == self.seen.reason:
            found = replace(found, message=same_words(self.seen.message, found.message))
        if found == self.seen:
            return False
        self.seen = found
        _LOG.log(
            logging.INFO if found.ready else logging.ERROR,
            "%s", found.message, extra={"reason": found.reason},
        )  # fmt: skip
        return True

    def _judged(self, patience_s: float) -> StoreSeen:
        """Prove everything where something is new; see whether it answers where nothing is."""
        fresh = (keys := own_keys()) != self._keys
        try:
            if fresh or self.seen is None or not self.seen.ready:
                if self.settings.create_bucket:
                    ensure_bucket(self.settings, patience_s)
                prove_writes(self.store, self.settings.url)
            else:
                reach(self.store)
        except ClmError as error:
            return StoreSeen(ready=False, reason=error.reason, message=error.message)
        if fresh:
            self._keys = keys
            self._rotated = f"; other keys since {self.clock.now():%Y-%m-%d %H:%M} UTC"
        text = f"{self.settings.url}: create-only and compare-and-swap writes hold{self._rotated}"
        return StoreSeen(ready=True, reason=Reason.STORE_READY, message=text)
