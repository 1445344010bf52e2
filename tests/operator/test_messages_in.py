"""The real operator takes messages of a real NATS server: each is one run, whatever is killed."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.js.api import RetentionPolicy, StreamConfig

from clm_operator.names import asked_version, token_digest
from tests.operator.rig import Rig
from tests.support.nats_server import NatsServer
from tests.support.operator_process import OperatorProcess
from tests.support.ports import eventually
from tests.support.proxy import Seen, Verdict, let_pass
from tests.support.schedules import schedule

pytestmark = pytest.mark.slow
Raw = dict[str, Any]
PERMISSIONS = """
no_auth_user: operator
authorization {
  users: [
    {user: admin, password: admin}
    {user: operator, password: operator, permissions: {
      publish: [
        "$JS.API.CONSUMER.CREATE.CLM_REQUESTS.>",
        "$JS.API.CONSUMER.INFO.CLM_REQUESTS.>",
        "$JS.API.CONSUMER.MSG.NEXT.CLM_REQUESTS.>",
        "$JS.ACK.CLM_REQUESTS.>",
        "clm.dead-letters"
      ]
      subscribe: ["_INBOX.>"]
    }}
    {user: desk, password: desk, permissions: {
      publish: ["clm.requests.desk"]
      subscribe: ["_INBOX.>"]
    }}
  ]
}
"""
"""As docs/events.md says."""


@dataclass
class Letters:
    """What one sends and reads beside the operator."""

    server: NatsServer

    def url(self, user: str) -> str:
        """Return the server's address for a user."""
        return self.server.url.replace("//", f"//{user}:{user}@")

    def make_streams(self) -> None:
        """Make the streams of docs/events.md."""

        async def make() -> None:
            client = await nats.connect(self.url("admin"))
            for name, subject in (
                ("CLM_REQUESTS", "clm.requests.>"), ("CLM_DEAD_LETTERS", "clm.dead-letters"),
            ):  # fmt: skip
                config = StreamConfig(
                    name=name, subjects=[subject], retention=RetentionPolicy.WORK_QUEUE
                )
                await client.jetstream().add_stream(config)
            await client.close()

        asyncio.run(make())

    def send(self, body: Raw | bytes) -> None:
        """Publish a message, as somebody who may do nothing else."""

        async def publish() -> None:
            client = await nats.connect(self.url("desk"))
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            await client.jetstream().publish("clm.requests.desk", data)
            await client.close()

        asyncio.run(publish())

    def left(self) -> tuple[int, int]:
        """Return how many messages are in the stream, and how many dead letters."""

        async def count() -> tuple[int, int]:
            client = await nats.connect(self.url("admin"))
            names = ("CLM_REQUESTS", "CLM_DEAD_LETTERS")
            asked, dead = [await client.jetstream().stream_info(name) for name in names]
            await client.close()
            return asked.state.messages, dead.state.messages

        return asyncio.run(count())


@pytest.fixture
def letters(tmp_path: Path) -> Iterator[Letters]:
    server = NatsServer.start(tmp_path / "nats", PERMISSIONS)
    yield Letters(server)
    server.stop()


def says(operator: OperatorProcess, line: str) -> bool:
    """Whether the operator's metrics have that line."""
    return line in operator.get("/metrics")[1].splitlines()


LISTENS = 'clm_messages_listening{stream="CLM_REQUESTS"} '


def test_a_message_is_one_run_whatever_is_killed_meanwhile(rig: Rig, letters: Letters) -> None:
    link = {"servers": [letters.server.url], "requests": {"enabled": True}}
    rig.config_overrides["events"] = {"nats": link}
    first = rig.start_operator()
    eventually(lambda: says(first, LISTENS + "0.0"), "it says that the stream is missing")
    assert first.get("/readyz")[0] == 200, "schedules run without NATS"
    letters.make_streams()
    eventually(lambda: says(first, LISTENS + "1.0"), "it listens")
    rig.apply(schedule("asked", rig.namespace, runOnCreate=False))
    rig.wait_status("asked", lambda s: s.get("nextScheduleTime"), "it is known")
    rig.settle()

    killed = _kill_once_it_has_written_a_status(rig)
    message = {
        "schedule": "asked", "namespace": rig.namespace, "reason": "new fees", "token": "friday",
    }  # fmt: skip
    letters.send(message)
    eventually(lambda: first.ended, "the operator is killed between the status and its word")
    assert killed == ["trainingschedules"]
    assert [one["token"] for one in rig.schedule("asked")["status"]["asked"]] == ["friday"]
    assert letters.left() == (1, 0), "it is not acknowledged"
    rig.api.judge = let_pass
    second = rig.start_operator()
    (version,) = rig.wait_ended("asked")
    assert version["metadata"]["name"] == asked_version("asked", "friday")
    assert version["spec"]["trigger"] == {"type": "Message", "reason": "new fees"}
    repeated = 'clm_messages_total{result="repeated"} '
    eventually(lambda: says(second, repeated + "1.0"), "it came again, and was known")
    status = rig.schedule("asked")["status"]
    assert (status.get("asked", []), status["settledTokens"]) == ([], [token_digest("friday")])

    letters.server.stop()
    eventually(lambda: says(second, LISTENS + "0.0"), "it says that NATS is away")
    letters.server.resume()
    eventually(lambda: says(second, LISTENS + "1.0"), "it listens again")
    words = ("-n", rig.namespace, "delete", "mv", version["metadata"]["name"])
    rig.plane.kubectl("--as", f"system:serviceaccount:{rig.namespace}:clm-operator", *words)
    letters.send(message)
    letters.send(b"run!")
    eventually(lambda: says(second, repeated + "2.0"), "its token is remembered without it")
    eventually(lambda: letters.left() == (0, 1), "what is no request is a dead letter")
    rig.settle()
    assert rig.versions() == []


def _kill_once_it_has_written_a_status(rig: Rig) -> list[str]:
    """Lose the answer to the next status of a schedule, and kill the operator then."""
    killed: list[str] = []

    def judge(seen: Seen) -> Verdict:
        if killed:
            return Verdict.REFUSE
        if seen.method == "PATCH" and "/trainingschedules/" in seen.path:
            killed.append("trainingschedules")
            return Verdict.SWALLOW
        return Verdict.PASS

    rig.api.judge, rig.api.after = judge, lambda _: rig.operators[-1].kill()
    return killed
