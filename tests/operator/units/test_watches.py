"""What has fallen silent is named once, and namespaces are seen that no event told of."""

import logging

import pytest

from clm_operator.cluster.api import Api, ApiError, ForbiddenError
from clm_operator.cluster.resources import Cluster
from clm_operator.edge.namespaces import Namespaces
from clm_operator.edge.watch import Listings
from clm_operator.edge.watches import Watches
from clm_operator.mirror.objects import Key
from clm_operator.mirror.words import SILENCE_S, Words
from clm_operator.mirror.world import KINDS, Mirror
from clm_operator.settings import EVERY_NAMESPACE
from clm_operator.telling.prometheus import Metrics
from tests.operator.units import builders as b


class Nobody(Api):
    """Is asked nothing."""

    def __init__(self) -> None:
        """Know nothing."""


def shown(metrics: Metrics) -> dict[str, float]:
    """Return which kinds are silent."""
    (found,) = (m for m in metrics.registry.collect() if m.name == "clm_watch_silent")
    return {sample.labels["kind"]: sample.value for sample in found.samples}


def test_a_watch_that_falls_silent_is_named_once_and_when_it_speaks_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    now, metrics = 0.0, Metrics()
    mirror = Mirror(words=Words(lambda: now))
    watches = Watches(
        Nobody(), mirror, ["ns"], metrics, lambda *_: None, lambda _: None, lambda: None,
        lambda _: None,
    )  # fmt: skip
    for quiet_s in (0.0, SILENCE_S):
        now = quiet_s
        watches.tell_silence()
        assert set(shown(metrics).values()) == {0.0}
    now += 1
    for kind in KINDS:
        if kind != "Job":
            mirror.heard(kind, "ns")
    for _ in range(3):
        watches.tell_silence()
    assert shown(metrics) == {kind: float(kind == "Job") for kind in KINDS}
    mirror.heard("Job", "ns")
    watches.tell_silence()
    assert set(shown(metrics).values()) == {0.0}
    assert [(r.levelname, "Jobs of ns" in r.message) for r in caplog.records] == [
        ("WARNING", True), ("INFO", True),
    ]  # fmt: skip


class Listed(Cluster):
    """Knows namespaces and their labels."""

    def __init__(self, labels: dict[str, dict[str, str]]) -> None:
        super().__init__(Nobody(), Mirror())
        self.labels, self.away = labels, False

    async def namespaces(self) -> dict[str, dict[str, str]]:
        if self.away:
            raise ApiError(0, "away")
        return self.labels

    async def look(self, namespace: str) -> None:
        if self.away:
            raise ForbiddenError(403, "the Role is gone")


async def test_a_schedule_that_goes_while_its_namespace_refuses_is_looked_at_later() -> None:
    cluster, woken = Listed({}), list[Key]()
    namespaces = Namespaces(b.settings(), cluster, Metrics(), woken.append)
    cluster.away = True
    await namespaces.look_at_all()
    for key in (Key("ns", "gone"), Key("ns", "changed")):
        namespaces.wake(key)
    assert woken == []
    cluster.away = False
    await namespaces.look_at_all()
    assert woken == [Key("ns", "changed"), Key("ns", "gone")]
    await namespaces.look_at_all()
    assert len(woken) == 2, "once"


async def test_a_list_shows_namespaces_that_no_event_told_of() -> None:
    selector = {"matchLabels": {"team": "quants"}}
    settings = b.settings(watchNamespaces=[], watchNamespaceSelector=selector)
    cluster, woken = Listed({"old": {"team": "quants"}, "other": {}}), list[Key]()
    namespaces = Namespaces(settings, cluster, Metrics(), woken.append)
    namespaces.seen("lost", {"team": "quants"})
    namespaces.seen("old", {"team": "quants"})
    cluster.labels |= {"new": {"team": "quants"}}
    await namespaces.list_all()
    assert [n for n in ("lost", "old", "new", "other") if namespaces.serves(n)] == ["old", "new"]
    cluster.away = True
    await namespaces.list_all()
    assert namespaces.serves("old"), "no answer says nothing"
    assert EVERY_NAMESPACE not in namespaces.served()


@pytest.mark.parametrize(
    ("events", "again"),
    [
        ([(None, "a"), (None, "b"), ("ADDED", "c"), ("MODIFIED", "a")], [False] * 4),
        ([(None, "a"), ("MODIFIED", "a"), (None, "a")], [False, False, True]),
        ([("ADDED", "c"), (None, "c")], [False, True]),
        ([(None, "a"), ("DELETED", "a"), (None, "a")], [False, False, False]),
    ],
    ids=[
        "the first list and what comes after it",
        "a list that comes again",
        "a list that shows what a watch has told",
        "an object that was made again",
    ],
)
def test_a_list_that_comes_again_is_told_from_the_first(
    events: list[tuple[str | None, str]], again: list[bool]
) -> None:
    listings = Listings()
    assert [listings.comes_again(kind, uid) for kind, uid in events] == again
