"""What an answer brings before its event is news all the same: somebody is woken."""

from typing import Any

import pytest

from clm_operator.cluster.api import Api, NotFoundError
from clm_operator.cluster.resources import Cluster
from clm_operator.mirror.objects import Key
from clm_operator.mirror.world import Mirror
from tests.operator.units import builders as b

Raw = dict[str, Any]
KEY = Key("ns", "btc")


class Answers(Api):
    """An API server that gives one answer."""

    def __init__(self, answer: Raw | None) -> None:
        self.answer = answer

    async def get(self, path: str) -> Raw:
        if self.answer is None:
            raise NotFoundError(404, path)
        return self.answer

    async def delete(self, path: str, uid: str, version: str | None = None) -> Raw | None:
        return self.answer


def version(at: int) -> Raw:
    """Build a version of a resourceVersion."""
    raw = b.version("btc-1").raw
    return raw | {"metadata": raw["metadata"] | {"resourceVersion": str(at)}}


@pytest.mark.parametrize(
    ("answer", "news"),
    [(version(6), True), (version(5), False), (None, True)],
    ids=["a newer form", "the form that is known", "it is gone"],
)
async def test_what_is_read_live_wakes_its_schedule_if_it_is_news(
    answer: Raw | None,
    news: bool,  # noqa: FBT001
) -> None:
    mirror, woken = Mirror(), list[Key]()
    mirror.put("ModelVersion", version(5))
    cluster = Cluster(Answers(answer), mirror, woken.append)
    assert await cluster.refresh("ModelVersion", "ns", "btc-1") is news
    assert woken == ([KEY] if news else [])
    assert len(mirror.versions) == (0 if answer is None else 1)


@pytest.mark.parametrize(
    ("left", "woken"),
    [({}, [KEY]), (version(6), []), (None, [])],
    ids=["gone at once", "a finalizer holds it", "another one by now"],
)
async def test_what_is_deleted_wakes_its_schedule_once_it_is_gone(
    left: Raw | None, woken: list[Key]
) -> None:
    mirror, heard = Mirror(), list[Key]()
    mirror.put("ModelVersion", version(5))
    await Cluster(Answers(left), mirror, heard.append).delete_version(version(5))
    assert heard == woken
    assert len(mirror.versions) == (0 if left == {} else 1)
