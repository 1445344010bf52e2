"""The sinks against a real HTTP server and a real NATS server, which fail in many ways."""

import json
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import nats
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from nats.js.api import StreamConfig

from clm_api.events import RunStarted
from clm_operator.event_settings import HttpSettings, NatsSettings
from clm_operator.telling import http as http_sink
from clm_operator.telling.cloudevents import Told, told
from clm_operator.telling.happenings import happening
from clm_operator.telling.http import HttpSink, rest_s
from clm_operator.telling.nats import NatsSink
from clm_operator.telling.sinks import AwayError, RefusedError
from local_cluster.pki import Authority
from tests.operator.units import builders as b
from tests.support.event_receiver import Answer, EventReceiver
from tests.support.fixed_answer import FixedAnswer
from tests.support.nats_server import NatsServer
from tests.support.ports import free_port

Raw = dict[str, Any]


def event(name: str = "started", message: str = "the pod is working") -> Told:
    """Build an event; its words are as people write them."""
    raw = b.version("btc-1").raw | {"kind": "ModelVersion"}
    one = happening("Normal", name, RunStarted(reason="Said", message=message))
    return told(raw, one.having(at=b.NOW), "here")


@pytest.fixture
def receiver() -> Iterator[EventReceiver]:
    """An endpoint."""
    with EventReceiver() as found:
        yield found


@asynccontextmanager
async def http(url: str, **more: str | None) -> AsyncIterator[HttpSink]:
    """Open a sink."""
    sink = HttpSink(HttpSettings(url=url, **more), lambda: b.NOW)
    try:
        yield sink
    finally:
        await sink.close()


async def test_an_event_arrives_as_a_cloudevent_in_binary_mode(
    receiver: EventReceiver, tmp_path: Path
) -> None:
    (tmp_path / "Authorization").write_text("Bearer s3cret\n")
    (tmp_path / "..data").mkdir()
    async with http(receiver.url, headers_folder=str(tmp_path)) as sink:
        await sink.send(event(message="1 % of ≥ 3 · «ok»"))
        (tmp_path / "Authorization").write_text("Bearer renewed")
        await sink.send(event("other"))
    first, second = receiver.asked
    assert (first["authorization"], second["authorization"]) == ("Bearer s3cret", "Bearer renewed")
    assert first["content-type"] == "application/json"
    assert receiver.took[0].get_attributes() == event().whole.get_attributes()
    assert receiver.took[0].get_data() == {"reason": "Said", "message": "1 % of ≥ 3 · «ok»"}


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_an_answer_that_says_never_is_taken_at_its_word(
    receiver: EventReceiver, status: int
) -> None:
    receiver.answers = [Answer(status)]
    async with http(receiver.url) as sink:
        with pytest.raises(RefusedError, match=str(status)):
            await sink.send(event())


@pytest.mark.parametrize("status", [301, 401, 403, 404, 408, 410, 415, 429, 500, 502, 503])
async def test_an_answer_that_may_pass_is_waited_for(receiver: EventReceiver, status: int) -> None:
    receiver.answers = [Answer(status, {"Retry-After": "7", "Location": receiver.url})]
    async with http(receiver.url) as sink:
        with pytest.raises(AwayError, match=str(status)) as found:
            await sink.send(event())
        assert found.value.retry_after_s == 7
        assert receiver.took == []
        await sink.send(event())
    assert len(receiver.took) == 1


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, None),
        ("30", 30),
        (" 30 ", 30),
        ("86400", 3600),
        (format_datetime(b.NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(b.NOW - timedelta(seconds=90), usegmt=True), 0),
        (format_datetime(datetime(9999, 1, 1, tzinfo=UTC), usegmt=True), 3600),
        ("Mon, 05 Jan 2026 12:00:10 -0000", 10),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_an_hour_at_most(
    said: str | None, seconds: float | None
) -> None:
    assert rest_s(said, b.NOW) == seconds


async def test_a_server_that_hangs_or_resets_or_is_not_there_is_away(
    receiver: EventReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_sink, "PATIENCE_S", 0.2)
    receiver.answers = [Answer(after_s=0.5), Answer(resets=True)]
    async with http(receiver.url) as sink:
        with pytest.raises(AwayError, match=r"no answer within 0\.2 s"):
            await sink.send(event())
        with pytest.raises(AwayError):
            await sink.send(event())
        await sink.send(event())
    async with http(f"http://127.0.0.1:{free_port()}/") as sink:
        with pytest.raises(AwayError):
            await sink.send(event())
    async with http(receiver.url, headers_folder="/nowhere") as sink:
        with pytest.raises(AwayError, match="nowhere"):
            await sink.send(event())


async def test_a_certificate_of_ones_own_authority_is_trusted_only_where_it_is_named(
    tmp_path: Path,
) -> None:
    authority = Authority(tmp_path / "pki")
    authority.create()
    authority.certificate("sink", "/CN=sink", "serverAuth", ("IP:127.0.0.1",))
    shown = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shown.load_cert_chain(tmp_path / "pki" / "sink.crt", tmp_path / "pki" / "sink.key")
    server = FixedAnswer(202, b"", shown)
    try:
        async with http(server.url, ca_file=str(tmp_path / "pki" / "ca.crt")) as sink:
            await sink.send(event())
        async with http(server.url) as sink:
            with pytest.raises(AwayError, match="certificate"):
                await sink.send(event())
    finally:
        server.stop()


@asynccontextmanager
async def to_nats(server: NatsServer, **more: Any) -> AsyncIterator[NatsSink]:
    """Open a sink."""
    values: Raw = {"servers": [server.url]} | more
    sink = NatsSink(NatsSettings.model_validate(values), "EVENTS")
    try:
        yield sink
    finally:
        await sink.close()


async def stored(server: NatsServer, **options: Any) -> list[tuple[str, str, Raw]]:
    """Read subject, id and event of all messages of the stream."""
    client = await nats.connect(server.url, **options)
    try:
        stream = client.jetstream()
        count = (await stream.stream_info("EVENTS")).state.messages
        found = [await stream.get_msg("EVENTS", seq) for seq in range(1, count + 1)]
    finally:
        await client.close()
    return [
        (str(m.subject), str((m.headers or {})["Nats-Msg-Id"]), json.loads(m.data or b""))
        for m in found
    ]


async def test_events_are_stored_once_each_in_order_through_a_restart_of_nats(
    tmp_path: Path,
) -> None:
    server = NatsServer.start(tmp_path / "n")
    try:
        async with to_nats(server) as sink:
            with pytest.raises(AwayError, match="no stream EVENTS"):
                await sink.send(event("a"))
        async with to_nats(server, createStream=True) as sink:
            await sink.send(event("a"))
            await sink.send(event("b"))
            server.stop()
            with pytest.raises(AwayError):
                await sink.send(event("c"))
            server.resume()
            for name in ("b", "c"):  # as after a crash
                await sink.send(event(name))
        found = await stored(server)
        client = await nats.connect(server.url)
        config = (await client.jetstream().stream_info("EVENTS")).config
        await client.jetstream().delete_stream("EVENTS")
        async with to_nats(server) as sink:
            with pytest.raises(AwayError):
                await sink.send(event("d"))
            await client.jetstream().add_stream(
                StreamConfig("EVENTS", subjects=["clm.events.>"], max_msg_size=100)
            )
            with pytest.raises(RefusedError):
                await sink.send(event("e"))
        await client.close()
    finally:
        server.stop()
    assert [identity for _, identity, _ in found] == [f"uid-btc-1/{n}" for n in "abc"]
    assert {subject for subject, _, _ in found} == {"clm.events.ns.btc.run.started"}
    read = JSONFormat().read(CloudEvent, json.dumps(found[0][2]))
    assert read.get_attributes() == event("a").whole.get_attributes()
    assert read.get_data() == event("a").whole.get_data()
    assert (config.duplicate_window, config.max_age) == (3600, 30 * 86400)


CONFIG = """
tls {{ cert_file: "{pki}/nats.crt", key_file: "{pki}/nats.key" }}
authorization {{ user: clm, password: right }}
"""


async def test_credentials_and_certificates_are_those_of_the_mounted_files(tmp_path: Path) -> None:
    pki, secret = tmp_path / "pki", tmp_path / "secret"
    authority = Authority(pki)
    authority.create()
    authority.certificate("nats", "/CN=nats", "serverAuth", ("IP:127.0.0.1",))
    secret.mkdir()
    (secret / "user").write_text("clm")
    (secret / "password").write_text("wrong\n")
    server = NatsServer.start(tmp_path / "n", CONFIG.format(pki=pki))
    more = {
        "servers": [server.url.replace("nats://", "tls://")], "createStream": True,
        "caFile": str(pki / "ca.crt"), "credentialsFolder": str(secret),
    }  # fmt: skip
    try:
        async with to_nats(server, **more) as sink:
            with pytest.raises(AwayError, match="Authorization"):
                await sink.send(event())
            (secret / "password").write_text("right\n")
            await sink.send(event())
        async with to_nats(server, **(more | {"caFile": None})) as sink:
            with pytest.raises(AwayError, match="certificate"):
                await sink.send(event())
    finally:
        server.stop()


async def test_a_secret_is_given_to_no_server_without_tls_where_tls_is_asked_for(
    tmp_path: Path,
) -> None:
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "token").write_text("t0ken")
    server = NatsServer.start(tmp_path / "n", "authorization { token: t0ken }")
    more = {"createStream": True, "credentialsFolder": str(secret)}
    try:
        address = server.url.replace("nats://", "tls://")
        async with to_nats(server, servers=[address], **more) as sink:
            with pytest.raises(AwayError, match="secure connection required"):
                await sink.send(event())
        async with to_nats(server, **more) as sink:
            await sink.send(event())
        assert len(await stored(server, token="t0ken")) == 1
    finally:
        server.stop()
