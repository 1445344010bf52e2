"""A connection to NATS."""

import nats
from nats.aio.client import Client

from clm_operator.event_settings import NatsSettings

_CONNECT_S = 10


async def connect(settings: NatsSettings) -> Client:
    """Return a connection that does not come back by itself once it is lost: its owner opens it.

    Raises
    ------
    nats.errors.Error, OSError, TimeoutError
        There is none to be had for now.
    """
    return await nats.connect(
        settings.url,
        allow_reconnect=False,
        connect_timeout=_CONNECT_S,
        error_cb=_told_by_who_waits,
    )


async def _told_by_who_waits(_: Exception) -> None:
    """Stay silent: whoever waits for an answer meets the fault, and says it once."""
