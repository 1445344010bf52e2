"""Events reach a sink in the order in which they happened, and no round waits for it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from clm_api.events import RunStarted
from clm_api.happening import MOST_UNTOLD, Happening, Sink
from clm_operator.mirror.objects import Key
from clm_operator.mirror.world import Mirror
from clm_operator.telling.cloudevents import NoEventError, Told, told
from clm_operator.telling.happenings import bounded, happening
from clm_operator.telling.outbox import Outbox
from clm_operator.telling.outgoing import Outgoing
from clm_operator.telling.sink_metrics import SinkMetrics
from clm_operator.telling.sinks import AwayError, RefusedError
from tests.operator.units import builders as b
from tests.operator.units.endpoint import Endpoint

Raw = dict[str, Any]


@dataclass
class Post:
    """A mirror, an outbox, and the rests that it makes."""

    sink: Endpoint = field(default_factory=Endpoint)
    mirror: Mirror = field(default_factory=Mirror)
    metrics: SinkMetrics = field(default_factory=SinkMetrics)
    rests: list[float] = field(default_factory=list)
    woken: list[Key] = field(default_factory=list)
    generation: int = 1
    while_resting: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self.box = Outbox(
            self.sink, self.mirror, self.metrics, "here", self.woken.append, self._sleep
        )
        self.outgoing = Outgoing((self.box,))

    async def _sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.while_resting()
        await asyncio.sleep(0)

    def store(self, name: str, *untold: Happening) -> None:
        """Write a version's status as a round does, and say so."""
        self.generation += 1
        raw = b.version(name).raw | {"kind": "ModelVersion"}
        raw["metadata"] = raw["metadata"] | {"resourceVersion": str(self.generation)}
        raw["status"] = {"untold": [one.to_json_dict() for one in untold]}
        self.mirror.put("ModelVersion", raw)
        self.outgoing.offer(b.KEY, raw, list(untold))

    async def until(self, done: Callable[[], bool]) -> None:
        """Let the outbox run until something is so, or it has nothing to do."""
        task = asyncio.create_task(self.box.run())
        for _ in range(2000):
            await asyncio.sleep(0)
            if done():
                break
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert done()

    def value(self, name: str) -> float | None:
        """Return a figure of the sink."""
        found = (s for f in self.metrics.collect() for s in f.samples if s.name == name)
        return next((sample.value for sample in found), None)


def said(*names: str, at: datetime = b.NOW) -> list[Happening]:
    """Build happenings for the endpoint."""
    data = RunStarted(reason="Said", message="the pod is working")
    return [happening("Normal", name, data).having(at=at, to=["http"]) for name in names]


async def test_what_an_object_has_to_tell_is_told_in_its_order_and_once() -> None:
    post = Post()
    post.store("btc-1", *said("a", "b"))
    post.store("btc-2", *said("c"))
    await post.until(lambda: len(post.sink.took) == 3)
    assert post.sink.ids == ["uid-btc-1/a", "uid-btc-1/b", "uid-btc-2/c"]
    assert set(post.woken) == {b.KEY}, "a round is to write that down"
    post.store("btc-1", *said("a", "b", "d"))
    await post.until(lambda: len(post.sink.took) == 4)
    assert post.sink.ids[-1] == "uid-btc-1/d"
    assert post.value("clm_events_told_total") == 4


@dataclass
class Busy(Endpoint):
    """Lets something happen while it takes its first event."""

    meanwhile: Callable[[], object] = lambda: None

    async def send(self, event: Told) -> None:
        await super().send(event)
        if len(self.took) == 1:
            self.meanwhile()


async def test_events_that_are_merged_while_others_are_told_are_told_in_their_place() -> None:
    many = said(*(f"n{n}" for n in range(MOST_UNTOLD)))
    post = Post(sink=(sink := Busy()))
    sink.meanwhile = lambda: post.store("btc-1", *bounded([*many, *said("new")]))
    post.store("btc-1", *many)
    await post.until(lambda: len(sink.took) == MOST_UNTOLD + 1)
    later = (f"uid-btc-1/n{n}" for n in range(2, MOST_UNTOLD))
    assert sink.ids == ["uid-btc-1/n0", "uid-btc-1/merged-n1", *later, "uid-btc-1/new"]


async def test_a_process_that_takes_over_tells_what_no_status_says_was_told() -> None:
    a, c = said("a", "c")
    post = Post()
    post.store("btc-1", a.having(told=["events", "http"]), c.having(told=["events"]))
    await post.until(lambda: bool(post.sink.took))
    assert post.sink.ids == ["uid-btc-1/c"]


async def test_what_is_not_for_a_sink_is_not_told() -> None:
    post = Post()
    (before,) = said("before the sink was set")
    post.store("btc-1", before.having(to=["nats"]), *said("b"))
    await post.until(lambda: bool(post.sink.took))
    assert post.sink.ids == ["uid-btc-1/b"]
    (addressed,) = [post.outgoing.addressed(one.having(to=[])) for one in said("now")]
    assert addressed.to == ["http"]
    assert Outgoing().addressed(before.having(to=[])).to == []


async def test_a_sink_that_is_away_is_asked_ever_more_rarely_and_loses_nothing() -> None:
    post = Post()
    post.sink.answers = [AwayError("busy") for _ in range(8)]
    post.store("btc-1", *said("a", "b"))
    await post.until(lambda: len(post.sink.took) == 2)
    assert post.rests == [1, 2, 4, 8, 16, 32, 60, 60]
    assert (post.sink.asked, post.sink.ids) == (10, ["uid-btc-1/a", "uid-btc-1/b"])
    assert post.value("clm_sink_failures_total") == 8
    post.sink.answers = [AwayError("busy")]
    post.store("btc-2", *said("c"))
    await post.until(lambda: len(post.sink.took) == 3)
    assert post.rests[-1] == 1, "a new failure begins anew"


async def test_a_sink_that_says_how_long_to_wait_is_given_so_long() -> None:
    post = Post()
    post.sink.answers = [AwayError("busy", 77.0), AwayError("busy", 0.5)]
    post.store("btc-1", *said("a"))
    await post.until(lambda: bool(post.sink.took))
    assert post.rests == [77, 2]


async def test_figures_say_that_a_sink_is_away_and_since_when_events_wait() -> None:
    post, seen = Post(), dict[str, float | None]()
    names = (
        "clm_sink_up", "clm_events_waiting", "clm_events_waiting_since_timestamp_seconds",
    )  # fmt: skip

    def look() -> None:
        seen.update({name: post.value(name) for name in names})

    post.while_resting = look
    post.sink.answers = [AwayError("away")]
    later = b.NOW + timedelta(hours=1)
    post.store("btc-1", *said("a"), *said("b", at=later))
    post.store("btc-2", *said("c", at=later))
    await post.until(lambda: len(post.sink.took) == 3)
    assert seen == dict(zip(names, (0, 3, b.NOW.timestamp()), strict=True))
    assert [post.value(name) for name in names] == [1, 0, None]
    post.metrics.show(shown=False)
    assert [post.value(name) for name in names] == [None] * 3, "another process works"


async def test_what_a_sink_never_takes_is_counted_and_the_next_is_told() -> None:
    post = Post()
    post.sink.answers = [RefusedError("422 no")]
    post.store("btc-1", *said("a", "b"))
    await post.until(lambda: bool(post.sink.took))
    assert (post.sink.ids, post.rests) == (["uid-btc-1/b"], [])
    assert post.value("clm_events_refused_total") == 1
    left = post.outgoing.left("uid-btc-1", said("a", "b"), {"a", "b"})
    assert left == [], "nobody is to be told either of them any more"


async def test_an_object_whose_event_fails_holds_up_no_other() -> None:
    post = Post()
    post.sink.answers = [AwayError("500 this one breaks it")]
    post.store("btc-1", *said("a"))
    post.store("btc-2", *said("b"))
    await post.until(lambda: len(post.sink.took) == 2)
    assert post.sink.ids == ["uid-btc-2/b", "uid-btc-1/a"]


async def test_a_fault_of_our_own_ends_no_outbox() -> None:
    post = Post()
    post.sink.answers = [KeyError("a fault")]
    post.store("btc-1", *said("a"))
    await post.until(lambda: bool(post.sink.took))
    assert post.rests == [1]


async def test_what_was_told_is_remembered_until_a_status_says_so_and_no_longer() -> None:
    post = Post()
    (one,) = said("a")
    post.store("btc-1", one)
    await post.until(lambda: bool(post.sink.took))
    (left,) = post.outgoing.left("uid-btc-1", [one], set())
    assert left.told == ["http"], "Kubernetes does not know it yet"
    assert post.outgoing.left("uid-btc-1", [one], {"a"}) == []
    post.store("btc-1")
    assert not post.box.knows("uid-btc-1", one)


async def test_an_object_that_is_gone_is_forgotten() -> None:
    post = Post()
    post.sink.answers = [AwayError("away")]
    post.while_resting = lambda: post.mirror.drop("ModelVersion", "ns", "btc-1", "uid-btc-1")
    post.store("btc-1", *said("a"))
    await post.until(lambda: bool(post.rests) and post.box.waiting() == (0, None))
    assert post.sink.took == []


@pytest.mark.parametrize(
    ("sinks", "one", "heard", "left"),
    [
        ((), said("a")[0], True, None),
        ((), said("a")[0].having(to=[]), False, []),
        (("http",), said("a")[0], True, ["events"]),
        (("http",), said("a")[0].having(to=[]), True, None),
        (("http",), said("a")[0].having(told=["http"]), True, None),
        (("http",), said("a")[0].having(told=["http"]), False, ["http"]),
        (("http",), said("a")[0].having(told=["events"]), False, ["events"]),
    ],
    ids=[
        "no sink is set any more: Kubernetes events are enough",
        "nobody knows it",
        "Kubernetes knows it, the sink does not",
        "it is for no sink",
        "both know it",
        "the sink knows it, Kubernetes does not",
        "a status says that Kubernetes knows it",
    ],
)
def test_who_is_still_to_be_told(
    sinks: tuple[Sink, ...],
    one: Happening,
    heard: bool,  # noqa: FBT001
    left: list[Sink] | None,
) -> None:
    outgoing = Post().outgoing if sinks else Outgoing()
    found = outgoing.left("uid", [one], {one.id} if heard else set())
    assert [kept.told for kept in found] == ([] if left is None else [left])


def test_an_event_is_made_of_stored_facts_alone() -> None:
    raw = b.version("btc-1").raw | {"kind": "ModelVersion"}
    (one,) = said("shadow passed · 3 looks")
    found = told(raw, one, "here")
    attributes = found.whole.get_attributes()
    assert attributes == {
        "specversion": "1.0",
        "id": "uid-btc-1/shadow%20passed%20%C2%B7%203%20looks",
        "type": "dev.clm.run.started.v1",
        "source": "/clm/here/namespaces/ns/trainingschedules/btc",
        "subject": "btc-1",
        "time": b.NOW,
        "datacontenttype": "application/json",
        "dataschema": "https://clm.dev/events/dev.clm.run.started.v1.json",
    }
    assert found.whole.get_data() == {"reason": "Said", "message": "the pod is working"}
    assert found.body == b'{"reason":"Said","message":"the pod is working"}'


@pytest.mark.parametrize("data", ['{"sharpe": NaN}', "[1]", "{", None])
def test_what_is_no_json_object_is_never_sent(data: str | None) -> None:
    raw = b.version("btc-1").raw | {"kind": "ModelVersion"}
    (one,) = said("a")
    with pytest.raises(NoEventError):
        told(raw, one.having(data=data), "here")
    with pytest.raises(NoEventError):
        told(raw, one.having(event=None), "here")
