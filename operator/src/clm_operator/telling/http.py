"""CloudEvents to an HTTP endpoint: one POST each, in binary mode."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
from cloudevents.core.bindings.http import to_binary
from cloudevents.core.formats.json import JSONFormat

from clm_api.happening import Sink
from clm_operator.event_settings import HttpSettings
from clm_operator.telling.cloudevents import Told
from clm_operator.telling.sinks import AwayError, RefusedError
from clm_operator.telling.trust import context, secrets

PATIENCE_S = 10.0
LONGEST_REST_S = 3600.0
_FOR_GOOD = (400, 413, 422)
"""The event itself is not to the endpoint's liking, and never will be. All else may pass: rights
that are missing, an address that is not served yet, a server that is busy or broken."""
_MOST_WORDS = 200


class HttpSink:
    """Posts events, one after the other."""

    name: Sink = "http"

    def __init__(self, settings: HttpSettings, now: Callable[[], datetime]) -> None:
        self._settings, self._now = settings, now
        self._session: aiohttp.ClientSession | None = None

    async def send(self, event: Told) -> None:
        """Post an event.

        Raises
        ------
        AwayError, RefusedError
        """
        message = to_binary(event.whole, JSONFormat())
        try:
            # Read each time: a Secret may change.
            headers = message.headers | secrets(self._settings.headers_folder)
            async with (
                asyncio.timeout(PATIENCE_S),
                self._open().post(
                    self._settings.url, data=event.body, headers=headers, allow_redirects=False
                ) as answer,
            ):
                words = (await answer.content.read(_MOST_WORDS)).decode(errors="replace")
                status, wait = answer.status, answer.headers.get("Retry-After")
        except TimeoutError as error:
            raise AwayError(f"no answer within {PATIENCE_S:g} s") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            await self.close()
            raise AwayError(str(error) or repr(error)) from error
        said = f"{status} {' '.join(words.split())}".strip()
        if status in _FOR_GOOD:
            raise RefusedError(said)
        if not 200 <= status < 300:
            raise AwayError(said, rest_s(wait, self._now()))

    async def close(self) -> None:
        """End its connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            trusted = context(self._settings.ca_file)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=trusted), trust_env=True
            )
        return self._session


def rest_s(said: str | None, now: datetime) -> float | None:
    """Return for how long a ``Retry-After`` asks to wait, which is an hour at most.

    Parameters
    ----------
    said
        Seconds, or a date; None where the answer has none.
    """
    if said is None:
        return None
    if said.strip().isdecimal():
        return min(float(said), LONGEST_REST_S)
    try:
        until = parsedate_to_datetime(said)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), LONGEST_REST_S)
