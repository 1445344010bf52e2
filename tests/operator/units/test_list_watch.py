"""A watch goes on from where it was, whatever breaks, and a list comes again where it must."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from clm_operator.cluster.api import Api, ApiError
from clm_operator.edge import list_watch
from clm_operator.edge.list_watch import ListWatch
from clm_operator.mirror.objects import Key
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


class Scripted(Api):
    """Answers lists and watches one after the other, then says nothing more."""

    def __init__(self, *answers: list[Raw] | ApiError) -> None:
        self.answers, self.asked = list(answers), list[str]()
        self.over = asyncio.Event()

    async def pages(self, path: str, selector: str = "") -> AsyncIterator[Raw]:
        self.asked.append("list")
        for one in await self._next():
            yield one

    async def watch(self, path: str, since: str, selector: str = "") -> AsyncIterator[Raw]:
        self.asked.append(f"watch {since}")
        for one in await self._next():
            yield one

    async def _next(self) -> list[Raw]:
        if not self.answers:
            self.over.set()
            await asyncio.Event().wait()
        answer = self.answers.pop(0)
        if isinstance(answer, ApiError):
            raise answer
        return answer


TOO_OLD = event("ERROR", {"code": 410, "message": "too old resource version"})
BOOKMARK = event("BOOKMARK", {"metadata": {"resourceVersion": "30"}})


@pytest.mark.parametrize(
    ("answers", "asked", "left"),
    [
        (
            [[page(9, version("a", 5))], [event("ADDED", version("b", 12))], []],
            ["list", "watch 9", "watch 12", "watch 12"], ["a", "b"],
        ),
        (
            [[page(9, version("a", 5)), page(9, version("b", 6))], [BOOKMARK]],
            ["list", "watch 9", "watch 30"], ["a", "b"],
        ),
        (
            [[page(9, version("a", 5))], [event("DELETED", version("a", 11))]],
            ["list", "watch 9", "watch 11"], [],
        ),
        (
            [[page(9, version("a", 5))], [TOO_OLD], [page(20)]],
            ["list", "watch 9", "list", "watch 20"], [],
        ),
        (
            [[page(9, version("a", 5))], ApiError(410, "gone"), [page(20)]],
            ["list", "watch 9", "list", "watch 20"], [],
        ),
        (
            [[page(9, version("a", 5))], ApiError(0, "cut"), [event("ADDED", version("b", 12))]],
            ["list", "watch 9", "watch 9", "watch 12"], ["a", "b"],
        ),
        (
            [ApiError(0, "away"), ApiError(500, "sick"), [page(9, version("a", 5))]],
            ["list", "list", "list", "watch 9"], ["a"],
        ),
    ],
    ids=[
        "a watch goes on after its last event",
        "all pages count, and a bookmark moves the place",
        "a deletion is seen",
        "what was deleted while a watch was too old is seen",
        "also where the refusal is an answer of its own",
        "a watch that was cut goes on from where it was",
        "a server that is away is asked again",
    ],
)  # fmt: skip
async def test_a_list_and_its_watch(
    answers: list[list[Raw] | ApiError],
    asked: list[str],
    left: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for wait in ("_LOW_S", "_HIGH_S", "_PAUSE_S"):
        monkeypatch.setattr(list_watch, wait, 0.0)
    api, mirror, woken, listed = Scripted(*answers), Mirror(), list[Key](), list[str]()
    changed: Callable[[object, Key], None] = lambda _, key: woken.append(key)  # noqa: E731
    watch = ListWatch(api, mirror, "ModelVersion", "p", "ns", "", changed, listed.append)
    running = asyncio.create_task(watch.run())
    await api.over.wait()
    running.cancel()
    assert api.asked == asked
    assert sorted(v.name for v in mirror.versions.of(KEY)) == left
    assert set(woken) == {KEY}
    assert listed == ["ns"], "told once that it is known"
