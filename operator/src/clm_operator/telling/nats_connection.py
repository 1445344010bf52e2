"""A connection to NATS."""

import nats
from nats.aio.client import Client

from clm_operator.event_settings import NatsSettings

_CONNECT_S = 10


async def connect(settings: NatsSettings, name: str) -> Client:
    """Return a connection that does not reconnect by itself: whoever uses it makes another.

    Parameters
    ----------
    name
        What the server's own pages call it.

    Raises
    ------
    nats.errors.Error, OSError, TimeoutError
        There is none to be had for now.
    """
    return await nats.connect(
        settings.servers,
        name=name,
        allow_reconnect=False,
        connect_timeout=_CONNECT_S,
        error_cb=_told_by_who_waits,
    )


async def _told_by_who_waits(_: Exception) -> None:
    """Stay silent: whoever waits for an answer meets the fault, and says it once."""
