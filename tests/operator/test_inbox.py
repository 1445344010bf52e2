"""Messages of a real NATS server become what real schedules are asked for, or dead letters."""

import asyncio
import contextlib
import itertools
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats.js import JetStreamContext

from clm_api.schedule_status import MOST_ASKED
from clm_operator.clock import SystemClock
from clm_operator.cluster.api import Api, WriteBudget, connect
from clm_operator.cluster.resources import Cluster
from clm_operator.edge.inbox import Inbox
from clm_operator.edge.namespaces import Namespaces
from clm_operator.edge.taking import Taker
from clm_operator.mirror.objects import Key
from clm_operator.mirror.world import Mirror
from clm_operator.names import token_digest
from clm_operator.request_settings import RequestSettings
from clm_operator.telling.prometheus import Metrics
from tests.operator.units import builders as b
from tests.support.control_plane import ControlPlane
from tests.support.nats_server import NatsServer
from tests.support.schedules import schedule

Raw = dict[str, Any]
NAMESPACE = "inbox"
_NUMBERS = itertools.count(1)


class Hurried(Cluster):
    """Somebody changes the schedule right before the first writes."""

    before: Callable[[], object] | None = None
    times = 0

    async def patch_status(self, raw: Raw, patch: Raw) -> Raw:
        if self.times > 0 and self.before is not None:
            self.times -= 1
            await asyncio.to_thread(self.before)
        return await super().patch_status(raw, patch)


@dataclass
class Post:
    """A stream, its dead letters, and an inbox that takes its messages."""

    client: Client
    plane: ControlPlane
    cluster: Hurried
    inbox: Inbox
    settings: RequestSettings
    metrics: Metrics
    woken: list[Key] = field(default_factory=list)
    leads: bool = True

    @property
    def stream(self) -> JetStreamContext:
        """JetStream."""
        return self.client.jetstream()

    async def send(self, body: bytes | Raw, where: str = "run") -> None:
        """Publish a message."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        await self.stream.publish(self.settings.subject.replace("*.>", ">")[:-1] + where, data)

    def result(self, name: str) -> float:
        """Return how many messages had that result."""
        found = self.metrics.registry.get_sample_value("clm_messages_total", {"result": name})
        assert found is not None
        return float(found)

    async def until(self, holds: Callable[[], Awaitable[bool]], what: str) -> None:
        """Take messages until something holds."""
        task = asyncio.create_task(self.inbox.run())
        try:
            async with asyncio.timeout(60):
                while not await holds():
                    assert not task.done(), task.exception()
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pytest.fail(f"not within 60 s: {what}")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def take(self, **results: int) -> None:
        """Take messages until so many of each result are counted."""

        async def counted() -> bool:
            return all(self.result(name) >= count for name, count in results.items())

        await self.until(counted, str(results))

    async def unacknowledged(self) -> int:
        """Return how many messages the consumer has not done with."""
        info = await self.stream.consumer_info(self.settings.stream, "inbox")
        assert info.num_ack_pending is not None
        assert info.num_pending is not None
        return int(info.num_ack_pending + info.num_pending)

    async def letters(self) -> list[tuple[str, str, bytes]]:
        """Return reason, words and body of all dead letters."""
        found = []
        source = await self.stream.pull_subscribe(self.settings.dead_letter)
        with contextlib.suppress(nats.errors.TimeoutError):
            while True:
                (letter,) = await source.fetch(1, 0.3)
                assert letter.headers is not None
                words = letter.headers["Clm-Reason"], letter.headers["Clm-Message"]
                found.append((*words, letter.data))
        return found

    def status(self, name: str = "asked") -> Raw:
        """Return a schedule's status."""
        found = self.plane.get(NAMESPACE, "tsched", name)
        assert found is not None
        return dict(found.get("status", {}))

    def write(self, name: str = "asked", **status: Any) -> None:
        """Write a schedule's status."""
        path = f"/apis/clm.dev/v1alpha1/namespaces/{NAMESPACE}/trainingschedules/{name}/status"
        self.plane.request("PATCH", path, {"status": status}, "application/merge-patch+json")

    def tokens(self) -> list[str]:
        """Return the tokens that the schedule's status has."""
        return [one["token"] for one in self.status().get("asked", [])]


@contextlib.asynccontextmanager
async def opened(plane: ControlPlane, server: NatsServer, bound: str = "") -> AsyncIterator[Post]:
    number = next(_NUMBERS)
    settings = RequestSettings(
        enabled=True, stream=f"R{number}", subject=f"r{number}.{bound}>", dead_letter=f"d{number}"
    )
    client, made = await nats.connect(server.url), await connect()
    stream = client.jetstream()
    await stream.add_stream(name=settings.stream, subjects=[f"r{number}.>"])
    await stream.add_stream(name=f"D{number}", subjects=[settings.dead_letter])
    metrics, woken = Metrics(), list[Key]()
    post: Post | None = None
    budget = WriteBudget(50, time.monotonic, lambda: post is None or post.leads)
    api = Api(made, budget, lambda *_: None)
    cluster = Hurried(api, Mirror())
    namespaces = Namespaces(
        b.settings(watchNamespaces=[NAMESPACE]), cluster, metrics, lambda _: None
    )
    taker = Taker(cluster, namespaces, SystemClock(), woken.append)

    async def link() -> Client:
        return await nats.connect(server.url, allow_reconnect=False)

    inbox = Inbox(settings, "inbox", link, taker, metrics)
    post = Post(client, plane, cluster, inbox, settings, metrics, woken)
    try:
        yield post
    finally:
        await client.close()
        await api.close()


@pytest.fixture
def plane_with_a_schedule(defined: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> ControlPlane:
    defined.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    defined.kubectl("-n", NAMESPACE, "delete", "tsched", "--all")
    defined.apply(schedule("asked", NAMESPACE, runOnCreate=False))
    monkeypatch.setitem(os.environ, "KUBECONFIG", str(defined.kubeconfig))
    return defined


@pytest.fixture
async def post(plane_with_a_schedule: ControlPlane, nats: NatsServer) -> AsyncIterator[Post]:
    async with opened(plane_with_a_schedule, nats) as post:
        yield post


def request(token: str = "1", **more: Any) -> Raw:
    return {
        "schedule": "asked", "namespace": NAMESPACE, "reason": "fresh data", "token": token,
    } | more  # fmt: skip


async def test_what_messages_ask_for_is_stored_in_their_order_and_then_acknowledged(
    post: Post,
) -> None:
    for token in ("b", "a", "c"):
        await post.send(request(token))
    await post.take(asked=3)
    assert post.tokens() == ["b", "a", "c"]
    assert [one["reason"] for one in post.status()["asked"]] == ["fresh data"] * 3
    assert (await post.unacknowledged(), await post.letters()) == (0, [])
    assert post.woken == [Key(NAMESPACE, "asked")] * 3


async def test_a_token_that_is_known_asks_for_no_second_run(post: Post) -> None:
    post.write(settledTokens=[token_digest("done")])
    for token in ("new", "new", "done"):
        await post.send(request(token))
    await post.take(asked=1, repeated=2)
    assert (post.tokens(), await post.unacknowledged()) == (["new"], 0)


async def test_a_schedule_that_others_change_meanwhile_is_read_again(post: Post) -> None:
    words = ("-n", NAMESPACE, "annotate", "tsched", "asked", "--overwrite")
    post.cluster.before = partial(post.plane.kubectl, *words, "at=once")
    post.cluster.times = 1
    await post.send(request())
    await post.take(asked=1)
    assert (post.tokens(), post.cluster.times, post.result("waiting")) == (["1"], 0, 0)


async def test_a_message_too_many_waits_and_keeps_no_other_back(post: Post) -> None:
    post.plane.apply(schedule("other", NAMESPACE, runOnCreate=False))
    at = "2026-01-05T12:00:00Z"
    post.write(asked=[{"token": f"t{n}", "at": at} for n in range(MOST_ASKED)])
    await post.send(request("late"))
    await post.send(request("else", schedule="other"))
    await post.take(waiting=2, asked=1)
    assert "late" not in post.tokens()
    assert [one["token"] for one in post.status("other")["asked"]] == ["else"]
    post.write(asked=[])
    await post.take(asked=2)
    assert (post.tokens(), await post.unacknowledged()) == (["late"], 0)


async def test_a_process_that_leads_no_more_leaves_messages_to_the_next(post: Post) -> None:
    post.leads = False
    await post.send(request())
    await post.take(waiting=2)
    assert post.tokens() == []
    post.leads = True
    await post.take(asked=1)
    assert post.tokens() == ["1"]


DEAD: list[tuple[str, bytes | Raw, str, str]] = [
    ("no JSON", b"{", "NoRequest", "Invalid JSON"),
    ("no object", b"[1]", "NoRequest", "message"),
    ("no text", b"\xff\xfe", "NoRequest", "message"),
    ("half a character", b'{"schedule": "\\ud800"}', "NoRequest", "message"),
    ("an unknown field", request(force=True), "NoRequest", "message.force"),
    ("a field is missing", {"schedule": "asked", "namespace": NAMESPACE}, "NoRequest", "token"),
    ("an empty token", request(""), "NoRequest", "message.token"),
    ("a token that is too long", request("x" * 257), "NoRequest", "message.token"),
    ("a reason that is too long", request(reason="x" * 513), "NoRequest", "message.reason"),
    ("a name that is a path", request(schedule="asked/status"), "NoRequest", "message.schedule"),
    ("a message that is too large", b" " * 200_000, "TooLarge", "200000 bytes"),
    ("a namespace that is not served", request(namespace="kube-system"), "NamespaceNotServed",
     '"kube-system" is not served'),
    ("a schedule that is not there", request(schedule="other"), "ScheduleUnknown", '"other"'),
    ("a schedule that is being deleted", request(schedule="leaving"), "ScheduleUnknown",
     '"leaving"'),
]  # fmt: skip


async def test_what_is_no_request_goes_to_the_dead_letters_with_its_reason(post: Post) -> None:
    leaving = schedule("leaving", NAMESPACE, runOnCreate=False)
    leaving["metadata"]["finalizers"] = ["clm.dev/test"]
    post.plane.apply(leaving)
    post.plane.kubectl("-n", NAMESPACE, "delete", "tsched", "leaving", "--wait=false")
    for _, body, _, _ in DEAD:
        await post.send(body)
    await post.send(request("good"))
    await post.take(dead=len(DEAD), asked=1)
    found = await post.letters()
    words = ("-n", NAMESPACE, "patch", "tsched", "leaving", "--type=json", "-p")
    post.plane.kubectl(*words, '[{"op": "remove", "path": "/metadata/finalizers"}]')
    assert [(reason, text in words) for (reason, words, _), (_, _, _, text) in zip(
        found, DEAD, strict=True
    )] == [(reason, True) for _, _, reason, _ in DEAD]  # fmt: skip
    assert [len(body) for _, _, body in found] == [
        min(len(row[1] if isinstance(row[1], bytes) else json.dumps(row[1])), 65536) for row in DEAD
    ]
    assert (await post.unacknowledged(), post.tokens()) == (0, ["good"])


async def test_a_subject_binds_a_message_to_its_namespace(
    plane_with_a_schedule: ControlPlane, nats: NatsServer
) -> None:
    async with opened(plane_with_a_schedule, nats, "*.") as post:
        await post.send(request("theirs"), "team-b.run")
        await post.send(request("ours"), f"{NAMESPACE}.run")
        await post.take(dead=1, asked=1)
        ((reason, words, _),) = await post.letters()
        assert (reason, "team-b" in words) == ("NamespaceMismatch", True)
        assert post.tokens() == ["ours"]


async def test_what_fails_at_every_try_is_a_dead_letter(post: Post) -> None:
    post.cluster.before, post.cluster.times = _break, 100
    await post.send(request())
    await post.take(dead=1)
    ((reason, words, _),) = await post.letters()
    assert (reason, "tried 3 times" in words) == ("NotTaken", True)


def _break() -> None:
    raise ZeroDivisionError


async def test_a_message_stays_while_no_stream_takes_dead_letters(post: Post) -> None:
    letters = post.settings.stream.replace("R", "D")
    await post.stream.delete_stream(letters)
    await post.send(b"no request")
    await post.send(request("good"))
    await post.take(waiting=2, asked=1)
    assert await post.unacknowledged() == 1
    await post.stream.add_stream(name=letters, subjects=[post.settings.dead_letter])
    await post.take(dead=1)
    assert (await post.unacknowledged(), len(await post.letters())) == (0, 1)


async def test_a_stream_that_comes_late_or_again_is_listened_to(post: Post) -> None:
    name, subjects = post.settings.stream, [post.settings.subject]

    async def listens(value: float) -> bool:
        found = post.metrics.registry.get_sample_value("clm_messages_listening", {"stream": name})
        return bool(found == value)

    await post.stream.delete_stream(name)
    await post.until(lambda: listens(0), "it says that the stream is missing")
    await post.stream.add_stream(name=name, subjects=subjects)

    step = 0

    async def goes_and_comes() -> bool:
        nonlocal step
        if step == 0 and await listens(1):
            await post.stream.delete_stream(name)
            step = 1
        elif step == 1 and await listens(0):
            await post.stream.add_stream(name=name, subjects=subjects)
            await post.send(request())
            step = 2
        return post.tokens() == ["1"] if step == 2 else False

    await post.until(goes_and_comes, "the stream that was made again is listened to")
    assert not await listens(1), "who stands by says nothing"
