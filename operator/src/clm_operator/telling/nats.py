"""CloudEvents to NATS JetStream: acknowledged once a stream has stored them."""

from cloudevents.core.formats.json import JSONFormat
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError
from nats.js.api import StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError

from clm_api.happening import Sink
from clm_operator.event_settings import NatsSettings
from clm_operator.telling.cloudevents import Told
from clm_operator.telling.nats_connection import connect, disconnect
from clm_operator.telling.sinks import AwayError, RefusedError

SUBJECTS = "clm.events"
PATIENCE_S = 5.0
_TOO_LARGE = 10054
"""JetStream's error for a message that is larger than the stream's largest."""
WINDOW_S = 3600.0
"""So long a stream that CLM makes knows an id again. NATS' own default is two minutes."""
KEPT_S = 30 * 86400.0
"""So long such a stream keeps events."""


class NatsSink:
    """Publishes events, one after the other, and waits for each to be stored."""

    name: Sink = "nats"

    def __init__(self, settings: NatsSettings, stream: str) -> None:
        self._settings, self._stream = settings, stream
        self._client: Client | None = None

    async def send(self, event: Told) -> None:
        """Publish an event as a structured CloudEvent; the stream drops an id that it knows.

        Raises
        ------
        AwayError, RefusedError
        """
        try:
            client = await self._connected()
            await client.jetstream().publish(
                f"{SUBJECTS}.{event.namespace}.{event.schedule}.{event.event}",
                JSONFormat().write(event.whole),
                timeout=PATIENCE_S,
                stream=self._stream,
                headers={
                    "Nats-Msg-Id": event.id,
                    "Content-Type": JSONFormat().get_content_type(),
                },
            )
        except MaxPayloadError as error:
            raise RefusedError(str(error)) from error
        except APIError as error:
            if error.err_code == _TOO_LARGE:
                raise RefusedError(str(error)) from error
            await self.close()
            raise AwayError(str(error)) from error
        except (NatsError, OSError, TimeoutError) as error:
            await self.close()
            raise AwayError(str(error) or repr(error)) from error

    async def close(self) -> None:
        """End the connection."""
        client, self._client = self._client, None
        if client is not None:
            await disconnect(client)

    async def _connected(self) -> Client:
        if self._client is None or not self._client.is_connected:
            await self.close()
            self._client = await connect(self._settings, "clm-operator events")
            await self._find_stream(self._client)
        return self._client

    async def _find_stream(self, client: Client) -> None:
        """Look for the stream, or make it where the settings say so."""
        stream, name = client.jetstream(), self._stream
        try:
            await stream.stream_info(name)
        except NotFoundError as error:
            if not self._settings.create_stream:
                text = f"no stream {name}: make one of {SUBJECTS}.>, or set createStream"
                raise AwayError(text) from error
            wanted = StreamConfig(
                name=name,
                subjects=[f"{SUBJECTS}.>"],
                storage=StorageType.FILE,
                max_age=KEPT_S,
                duplicate_window=WINDOW_S,
            )
            await stream.add_stream(wanted)
