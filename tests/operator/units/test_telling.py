"""Nothing that happened goes untold, and nothing that is not true is told."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from clm_api.happening import MOST_UNTOLD, Happening
from clm_operator.cluster.api import (
    Api,
    ApiError,
    ConflictError,
    DeniedError,
    ForbiddenError,
    InvalidError,
)
from clm_operator.cluster.resources import Cluster
from clm_operator.mirror.objects import Key, ScheduleObject, Version
from clm_operator.mirror.world import Mirror
from clm_operator.round.writing import Writer, Written
from clm_operator.telling.happenings import bounded
from clm_operator.telling.kube_events import KubeEvents
from clm_operator.telling.outbox import Outbox
from clm_operator.telling.outgoing import Outgoing
from clm_operator.telling.prometheus import Metrics
from clm_operator.telling.sink_metrics import SinkMetrics
from clm_operator.telling.teller import Teller
from tests.operator.units import builders as b
from tests.operator.units.endpoint import Endpoint
from tests.operator.units.world import World, ended

Raw = dict[str, Any]
STARTED = "its Job was created"


@dataclass
class Kept(Cluster):
    """A schedule and its version, as the API server keeps them, and the events that it took."""

    schedule: Raw
    version: Raw
    refuse: list[ApiError] = field(default_factory=list)
    """What the next events are answered."""
    conflict_on: str = ""
    took: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.mirror = Mirror()

    async def patch_status(self, raw: Raw, patch: Raw) -> Raw:
        if raw["kind"] == self.conflict_on:
            raise ConflictError(409, "changed meanwhile")
        kept = self.schedule if raw["kind"] == "TrainingSchedule" else self.version
        changed = {**kept.get("status", {}), **patch}
        kept["status"] = {k: v for k, v in changed.items() if v is not None}
        version = int(kept["metadata"]["resourceVersion"]) + 1
        kept["metadata"] = kept["metadata"] | {"resourceVersion": str(version)}
        self.mirror.put(raw["kind"], dict(kept), own=True)
        return kept

    async def refresh(self, kind: str, namespace: str, name: str) -> bool:
        return True

    async def post(self, about: Raw, happening: Happening, now: datetime) -> None:
        if self.refuse:
            raise self.refuse.pop(0)
        self.took.append((about["metadata"]["name"], happening.message))

    def seen(self) -> b.Seen:
        """Read both, and the Job that works for the version."""
        version = Version.read(dict(self.version))
        owner = ScheduleObject.read(dict(self.schedule))
        return b.seen(version, schedule=owner, jobs={version.name: b.job(version.name)})


def kept() -> Kept:
    """A version whose Job was just created."""
    return Kept(b.schedule_object(runOnCreate=False).raw, b.version().raw)


def several(*numbers: int) -> list[Happening]:
    """Build happenings of a number each."""
    return [
        Happening(id=f"n{n}", type="Normal", reason="Said", message=f"number {n}", at=b.NOW)
        for n in numbers
    ]


async def look(cluster: Kept, teller: Teller, outgoing: Outgoing | None = None) -> Written:
    """Make one round's writes."""
    seen = cluster.seen()
    writer = Writer(cluster, teller, Metrics(), outgoing or Outgoing())
    return await writer.write(b.facts(seen), b.plan(seen).plan.writes)


def untold(cluster: Kept) -> list[str]:
    """Return the ids that the version still keeps."""
    return [one["id"] for one in cluster.version["status"].get("untold", [])]


async def test_what_a_write_makes_true_is_kept_with_it_told_and_then_removed() -> None:
    cluster = kept()
    teller = Teller(cluster)
    await look(cluster, teller)
    assert untold(cluster) == ["scheduled"]
    assert cluster.took == [("btc-1", STARTED)]
    await look(cluster, teller)
    assert untold(cluster) == []
    assert not (await look(cluster, teller)).changed, "it comes to rest"
    assert cluster.took == [("btc-1", STARTED)], "told once"


async def run(box: Outbox, sink: Endpoint, events: int) -> None:
    """Let an outbox tell so many events."""
    task = asyncio.create_task(box.run())
    for _ in range(1000):
        await asyncio.sleep(0)
        if len(sink.took) == events:
            break
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert len(sink.took) == events


def outbox(cluster: Kept, sink: Endpoint) -> Outbox:
    """Make an outbox for a sink."""
    return Outbox(sink, cluster.mirror, SinkMetrics(), "here", lambda _: None)


async def test_what_a_sink_is_to_know_stays_until_it_does_and_costs_no_round_a_wait() -> None:
    cluster, sink = kept(), Endpoint()
    box, teller = outbox(cluster, sink), Teller(cluster)
    outgoing = Outgoing((box,))
    await look(cluster, teller, outgoing)
    (stored,) = cluster.version["status"]["untold"]
    assert (stored["to"], stored.get("told"), sink.asked) == (["http"], [], 0)
    await look(cluster, teller, outgoing)
    (known,) = cluster.version["status"]["untold"]
    assert known == stored | {"told": ["events"]}, "Kubernetes knows it"
    assert not (await look(cluster, teller, outgoing)).changed, "it comes to rest"
    await run(box, sink, 1)
    assert (await look(cluster, teller, outgoing)).changed
    assert (untold(cluster), cluster.took, sink.ids) == (
        [], [("btc-1", STARTED)], ["uid-btc-1/scheduled"],
    )  # fmt: skip
    assert not (await look(cluster, teller, outgoing)).changed
    assert box.waiting() == (0, None)


async def test_the_next_operator_tells_a_sink_what_no_status_says_it_knows_the_same_again() -> None:
    cluster, sink = kept(), Endpoint()
    box = outbox(cluster, sink)
    await look(cluster, Teller(cluster), Outgoing((box,)))
    await run(box, sink, 1)
    box = outbox(cluster, sink)  # the first one was killed before a round wrote that down
    await look(cluster, Teller(cluster), Outgoing((box,)))
    await run(box, sink, 2)
    first, again = sink.took
    assert (first.id, first.body, first.whole.get_attributes()) == (
        again.id, again.body, again.whole.get_attributes(),
    )  # fmt: skip
    assert cluster.took == [("btc-1", STARTED)] * 2, "one event to Kubernetes: its name is its id"
    await look(cluster, Teller(cluster), Outgoing((box,)))
    assert untold(cluster) == []


async def test_a_sink_that_is_set_later_or_no_more_gets_nothing_and_keeps_nothing() -> None:
    cluster, sink = kept(), Endpoint()
    cluster.refuse = [ApiError(503, "sick")]
    teller = Teller(cluster, Turned())
    await look(cluster, teller)
    (stored,) = cluster.version["status"]["untold"]
    assert "to" not in stored or stored["to"] == []
    box = outbox(cluster, sink)
    await look(cluster, teller, Outgoing((box,)))
    assert box.waiting() == (0, None), "it happened before the sink was set"
    cluster.version["status"]["untold"] = [stored | {"to": ["nats"], "told": ["events"]}]
    cluster.mirror.put("ModelVersion", dict(cluster.version))
    await look(cluster, teller, Outgoing((box,)))
    assert untold(cluster) == [], "there is no NATS any more"


async def test_an_operator_that_was_killed_before_it_told_is_stood_in_for_by_the_next() -> None:
    cluster = kept()
    cluster.refuse = [ApiError(0, "the process was killed here")]
    await look(cluster, Teller(cluster))
    assert (cluster.took, untold(cluster)) == ([], ["scheduled"])
    await look(cluster, Teller(cluster))
    assert (cluster.took, untold(cluster)) == ([("btc-1", STARTED)], [])


async def test_a_conflict_of_the_schedule_costs_no_event_of_its_version() -> None:
    cluster = kept()
    cluster.conflict_on = "TrainingSchedule"
    written = await look(cluster, Teller(cluster))
    assert written.outdated is not None
    assert cluster.took == [("btc-1", STARTED)]


async def test_a_write_that_is_refused_tells_nothing() -> None:
    cluster = kept()
    cluster.conflict_on = "ModelVersion"
    await look(cluster, Teller(cluster))
    assert cluster.took == []


@dataclass
class Turned:
    """A clock that the test turns."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(
    ("answers", "kept_until_told"),
    [
        ([ApiError(0, "away"), ApiError(503, "sick"), ApiError(429, "busy")], True),
        ([ForbiddenError(403, "no rights"), DeniedError(400, "a webhook is against it")], True),
        ([InvalidError(422, "no such event can be")], False),
    ],
    ids=[
        "who is away is told later",
        "so is who forbids it for now",
        "what can't be told at all is not tried for ever",
    ],
)
async def test_a_sink_that_does_not_take_an_event(
    answers: list[ApiError],
    kept_until_told: bool,  # noqa: FBT001
) -> None:
    cluster, clock = kept(), Turned()
    teller = Teller(cluster, clock)
    cluster.refuse = list(answers)
    for _ in answers:
        assert (await look(cluster, teller)).unheard is kept_until_told
        clock.seconds += 600
    rounds = [await look(cluster, teller) for _ in range(3)]
    assert not rounds[-1].unheard
    assert cluster.took == ([("btc-1", STARTED)] if kept_until_told else [])
    assert untold(cluster) == []


async def test_a_namespace_that_takes_no_events_is_asked_ever_more_rarely_for_all_its_objects() -> (
    None
):
    cluster, clock = kept(), Turned()
    teller, about, other = Teller(cluster, clock), b.version().raw, Key("other", "eth")
    no = ForbiddenError(403, "no rights")
    cluster.refuse = [no] * 9
    asked = []
    for clock.seconds in range(3000):
        before = len(cluster.refuse)
        for n in range(3):
            left = await teller.tell(b.KEY, about, several(n), b.NOW)
            assert left == several(n), "it waits"
        if len(cluster.refuse) < before:
            asked.append(clock.seconds)
        if not cluster.refuse:
            break
    assert asked == [0, 5, 15, 35, 75, 155, 315, 635, 1235]
    assert teller.rest_s("ns") == 600
    assert await teller.tell(other, about, several(9), b.NOW) == [], "another one takes its own"
    clock.seconds += 600
    assert await teller.tell(b.KEY, about, several(0, 1, 2), b.NOW) == []
    assert [said for _, said in cluster.took] == [f"number {n}" for n in (9, 0, 1, 2)]
    cluster.refuse = [no]
    await teller.tell(b.KEY, about, several(4), b.NOW)
    assert teller.rest_s("ns") == 5, "a new refusal begins anew"


async def test_a_sink_that_says_how_long_to_wait_is_given_so_long() -> None:
    cluster, clock = kept(), Turned()
    teller = Teller(cluster, clock)
    cluster.refuse = [ApiError(429, "busy", retry_after_s=77)]
    await teller.tell(b.KEY, b.version().raw, several(1), b.NOW)
    assert teller.rest_s("ns") == 77


async def test_happenings_of_an_object_are_told_in_their_order_and_one_refusal_costs_one_try() -> (
    None
):
    cluster = kept()
    cluster.refuse = [ApiError(503, "sick")]
    clock = Turned()
    teller, key = Teller(cluster, clock), b.KEY
    three = [
        Happening(id=name, type="Normal", reason="Said", message=name) for name in ("a", "b", "c")
    ]
    about = b.version().raw
    assert await teller.tell(key, about, three, b.NOW) == three
    assert cluster.took == [], "nobody was asked for the second"
    clock.seconds += 5
    assert await teller.tell(key, about, three, b.NOW) == []
    assert [message for _, message in cluster.took] == ["a", "b", "c"]


def test_a_decided_request_is_removed_though_nobody_listens() -> None:
    world = World.of(ended("btc-1"))
    world.ask("btc-1")
    world.settle(1)
    for _ in range(6):
        decided = world.plan()
        if decided.remove_requests:
            break
        for write in world.writes(decided):
            write()
        told = [{"id": "kept", "type": "Normal", "reason": "Said", "message": "it"}]
        world.version("btc-1")["status"]["untold"] = told
    assert [v.name for v in decided.remove_requests] == ["btc-1"]


@pytest.mark.parametrize(
    ("waiting", "shown", "count"),
    [
        (several(*range(MOST_UNTOLD)), [f"n{n}" for n in range(MOST_UNTOLD)], None),
        (several(*range(208)), ["merged-n8", *(f"n{n}" for n in range(9, 208))], 9),
        (
            [*bounded(several(*range(208))), *several(208, 209)],
            ["merged-n10", *(f"n{n}" for n in range(11, 210))], 11,
        ),
    ],
    ids=["all that a status holds", "more than it holds", "and still more, later"],
)  # fmt: skip
def test_what_waits_to_be_told_is_bounded_and_nothing_goes_unsaid(
    waiting: list[Happening], shown: list[str], count: int | None
) -> None:
    left = bounded(waiting)
    assert [one.id for one in left] == shown
    assert left[0].count == count
    if count is not None:
        last = f"The last of them: Said: number {count - 1}"
        assert left[0].message == f"{count} events are told as one. {last}"
        assert (left[0].reason, left[0].at) == ("EventsMerged", b.NOW)


async def test_a_status_that_is_full_of_untold_events_says_how_many_more_there_were() -> None:
    cluster = kept()
    waiting = [one.to_json_dict() for one in several(*range(MOST_UNTOLD))]
    cluster.version["status"] = {"untold": waiting}
    cluster.refuse = [ApiError(503, "sick")] * 2
    await look(cluster, Teller(cluster))
    assert untold(cluster) == ["merged-n1", *(f"n{n}" for n in range(2, MOST_UNTOLD)), "scheduled"]
    await look(cluster, Teller(cluster))
    await look(cluster, Teller(cluster))
    assert (untold(cluster), len(cluster.took)) == ([], MOST_UNTOLD)


class Taken(Api):
    """Takes every event."""

    def __init__(self) -> None:
        self.events: list[Raw] = []

    async def create(self, path: str, body: Raw) -> Raw:
        self.events.append(body)
        return body


async def test_an_event_that_is_told_later_carries_the_time_at_which_it_happened() -> None:
    cluster, api = kept(), Taken()
    cluster.refuse = [ApiError(0, "the process was killed here")]
    await look(cluster, Teller(cluster))
    (stored,) = cluster.version["status"]["untold"]
    happening, later = Happening.model_validate(stored), b.NOW + timedelta(hours=3)
    await KubeEvents(api).post(cluster.version, happening, later)
    undated = happening.model_copy(update={"at": None})
    await KubeEvents(api).post(cluster.version, undated, later)
    times = [(event["firstTimestamp"], event["lastTimestamp"]) for event in api.events]
    assert times == [("2026-01-05T12:00:00Z",) * 2, ("2026-01-05T15:00:00Z",) * 2]
