"""A watch goes on from where it was, whatever breaks, and a list comes again where it must."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from clm_operator.cluster.api import Api, ApiError, ForbiddenError
from clm_operator.edge import list_watch
from clm_operator.edge.list_watch import ListWatch
from clm_operator.mirror.objects import Key
from clm_operator.mirror.words import SILENCE_S, Words
from clm_operator.mirror.world import Mirror
from tests.operator.units import builders as b

Raw = dict[str, Any]
KEY = Key("ns", "btc")


def version(name: str, at: int) -> Raw:
    """Build a version of a resourceVersion."""
    raw = b.version(name).raw
    return raw | {"metadata": raw["metadata"] | {"resourceVersion": str(at)}}


def event(kind: str, raw: Raw) -> Raw:
    """Build an event of a watch."""
    return {"type": kind, "object": raw}


def page(at: int, *items: Raw, more: str = "") -> Raw:
    """Build a page of a list."""
    return {"metadata": {"resourceVersion": str(at), "continue": more}, "items": list(items)}


Answer = list[Raw | ApiError] | ApiError
"""An error is a refusal, or, among events, how the stream breaks."""


class Scripted(Api):
    """Answers lists and watches one after the other, then says nothing more."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.asked = list(answers), list[str]()
        self.over = asyncio.Event()

    async def pages(self, path: str, selector: str = "") -> AsyncIterator[Raw]:
        self.asked.append("list")
        for one in await self._next():
            assert not isinstance(one, ApiError)
            yield one

    async def newest(self, path: str, selector: str = "") -> str:
        self.asked.append("newest")
        (found,) = await self._next()
        assert not isinstance(found, ApiError)
        return str(found["metadata"]["resourceVersion"])

    async def watch(
        self, path: str, since: str, selector: str = "", opened: Callable[[], None] = lambda: None
    ) -> AsyncIterator[Raw]:
        self.asked.append(f"watch {since}")
        events = await self._next()
        opened()
        for one in events:
            if isinstance(one, ApiError):
                raise one
            yield one

    async def _next(self) -> list[Raw | ApiError]:
        if not self.answers:
            self.over.set()
            await asyncio.Event().wait()
        answer = self.answers.pop(0)
        if isinstance(answer, ApiError):
            raise answer
        return answer


@dataclass
class Heard:
    """What a watch has told, and whom."""

    mirror: Mirror = field(default_factory=Mirror)
    woken: list[Key] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)

    def watch(self, api: Scripted) -> ListWatch:
        """A watch that tells this."""
        return ListWatch(
            api, self.mirror, "ModelVersion", "p", "ns", "",
            lambda _, key: self.woken.append(key), self.known.append,
            lambda: self.restored.append("restored"),
        )  # fmt: skip

    async def follow(self, api: Scripted) -> None:
        """Watch until all answers are given."""
        running = asyncio.create_task(self.watch(api).run())
        await api.over.wait()
        running.cancel()

    @property
    def left(self) -> list[str]:
        """The names of the versions that are shown."""
        return sorted(v.name for v in self.mirror.versions.of(KEY))


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the watch has rested; in truth it did not."""
    found, sleep = list[float](), asyncio.sleep

    async def rest(seconds: float) -> None:
        if seconds:
            found.append(seconds)
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", rest)
    monkeypatch.setattr(list_watch, "_LOW_S", 3.0)
    monkeypatch.setattr(list_watch, "_HIGH_S", 3.0)
    return found


TOO_OLD = event("ERROR", {"code": 410, "message": "too old resource version"})
TOO_LARGE = event("ERROR", {"code": 504, "message": "Too large resource version: 9, current: 3"})
BOOKMARK = event("BOOKMARK", {"metadata": {"resourceVersion": "30"}})
A, B = version("a", 5), event("ADDED", version("b", 12))


@dataclass(frozen=True)
class Case:
    name: str
    answers: list[Answer]
    """Of what comes after a list that shows *a* at 9."""
    asked: list[str]
    left: list[str]


CASES = [
    Case("a watch goes on after its last event", [[B], [BOOKMARK]],
         ["watch 9", "watch 12", "watch 30"], ["a", "b"]),
    Case("a bookmark moves the place", [[BOOKMARK]], ["watch 9", "watch 30"], ["a"]),
    Case("a deletion is seen", [[event("DELETED", version("a", 11))]], ["watch 9", "watch 11"], []),
    Case("what was deleted while a watch was too old is seen", [[TOO_OLD], [page(20)]],
         ["watch 9", "list", "watch 20"], []),
    Case("also where the refusal is an answer of its own", [ApiError(410, "gone"), [page(20)]],
         ["watch 9", "list", "watch 20"], []),
    Case("a server that ended a watch before its time may have another past",
         [[B, ApiError(0, "cut")], [page(20, A)]], ["watch 9", "list", "watch 20"], ["a"]),
    Case("so may one that was away", [ApiError(0, "refused"), [page(20, A)]],
         ["watch 9", "list", "watch 20"], ["a"]),
    Case("also one that was sick", [ApiError(503, "sick"), ApiError(0, "away"), [page(20)]],
         ["watch 9", "list", "list", "watch 20"], []),
    Case("one that has too much to do is asked for no list", [ApiError(429, "busy"), [B]],
         ["watch 9", "watch 9", "watch 12"], ["a", "b"]),
    Case("a silent watch goes on where the server has not gone back",
         [[], [page(9)], [B]],
         ["watch 9", "newest", "watch 9", "watch 12"], ["a", "b"]),
    Case("a silent watch of a server that went back is given up",
         [[], [page(4)], [page(4)]],
         ["watch 9", "newest", "list", "watch 4"], []),
    Case("a server that says that it went back is believed", [[TOO_LARGE], [page(3)]],
         ["watch 9", "list", "watch 3"], []),
    Case("a watch that is forbidden is asked for again after a list",
         [ForbiddenError(403, "no"), [page(20, A)]], ["watch 9", "list", "watch 20"], ["a"]),
]  # fmt: skip


@pytest.mark.usefixtures("pauses")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_watch_after_a_list(case: Case) -> None:
    api, heard = Scripted([page(9, A)], *case.answers), Heard()
    await heard.follow(api)
    assert api.asked == ["list", *case.asked]
    assert heard.left == case.left
    assert set(heard.woken) == {KEY}
    assert heard.known == ["ns"], "told once that it is known"


@pytest.mark.usefixtures("pauses")
async def test_all_pages_of_a_list_count_and_a_server_that_is_away_is_asked_again() -> None:
    pages: Answer = [page(9, A), page(9, version("b", 6))]
    api, heard = Scripted(ApiError(0, "away"), ApiError(500, "sick"), pages), Heard()
    await heard.follow(api)
    assert (api.asked, heard.left) == (["list", "list", "list", "watch 9"], ["a", "b"])


@pytest.mark.usefixtures("pauses")
async def test_a_restore_of_the_servers_store_is_told_and_its_objects_are_taken() -> None:
    before: Answer = [page(9, A, version("b", 9))]
    after: Answer = [page(7, version("a", 4), version("c", 6))]
    api, heard = Scripted(before, [BOOKMARK, ApiError(0, "it ends")], after), Heard()
    await heard.follow(api)
    assert api.asked == ["list", "watch 9", "list", "watch 7"]
    assert (heard.left, heard.restored) == (["a", "c"], ["restored"])
    (a, _) = sorted(heard.mirror.versions.of(KEY), key=lambda v: v.name)
    assert a.raw["metadata"]["resourceVersion"] == "4"


async def test_lists_after_which_no_watch_begins_become_rare(pauses: list[float]) -> None:
    lists: list[Answer] = [[page(9, A)], ForbiddenError(403, "no watches")] * 7
    await Heard().follow(Scripted(*lists))
    assert pauses == [3.0, 6.0, 12.0, 24.0, 48.0, 48.0, 48.0]


async def test_a_refusal_is_said_once_until_it_is_over(
    pauses: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    no = ForbiddenError(403, "the Role is gone")
    await Heard().follow(Scripted(no, no, no, [page(9, A)], [B], no, no))
    said = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert len(said) == 2
    assert set(pauses) <= {3.0, 0.5}


async def test_who_waits_is_woken_when_a_silent_kind_is_heard_of_again() -> None:
    now = 0.0
    heard = Heard(Mirror(words=Words(lambda: now)))
    await heard.follow(Scripted([page(9, A)]))
    assert heard.known == ["ns"]
    now = SILENCE_S + 1
    await heard.follow(Scripted(ApiError(0, "away"), [page(9, A)]))
    assert heard.known == ["ns", "ns"]


SWEEPS = [
    Case("it is asked for between two lists", [[page(10)], [page(11)], [page(12, A)]],
         ["newest", "newest", "list"], ["a"]),
    Case("what was deleted is seen by the next list", [[page(10)], [page(11)], [page(12)]],
         ["newest", "newest", "list"], []),
    Case("a server that went back is listed at once", [[page(4)], [page(4)]],
         ["newest", "list"], []),
    Case("one that was away may have another past", [ApiError(0, "away"), [page(10)]],
         ["newest", "list"], []),
    Case("one that refused it too", [ForbiddenError(403, "no"), [page(10, A)]],
         ["newest", "list"], ["a"]),
]  # fmt: skip


@pytest.mark.parametrize("case", SWEEPS, ids=lambda case: case.name)
async def test_a_kind_that_others_bring(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_LOW_S", "_HIGH_S", "_HEAR_S"):
        monkeypatch.setattr(list_watch, name, 0.0)
    monkeypatch.setattr(list_watch, "_HEARD_BETWEEN_LISTS", 3)
    api, heard = Scripted([page(9, A)], *case.answers), Heard()
    over = asyncio.Event()
    sweeping = asyncio.create_task(heard.watch(api).sweep(over))
    await api.over.wait()
    sweeping.cancel()
    assert api.asked[: len(case.asked) + 1] == ["list", *case.asked]
    assert heard.left == case.left
    assert heard.restored == ["restored"] * ("went back" in case.name)


async def test_a_sweep_ends_when_the_kind_is_watched_instead() -> None:
    api, over = Scripted([page(9, A)]), asyncio.Event()
    watch = replace(Heard().watch(api), known=lambda _: over.set())
    await asyncio.wait_for(watch.sweep(over), 20)
    assert api.asked == ["list"]


@pytest.mark.usefixtures("pauses")
async def test_a_watch_that_broke_and_listed_again_says_so_and_a_first_list_does_not() -> None:
    answers: list[Answer] = [[page(9, A)], [B, ApiError(0, "cut")], [page(20, A)]]
    api, said = Scripted(*answers), list[str]()
    watch = replace(Heard().watch(api), anew=lambda: said.append(api.asked[-1]))
    running = asyncio.create_task(watch.run())
    await api.over.wait()
    running.cancel()
    assert api.asked == ["list", "watch 9", "list", "watch 20"]
    assert said == ["list"]


async def test_a_sweep_that_is_hurried_lists_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_watch, "_HIGH_S", 0.0)
    api, heard, gone = Scripted([page(9, A)], [page(12)]), Heard(), asyncio.Event()

    def changed(*_: object) -> None:
        if not heard.left:
            gone.set()

    watch = replace(heard.watch(api), changed=changed, known=lambda _: watch.hurry())
    sweeping = asyncio.create_task(watch.sweep(asyncio.Event()))
    await asyncio.wait_for(gone.wait(), 20)
    sweeping.cancel()
    assert api.asked == ["list", "list"]
