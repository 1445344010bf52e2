"""Messages that ask for runs: a durable consumer of NATS JetStream, at work where the Lease is.

A message is acknowledged once its schedule's status says what it asks for, or once the dead letters
have it. One that can't be taken yet comes again, and others are taken meanwhile. NATS may be away
and the stream missing: that is said, and tried again.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig
from nats.js.errors import APIError, FetchTimeoutError, NoStreamResponseError

from clm_operator.cluster.api import NotLeadingError
from clm_operator.edge.requests import (
    MOST_DELIVERIES,
    Dead,
    Refusal,
    Wait,
    mismatch,
    request_of,
    wait_s,
)
from clm_operator.edge.taking import Taken, Taker
from clm_operator.request_settings import RequestSettings
from clm_operator.telling.nats_connection import disconnect
from clm_operator.telling.prometheus import Metrics

_LOG = logging.getLogger(__name__)
_FETCH_S = 5.0
_ACK_WAIT_S = 10.0
"""So long a message is left to a process that may have been killed."""
_MOST_PENDING = 10_000
"""Messages that may wait unacknowledged: one schedule's keep no other's back."""
_MOST_LETTER_BYTES = 65536
_HEADER_CHARS = 1024
_LAST_BACKOFF_S = 30.0

Connect = Callable[[], Awaitable[Client]]


class Inbox:
    """Takes messages while it runs.

    Parameters
    ----------
    durable
        Name of the consumer, one for each release: what it has acknowledged never comes again.
    connect
        Returns a connection of its own, which does not reconnect by itself.
    """

    def __init__(
        self,
        settings: RequestSettings,
        durable: str,
        connect: Connect,
        taker: Taker,
        metrics: Metrics,
    ) -> None:
        self._settings, self._durable = settings, durable
        self._connect, self._taker, self._metrics = connect, taker, metrics
        self._fault = ""

    async def run(self) -> None:
        """Take messages until cancelled."""
        backoff_s = 1.0
        try:
            while True:
                try:
                    await self._listen()
                except Exception as error:  # noqa: BLE001  a Secret that is wrong ends no operator
                    backoff_s = 1.0 if self._listens else min(backoff_s * 2, _LAST_BACKOFF_S)
                    plain = isinstance(error, NatsError | OSError | TimeoutError) and str(error)
                    self._say(plain or repr(error))
                await asyncio.sleep(backoff_s)
        finally:
            self._metrics.listens(self._settings.stream, listens=None)

    @property
    def _listens(self) -> bool:
        return not self._fault

    def _say(self, fault: str) -> None:
        """Say in log and metric whether messages can be taken, the log once for each fault."""
        stream = self._settings.stream
        if fault and fault != self._fault:
            _LOG.warning("no message of stream %s can be taken: %s", stream, fault)
        elif self._fault and not fault:
            _LOG.info("messages of stream %s are taken again", stream)
        self._fault = fault
        self._metrics.listens(stream, listens=not fault)

    async def _listen(self) -> None:
        client = await self._connect()
        try:
            stream = client.jetstream()
            await stream.add_consumer(
                self._settings.stream,
                ConsumerConfig(
                    name=self._durable,
                    durable_name=self._durable,
                    filter_subject=self._settings.subject,
                    ack_wait=_ACK_WAIT_S,
                    max_ack_pending=_MOST_PENDING,
                    max_deliver=-1,
                ),
            )
            source = await stream.pull_subscribe_bind(self._durable, self._settings.stream)
            self._say("")
            while True:
                await self._next(stream, source)
        finally:
            await disconnect(client)

    async def _next(
        self, stream: JetStreamContext, source: JetStreamContext.PullSubscription
    ) -> None:
        try:
            (message,) = await source.fetch(1, _FETCH_S)
        except (NatsTimeoutError, FetchTimeoutError):
            await source.consumer_info()  # a stream that was deleted tells no one
            return
        await self.handle(stream, message)

    async def handle(self, stream: JetStreamContext, message: Msg) -> None:
        """Take one message, or leave it for later, or lay it to the dead letters."""
        deliveries = message.metadata.num_delivered
        try:
            outcome = await self._outcome(message)
        except NotLeadingError as error:
            outcome = Wait(str(error))
        except Exception as error:  # noqa: BLE001  one message's trouble never reaches the others
            _LOG.exception("a message on %s failed", message.subject, exc_info=error)
            outcome = _failed(deliveries, repr(error))
        done = await self._bury(stream, message, outcome) if isinstance(outcome, Dead) else outcome
        if isinstance(done, Wait):
            seconds = wait_s(deliveries)
            await message.nak(seconds)
            _LOG.info("a message on %s waits %.0f s: %s", message.subject, seconds, done.message)
            self._metrics.message("waiting")
        else:
            await message.ack_sync()
            self._metrics.message(done)

    async def _outcome(self, message: Msg) -> Taken | Wait | Dead:
        request = request_of(message.data)
        if isinstance(request, Dead):
            return request
        wrong = mismatch(request, message.subject, self._settings.subject)
        return wrong or await self._taker.take(request)

    async def _bury(self, stream: JetStreamContext, message: Msg, dead: Dead) -> Taken | Wait:
        """Publish a message to the dead letters, with the reason; the same one twice is one."""
        meta = message.metadata
        place = f"{meta.stream}-{meta.sequence.stream}"
        headers = {
            "Nats-Msg-Id": f"clm-dead-{place}-{meta.timestamp.timestamp():.6f}",
            "Clm-Reason": str(dead.reason),
            "Clm-Message": " ".join(dead.message.split())[:_HEADER_CHARS],
            "Clm-Subject": message.subject,
            "Clm-Sequence": place,
        }
        body = message.data[:_MOST_LETTER_BYTES]
        subject = self._settings.dead_letter
        try:
            await stream.publish(subject, body, headers=headers)
        except (NoStreamResponseError, APIError) as error:
            return Wait(f"no stream takes dead letters on {subject}: {error}")
        _LOG.warning(
            "a message on %s is no request: %s: %s", message.subject, dead.reason, dead.message
        )
        return Taken.BURIED


def _failed(deliveries: int, error: str) -> Wait | Dead:
    if deliveries < MOST_DELIVERIES:
        return Wait(error)
    return Dead(Refusal.NOT_TAKEN, f"delivered {deliveries} times, and it fails: {error}")
