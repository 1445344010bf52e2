"""How far the run is, told to the store for ``status.progress`` and the PROGRESS column."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from clm_api.report import Progress

LEAST_DISTANCE = timedelta(seconds=5)
STAGES: dict[str, tuple[int, int]] = {
    "fetch": (0, 15),
    "features": (15, 30),
    "train": (30, 80),
    "backtest": (80, 90),
    "report": (90, 100),
}
"""Share of the whole run at which each stage begins and ends, in per cent."""
_LEAST_SHARE_FOR_ETA = 5


class Writable(Protocol):
    """What progress needs of a store."""

    def put(self, path: str, content: bytes) -> None:
        """Write an object."""


class ProgressReporter:
    """Writes ``progress.json``, at most every five seconds and at each new stage.

    A write that fails never fails the run: it is logged and the next one is tried.

    Parameters
    ----------
    path
        The object to overwrite.
    clock
        Returns the present UTC time.
    """

    def __init__(
        self, store: Writable, path: str, *, clock: Callable[[], datetime], log: logging.Logger
    ) -> None:
        self._store, self._path, self._clock, self._log = store, path, clock, log
        self._started = clock()
        self._written: datetime | None = None
        self._stage = ""

    def __call__(self, stage: str, fraction: float, message: str = "") -> None:
        """Say how far a stage is.

        Parameters
        ----------
        stage
            A key of ``STAGES``.
        fraction
            Share of the stage that is done, from 0 to 1.
        """
        now = self._clock()
        recent = self._written is not None and now - self._written < LEAST_DISTANCE
        if stage == self._stage and recent:
            return
        self._stage, self._written = stage, now
        start, end = STAGES[stage]
        percent = int(start + (end - start) * min(max(fraction, 0.0), 1.0))
        progress = Progress(
            stage=stage,
            percent=percent,
            eta_seconds=self._eta(percent, now),
            message=message,
            last_updated_time=now,
        )
        content = progress.model_dump_json(by_alias=True, exclude_none=True).encode()
        try:
            self._store.put(self._path, content)
        except Exception as error:  # noqa: BLE001 - progress is news, not result
            self._log.warning("progress was not written: %s", error, extra={"stage": stage})

    def _eta(self, percent: int, now: datetime) -> int | None:
        if percent < _LEAST_SHARE_FOR_ETA:
            return None
        elapsed = (now - self._started).total_seconds()
        return int(elapsed * (100 - percent) / percent)
