"""What the reader may see comes by itself, and what does not come says why."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

import clm_cli.dashboard.watching
from clm_cli.dashboard.objects import Objects
from clm_cli.dashboard.watching import Watching
from clm_cli.dashboard.world import Key, Kind, Source, World
from clm_cli.server import Server
from tests.cli.dashboard.served import at_noon
from tests.cli.dashboard.worlds import NOW
from tests.cli.namespace import Namespace
from tests.cli.objects import judged, schedule
from tests.support.control_plane import ControlPlane
from tests.support.ports import eventually
from tests.support.proxy import Proxy, Seen, Verdict, let_pass

ALL = [str(kind) for kind in Kind]
READ = ["get", "list", "watch"]


@dataclass
class Watched:
    """A dashboard's watches, through a proxy that hurts."""

    api: Namespace
    proxy: Proxy
    folder: Path
    patch: pytest.MonkeyPatch
    objects: Objects

    def begin(self, *rules: tuple[list[str], list[str]], namespace: str | None = None) -> Watching:
        """Watch with these rights: resources and verbs."""
        given = [{"apiGroups": ["clm.dev"], "resources": r, "verbs": v} for r, v in rules]
        path = self.api.account_kubeconfig(self.folder / "reader", self.proxy.url, given)
        self.patch.setenv("KUBECONFIG", str(path))
        place = self.api.name if namespace is None else namespace
        watching = Watching(Server(), self.objects, place, at_noon)
        watching.begin()
        return watching

    @property
    def world(self) -> World:
        return self.objects.world(NOW)

    def key(self, name: str) -> Key:
        return Key(self.api.name, name)

    def source(self, kind: Kind) -> Source:
        return self.world.source(kind)

    def listed(self) -> bool:
        return all(self.source(kind).listed for kind in Kind)


@pytest.fixture(scope="module")
def door(defined: ControlPlane) -> Iterator[Proxy]:
    """What all watches go through: it takes seconds to close while they are open."""
    proxy = Proxy(defined.server, str(defined.authority.folder / "ca.crt"))
    yield proxy
    proxy.stop()


@pytest.fixture
def watched(
    api: Namespace, door: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Watched]:
    monkeypatch.setattr(clm_cli.dashboard.watching, "_LONGEST_S", 0.05)
    monkeypatch.setattr(clm_cli.dashboard.watching, "_POLL_S", 0.05)
    yield Watched(api, door, tmp_path, monkeypatch, Objects())
    door.judge = let_pass


def until(fact: Callable[[], object], what: str) -> None:
    eventually(lambda: bool(fact()), what)


def test_changes_come_by_themselves_and_an_absence_is_made_up_for(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clm_cli.dashboard.watching, "_PAGE", "1")  # every object is a page
    api = watched.api
    watched.proxy = Proxy(api.plane.server, watched.proxy.ca)
    owner = api.put(schedule())
    for number in range(3):
        api.put(judged(owner, f"btc-{number}"))
    watching = watched.begin((ALL, READ))
    until(watched.listed, "all is listed")
    assert len(watched.world.versions[watched.key("btc-eth")]) == 3

    api.put(judged(owner, "btc-0", "ARCHIVED"))
    until(lambda: watched.world.single[watched.key("btc-0")].status.stage == "ARCHIVED", "changed")
    api.plane.request("DELETE", api.path("ModelVersion", "btc-1"))
    until(lambda: watched.key("btc-1") not in watched.world.single, "gone")

    watched.proxy.stop()
    until(lambda: all(watched.source(kind).problem for kind in Kind), "the absence is said")
    (trouble,) = watched.world.troubles
    assert (trouble.old_since, set(trouble.kinds)) == (NOW, set(Kind))
    assert "does not answer" in trouble.problem or "cut off" in trouble.problem
    assert len(watched.world.versions[watched.key("btc-eth")]) == 2

    api.plane.request("DELETE", api.path("ModelVersion", "btc-2"))
    watched.proxy = replace(watched.proxy)
    until(lambda: watched.world.troubles == (), "it is back")
    until(lambda: watched.key("btc-2") not in watched.world.single, "what was missed came")
    watching.end()
    watched.proxy.stop()


def test_who_may_not_see_all_namespaces_sees_their_own(watched: Watched) -> None:
    watched.api.put(schedule())
    watching = watched.begin((ALL, READ), namespace="")
    until(watched.listed, "all is listed")
    assert list(watched.world.schedules) == [watched.key("btc-eth")]
    assert any(
        "all namespaces" in note and watched.api.name in note for note in watched.world.notes
    )
    watching.end()


def test_a_kind_that_may_not_be_seen_says_so_and_harms_no_other(watched: Watched) -> None:
    owner = watched.api.put(schedule())
    watched.api.put(judged(owner, "btc-1"))
    watching = watched.begin((ALL[:2], READ))
    until(lambda: watched.source(Kind.SIMULATIONS).problem, "it is said")
    until(lambda: watched.key("btc-1") in watched.world.single, "the others are shown")
    (trouble,) = watched.world.troubles
    assert trouble.kinds == (Kind.SIMULATIONS,)
    assert trouble.old_since is None
    assert "cannot list resource" in trouble.problem
    watching.end()


def test_who_may_list_and_not_watch_sees_changes_too(watched: Watched) -> None:
    owner = watched.api.put(schedule())
    watching = watched.begin((ALL, READ[:2]))
    until(watched.listed, "all is listed")
    watched.api.put(judged(owner, "btc-1"))
    until(lambda: watched.key("btc-1") in watched.world.single, "it is listed again")
    watching.end()


def test_who_may_list_all_namespaces_and_not_watch_them_keeps_them(watched: Watched) -> None:
    elsewhere = schedule("there") | {"apiVersion": "clm.dev/v1alpha1"}
    stamp = {"namespace": "elsewhere", "resourceVersion": "1", "uid": "u"}
    elsewhere["metadata"] |= stamp | {"creationTimestamp": "2025-12-01T00:00:00Z"}
    lists: list[Seen] = []

    def judge(seen: Seen) -> int | bytes:
        if "watch=true" in seen.query:
            return 403
        lists.append(seen)
        items = [elsewhere] if seen.path.endswith(Kind.SCHEDULES) and len(lists) < 9 else []
        return json.dumps({"metadata": {"resourceVersion": "1"}, "items": items}).encode()

    watched.proxy.judge = judge
    watching = watched.begin((ALL, READ), namespace="")
    there = Key("elsewhere", "there")
    until(lambda: there in watched.world.schedules, "another namespace is shown")
    until(lambda: there not in watched.world.schedules, "what is gone there goes")
    assert not any("/namespaces/" in seen.path for seen in lists)
    assert watched.world.notes == ()
    watching.end()


@dataclass
class Counted(Watching):
    """Waits for nothing, and goes on only so often."""

    pauses: dict[str, list[float]] = field(default_factory=dict)

    def rest(self, seconds: float) -> bool:
        mine = self.pauses.setdefault(threading.current_thread().name, [])
        mine.append(seconds)
        return len(mine) <= 6


def test_an_api_server_that_never_lets_a_watch_begin_is_asked_less_and_less(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clm_cli.dashboard.watching, "_LONGEST_S", 30.0)
    watched.proxy.judge = lambda seen: 410 if "watch=true" in seen.query else Verdict.PASS
    watched.begin((ALL, READ)).end()
    counted = Counted(Server(), watched.objects, watched.api.name, at_noon)
    counted.begin()
    until(lambda: [len(p) for p in counted.pauses.values()] == [7] * 3, "all have ended")
    for first, again, *longer in counted.pauses.values():
        assert (first, again) == (0.0, 0.0)
        assert longer == sorted(longer)
        assert longer[0] >= 0.5
        assert longer[-1] >= 8


def event(kind: str, body: Any) -> bytes:
    return json.dumps({"type": kind, "object": body}).encode() + b"\n"


@pytest.mark.parametrize(
    "answer",
    [
        event("ERROR", {"kind": "Status", "code": 410, "message": "too old resource version"}),
        410,
        b'{"type": "MODIFIED", "object": {"metad',
    ],
    ids=["too old, as an event", "too old, as an answer", "cut within a line"],
)
def test_a_watch_that_can_not_go_on_begins_anew(answer: bytes | int, watched: Watched) -> None:
    watches: list[Seen] = []

    def judge(seen: Seen) -> Verdict | int | bytes:
        if "watch=true" in seen.query and len(watches) < 6:
            watches.append(seen)
            return answer
        return Verdict.PASS

    watched.proxy.judge = judge
    owner = watched.api.put(schedule())
    watching = watched.begin((ALL, READ))
    until(lambda: len(watches) == 6, "watches were answered so")
    watched.api.put(judged(owner, "btc-1"))
    until(lambda: watched.key("btc-1") in watched.world.single, "it is followed again")
    until(lambda: watched.world.troubles == (), "all is well")
    watching.end()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"<html>log in first</html>", "ask you to log in?"),
        (b'{"metadata": {"resourceVersion": "1"}, "items": [{}]}', "can't be read"),
    ],
    ids=["a portal's page", "an object without a name"],
)
def test_an_answer_that_is_no_list_is_said_and_asked_for_again(
    answer: bytes, said: str, watched: Watched
) -> None:
    watched.api.put(schedule())
    watched.proxy.judge = lambda _: answer
    watching = watched.begin((ALL, READ))
    until(lambda: all(watched.source(kind).problem for kind in Kind), "it is said")
    assert said in watched.source(Kind.SCHEDULES).problem
    watched.proxy.judge = lambda _: Verdict.PASS
    until(lambda: watched.world.troubles == (), "it is read")
    assert list(watched.world.schedules) == [watched.key("btc-eth")]
    watching.end()
