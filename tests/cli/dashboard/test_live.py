"""Open pages are told of what they show, and of nothing else."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from clm_cli.dashboard.live import Live
from clm_cli.dashboard.world import Kind
from tests.cli.dashboard.served import Served
from tests.cli.dashboard.worlds import NOW, judged, known, schedule

TOPICS = ("schedule/trading/btc-eth",)


async def soon(stream: AsyncIterator[str]) -> str:
    return await asyncio.wait_for(anext(stream), 5)


async def test_a_page_is_told_of_a_change_that_a_thread_brings() -> None:
    owner = schedule()
    objects = known(owner)
    live = Live(objects, pace_s=0.0, beat_s=5.0)
    live.begin()
    seen = objects.world(NOW).revision
    stream = live.events(TOPICS, seen)
    assert await soon(stream) == "retry: 2000\n\n"
    waiting = asyncio.ensure_future(soon(stream))
    await asyncio.sleep(0)
    change = threading.Thread(target=objects.put, args=(Kind.VERSIONS, judged(owner, "btc-1")))
    change.start()
    assert await waiting == f"id: {seen + 1}\nevent: change\ndata: {seen + 1}\n\n"
    change.join()


async def test_a_page_that_comes_back_is_told_of_what_it_missed() -> None:
    objects = known(schedule())
    before = objects.world(NOW).revision
    objects.put(Kind.SCHEDULES, schedule("btc-eth", suspended=True))
    stream = Live(objects).events(TOPICS, before)
    await soon(stream)
    assert "event: change" in await soon(stream)


async def test_a_page_hears_of_nothing_that_it_does_not_show() -> None:
    objects = known(schedule(), schedule("other"))
    live = Live(objects, beat_s=0.01)
    live.begin()
    stream = live.events(TOPICS, objects.world(NOW).revision)
    await soon(stream)
    objects.put(Kind.SCHEDULES, schedule("other"))
    assert await soon(stream) == "event: beat\ndata: \n\n"


async def test_many_changes_are_told_at_once() -> None:
    owner = schedule()
    objects = known(owner)
    live = Live(objects, pace_s=0.01, beat_s=0.05)
    live.begin()
    stream = live.events(TOPICS, objects.world(NOW).revision)
    await soon(stream)
    for number in range(100):
        objects.put(Kind.VERSIONS, judged(owner, f"btc-{number}"))
    assert "event: change" in await soon(stream)
    assert "event: beat" in await soon(stream)


async def test_streams_end_when_the_dashboard_does() -> None:
    live = Live(known())
    live.begin()
    stream = live.events(TOPICS, 10**9)
    await soon(stream)
    ending = asyncio.ensure_future(soon(stream))
    await asyncio.sleep(0)
    live.close()
    with pytest.raises(StopAsyncIteration):
        await ending


def test_too_many_open_pages_are_refused(alone: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone.live, "most", 0)
    reply = alone.browser.get("/events?topic=schedules")
    assert (reply.status, reply.headers["retry-after"]) == (503, "10")
