"""What a sink is: it takes a CloudEvent, or says why not. One file for each."""

from typing import Protocol

from clm_api.happening import Sink
from clm_operator.telling.cloudevents import Told


class AwayError(Exception):
    """A sink does not take an event for now; it is told again.

    Parameters
    ----------
    retry_after_s
        For how long it wants to be left alone, if it said so.
    """

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RefusedError(Exception):
    """A sink will never take this event; the next one may be another matter."""


class EventSink(Protocol):
    """Where CloudEvents go."""

    name: Sink

    async def send(self, event: Told) -> None:
        """Return once the sink has the event; twice the same id is one event to it.

        Raises
        ------
        AwayError, RefusedError
        """

    async def close(self) -> None:
        """End its connections; another event makes new ones."""
