"""Whatever keeps messages from being heard ends no operator."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from types import SimpleNamespace
from typing import NoReturn, cast

import pytest
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from clm_operator.edge.inbox import Inbox
from clm_operator.edge.taking import Taker
from clm_operator.event_settings import NatsSettings
from clm_operator.request_settings import RequestSettings
from clm_operator.telling.nats_connection import connect
from clm_operator.telling.prometheus import Metrics

INFO = (
    b'INFO {"server_id":"a","version":"2.15.3","proto":1,"headers":true,"max_payload":1048576,'
    b'"auth_required":true,"nonce":"abcdefg"}\r\n'
)
"""What a server says first, and that it wants to know who is there."""
SEED = (
    b"-----BEGIN NATS USER JWT-----\nabc\n------END NATS USER JWT------\n"
    b"-----BEGIN USER NKEY SEED-----\nSUAXXXX\n------END USER NKEY SEED------\n"
)


@asynccontextmanager
async def server() -> AsyncIterator[str]:
    """Serve what a NATS server says to whoever connects."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(INFO)
        await reader.read()
        writer.close()

    served = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with served:
        yield f"nats://127.0.0.1:{served.sockets[0].getsockname()[1]}"


@dataclass(frozen=True)
class Secret:
    name: str
    file: str
    holds: bytes


class Said(Metrics):
    """Knows whether the inbox says that it listens."""

    def __init__(self) -> None:
        super().__init__()
        self.once = asyncio.Event()
        self.now: bool | None = None

    def listens(self, stream: str, *, listens: bool | None) -> None:
        """Remember what is said."""
        super().listens(stream, listens=listens)
        self.now = listens
        self.once.set()


@dataclass
class Delivered:
    """A message that was delivered often already."""

    times: int
    waits: int = 0

    @property
    def message(self) -> Msg:
        """It, as far as an inbox looks at it."""
        place = SimpleNamespace(sequence=SimpleNamespace(stream=7), num_delivered=self.times)
        data = b'{"namespace": "team-a", "schedule": "btc", "reason": "news", "token": "t"}'
        fields = {"metadata": place, "data": data, "subject": "clm.requests.x", "nak": self._wait}
        return cast("Msg", SimpleNamespace(**fields))

    async def _wait(self, _: float) -> None:
        self.waits += 1


class Broken(Taker):
    """Fails at every message."""

    def __init__(self) -> None:
        """Have nothing that it could need."""

    async def take(self, _: object) -> NoReturn:
        raise ZeroDivisionError


async def test_a_message_that_has_waited_long_may_still_fail_twice() -> None:
    message = Delivered(times=50)
    connected = partial(connect, NatsSettings(servers=["nats://127.0.0.1:1"]), "t")
    inbox = Inbox(RequestSettings(), "inbox", connected, Broken(), Metrics())
    for _ in range(2):
        await inbox.handle(cast("JetStreamContext", None), message.message)
    assert message.waits == 2, "it would have been buried otherwise"


SECRETS = [
    Secret("credentials that are none", "user.creds", b"hello"),
    Secret("credentials that are empty", "user.creds", b""),
    Secret("a seed that is none", "user.creds", SEED),
    Secret("a token that is no text", "token", b"\xff\xfe"),
]


@pytest.mark.parametrize("case", SECRETS, ids=attrgetter("name"))
async def test_a_secret_that_is_wrong_is_said_and_tried_again(case: Secret, tmp_path: Path) -> None:
    (tmp_path / case.file).write_bytes(case.holds)
    said = Said()

    async with server() as url:
        link = NatsSettings(servers=[url], credentials_folder=str(tmp_path))
        # nothing is taken: no server lets it in
        inbox = Inbox(
            RequestSettings(), "inbox", partial(connect, link, "t"), cast("Taker", None), said
        )
        task = asyncio.create_task(inbox.run())
        await asyncio.wait(
            {task, asyncio.create_task(said.once.wait())}, timeout=30, return_when="FIRST_COMPLETED"
        )
        assert not task.done(), task.exception()
        assert said.now is False
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
