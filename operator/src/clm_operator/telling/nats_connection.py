"""A connection to NATS, with the credentials of a mounted Secret."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from nats.aio.client import Client
from nats.errors import SecureConnRequiredError

from clm_operator.event_settings import NatsSettings
from clm_operator.telling.trust import context, secrets

_CONNECT_S = 5
_CLOSE_S = 2.0
_CREDENTIALS = "user.creds"


async def connect(settings: NatsSettings, name: str) -> Client:
    """Return a connection that does not reconnect by itself: whoever uses it makes another.

    Parameters
    ----------
    name
        What the server's own pages call it.

    Raises
    ------
    nats.errors.Error, OSError, TimeoutError
        No server answers, the credentials are refused, or a mounted file is missing.
    """
    client = Client()
    folder = settings.credentials_folder
    found = secrets(folder)
    shown = Path(folder) if folder else None
    creds = shown / _CREDENTIALS if shown is not None and _CREDENTIALS in found else None
    secure = any(server.startswith("tls://") for server in settings.servers)

    def secret(file: str) -> Callable[[], str] | None:
        return _guarded(client, found[file], secure=secure) if file in found else None

    try:
        await client.connect(
            list(settings.servers),
            name=name,
            allow_reconnect=False,
            connect_timeout=_CONNECT_S,
            error_cb=_nothing,
            tls=context(settings.ca_file, shown),
            user_credentials=creds,
            token=secret("token"),
            user=secret("user"),
            password=secret("password"),
        )
    except BaseException:
        await disconnect(client)
        raise
    if secure and not _is_secure(client):
        await disconnect(client)
        raise SecureConnRequiredError
    return client


async def disconnect(client: Client) -> None:
    """End a connection; one whose TLS was cut off never says that it has ended."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_CLOSE_S):
            await client.close()


async def _nothing(error: Exception) -> None:
    """What goes wrong is raised as well, and said there."""


def _guarded(client: Client, value: str, *, secure: bool) -> Callable[[], str]:
    """Give a secret once the server is asked for it, and to none that should be secure and isn't.

    The library takes a server without TLS at an address that begins with ``tls://``.
    """

    def give() -> str:
        if secure and not _is_secure(client):
            raise SecureConnRequiredError
        return value

    return give


def _is_secure(client: Client) -> bool:
    return bool(client._server_info.get("tls_required"))  # noqa: SLF001  nothing public says so
