"""What CLM relies on in NATS JetStream, asked of a real server."""

from pathlib import Path

import nats

from tests.support.nats_server import NatsServer

_ID = "Nats-Msg-Id"


async def test_an_id_is_one_message_of_a_stream_whatever_its_subject_and_after_a_restart_too(
    tmp_path: Path,
) -> None:
    server = NatsServer.start(tmp_path / "n")
    try:
        client = await nats.connect(server.url)
        stream = client.jetstream()
        await stream.add_stream(name="a", subjects=["a.>"])
        acks = [await stream.publish(name, b"", headers={_ID: "1"}) for name in ("a.b", "a.c")]
        await client.close()
        server.stop()
        server.resume()
        client = await nats.connect(server.url)
        acks += [await client.jetstream().publish("a.d", b"", headers={_ID: "1"})]
        await client.close()
    finally:
        server.stop()
    assert [(ack.seq, bool(ack.duplicate)) for ack in acks] == [(1, False), (1, True), (1, True)]
