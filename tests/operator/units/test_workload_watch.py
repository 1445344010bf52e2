"""Kueue's Workloads as the mirror hears of them, and how little depends on that."""

import asyncio
import logging
from typing import Any

import pytest

from clm_operator.cluster.api import ApiError, ForbiddenError, NotFoundError
from clm_operator.cluster.kueue import Kueue
from clm_operator.edge.workload_watch import WorkloadWatch
from clm_operator.mirror.objects import Key
from clm_operator.mirror.workloads import Workload
from clm_operator.mirror.world import KINDS, Mirror
from clm_operator.telling.prometheus import Metrics
from tests.operator.units import builders as b
from tests.operator.units.test_list_watch import Answer, Scripted, event, page
from tests.operator.units.test_queueing import FULL, condition, waits, workload

Raw = dict[str, Any]
SERVED: Answer = [{"versions": [{"version": "v1beta2"}, {"version": "v1beta1"}]}]


class Asked(Scripted):
    """Answers single objects, too."""

    async def get(self, path: str) -> Raw:
        self.asked.append(path)
        (found,) = await self._next()
        assert not isinstance(found, ApiError)
        return found


class Heard:
    """A watch, and what it does to the mirror."""

    def __init__(self, *answers: Answer) -> None:
        self.api, self.mirror, self.woken = Asked(*answers), Mirror(), list[Key]()
        job = b.job("btc-1").raw
        job["metadata"] |= {
            "namespace": "ns", "resourceVersion": "1", "labels": {"clm.dev/schedule": "btc"},
        }  # fmt: skip
        self.mirror.put("Job", job)
        self.metrics, kueue = Metrics(), Kueue(self.api, lambda: 0.0)
        self.watch = WorkloadWatch(
            self.api, kueue, self.mirror, "ns", self.metrics, self.woken.append
        )

    async def turns(self, count: int = 1) -> list[float]:
        return [await self.watch.turn() for _ in range(count)]

    @property
    def known(self) -> Workload | None:
        return self.mirror.workloads.of("ns", "job-btc-1")

    @property
    def unwatched(self) -> bool:
        return 'clm_workloads_unwatched{namespace="ns"} 1.0' in self.metrics.render().decode()


def newer(raw: Raw) -> Raw:
    return raw | {"metadata": raw["metadata"] | {"resourceVersion": "12"}}


def test_a_workload_wakes_the_schedule_of_its_job_when_it_changes() -> None:
    after = newer(workload(condition("QuotaReserved", holds=True)))
    heard = Heard(
        SERVED, [page(10, waits(FULL))], [event("MODIFIED", newer(waits(FULL))),
                                          event("MODIFIED", after)],
        [event("DELETED", after)],
    )  # fmt: skip
    asyncio.run(heard.turns(2))
    assert heard.api.asked == ["/apis/kueue.x-k8s.io", "list", "watch 10", "watch 12"]
    assert heard.woken == [b.KEY] * 3, "seen, changed, gone; the same again is no news"
    assert heard.known is None


def test_without_kueue_it_is_looked_for_now_and_then_and_nothing_else_happens() -> None:
    heard = Heard(NotFoundError(404, "no such group"), NotFoundError(404, "no such group"))
    assert all(rest >= 60 for rest in asyncio.run(heard.turns(2)))
    assert not heard.unwatched
    assert not heard.mirror.workloads.knows("ns")


def test_the_older_version_of_workloads_is_read_where_the_newer_is_not_served() -> None:
    heard = Heard([{"versions": [{"version": "v1beta1"}]}], [page(10, waits(FULL))], [])
    asyncio.run(heard.turns())
    assert heard.known is not None


def test_a_watch_that_is_forbidden_is_told_once_and_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    no = ForbiddenError(403, "workloads is forbidden")
    heard = Heard(SERVED, no, SERVED, no, SERVED, [page(10, waits(FULL))], [])
    with caplog.at_level(logging.WARNING):
        asyncio.run(heard.turns(2))
    assert [r.levelname for r in caplog.records] == ["WARNING"]
    assert "go without Kueue's words: 403: workloads is forbidden" in caplog.text
    assert heard.unwatched
    asyncio.run(heard.turns())
    assert not heard.unwatched
    assert heard.known is not None


def test_a_watch_that_breaks_begins_with_a_list_and_forgets_nothing_meanwhile() -> None:
    heard = Heard(SERVED, [page(10, waits(FULL))], [ApiError(0, "broken")], SERVED, [page(20)], [])
    asyncio.run(heard.turns())
    assert heard.known is not None
    assert not heard.unwatched
    asyncio.run(heard.turns())
    assert heard.known is None, "the new list does not show it"


def test_a_workload_that_can_not_be_read_takes_no_other_ones_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    odd = waits(FULL)
    odd["metadata"] = odd["metadata"] | {"name": "odd", "uid": "odd", "ownerReferences": [{
        "uid": "job-x"}], "labels": {"kueue.x-k8s.io/job-uid": "job-x"}}  # fmt: skip
    heard = Heard(SERVED, [page(10, odd, waits(FULL))], [])
    asyncio.run(heard.turns())
    assert heard.known is not None
    assert not heard.unwatched
    assert "Workload odd can't be read" in caplog.text


def test_rounds_do_not_wait_for_workloads() -> None:
    heard = Heard(SERVED, ForbiddenError(403, "no"))
    for kind in KINDS:
        heard.mirror.listed(kind, "ns", {"job-btc-1"}, heard.mirror.look(kind, "ns", ""))
        heard.mirror.heard(kind, "ns")
    asyncio.run(heard.turns())
    assert heard.mirror.knows("ns")


def places(api: Asked) -> Kueue:
    return Kueue(api, lambda: 0.0)


def test_a_queue_is_asked_once_for_the_places_of_all_its_workloads() -> None:
    found = Workload.read(waits(FULL))
    assert found is not None
    item = {"metadata": {"name": found.name}, "positionInLocalQueue": 2}
    api = Asked([{"items": [item]}])

    async def ask() -> list[int | None]:
        kueue = places(api)
        return [(await kueue.about(found)).position for _ in range(3)]

    assert asyncio.run(ask()) == [3, 3, 3]
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    "answers",
    [[NotFoundError(404, "")] * 2, [ForbiddenError(403, "")], [ApiError(503, "")]],
    ids=["no such API", "forbidden", "away"],
)
def test_where_no_places_are_told_there_are_none(answers: list[Answer]) -> None:
    found = Workload.read(waits(FULL))
    api = Asked(*answers)
    assert asyncio.run(places(api).about(found)).position is None


def test_a_cluster_queue_that_takes_nobody_is_asked_why() -> None:
    found = Workload.read(waits("ClusterQueue all is inactive"))
    why = {"type": "Active", "status": "False", "reason": "FlavorNotFound", "message": "no a"}
    api = Asked([{"items": []}], SERVED, [{"status": {"conditions": [why]}}])
    assert asyncio.run(places(api).about(found)).closed == ("FlavorNotFound", "no a")
