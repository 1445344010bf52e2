"""The steps of a replay: whether to go on, and how long each took."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from clm_api.errors import ClmError
from clm_api.reasons import Reason


class Steps:
    """Logs each step as it begins, and remembers its duration.

    Parameters
    ----------
    should_stop
        True once the process was told to end.
    """

    def __init__(self, should_stop: Callable[[], bool], log: logging.Logger) -> None:
        self._should_stop, self._log = should_stop, log
        self._stage, self._seconds = "", dict[str, float]()

    @contextmanager
    def step(self, stage: str, what: str) -> Iterator[None]:
        """Do something within a named step.

        Raises
        ------
        ClmError
            Interrupted.
        """
        self._stage = stage
        self.check()
        self.say(what)
        begun = time.monotonic()
        yield
        self._seconds[stage] = time.monotonic() - begun

    def check(self) -> None:
        """Go on.

        Raises
        ------
        ClmError
            Interrupted: the process was told to end.
        """
        if self._should_stop():
            text = f"told to stop during {self._stage}; the replay is retried"
            raise ClmError(Reason.INTERRUPTED, text)

    def say(self, text: str) -> None:
        """Log a line of the present step."""
        self._log.info(text, extra={"stage": self._stage})

    def durations(self) -> str:
        """Return what took how long."""
        return "  ".join(f"{stage} {took:.1f} s" for stage, took in self._seconds.items())
