"""A leader and its Lease at a real API server: begin, work, lose, let go."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from clm_operator.clock import SystemClock
from clm_operator.cluster.api import Api, WriteBudget, connect
from clm_operator.edge.election import LEASE_S, RENEW_DEADLINE_S
from clm_operator.edge.leader import Leader, identity_of
from clm_operator.settings import LeaderSettings
from clm_operator.telling.prometheus import Metrics
from tests.operator.rig import VALUES
from tests.support import chart
from tests.support.control_plane import ControlPlane
from tests.support.proxy import Proxy, let_pass

Raw = dict[str, Any]
LEASE = "/apis/coordination.k8s.io/v1/namespaces/leases/leases/clm-operator"
NAME = "the Lease leases/clm-operator"


class Moved(SystemClock):
    """The machine's clock, moved on."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


@dataclass
class Process:
    """What one process has of the operator: a leader, and work that notes its begin and end."""

    leader: Leader
    api: Api
    clock: Moved
    metrics: Metrics
    begun: int = 0
    """How often its work has begun, and ended."""
    ended: int = 0
    fails: asyncio.Event = field(default_factory=asyncio.Event)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    async def work(self) -> None:
        self.begun += 1
        try:
            await self.fails.wait()
            raise RuntimeError("the work has ended")
        finally:
            await self.may_end.wait()
            self.ended += 1

    def says(self, value: int) -> bool:
        return f"clm_leader {value}.0".encode() in self.metrics.render()


@dataclass
class Place:
    """A Lease and the way to the API server."""

    plane: ControlPlane
    proxy: Proxy
    processes: list[Process] = field(default_factory=list)

    async def process(self, identity: str) -> Process:
        clock, metrics = Moved(), Metrics()
        api = Api(await connect(), WriteBudget(100, clock.monotonic, lambda: True), metrics.request)
        lease = LeaderSettings(namespace="leases", name="clm-operator")
        leader = Leader(api, lease, identity, clock, metrics)
        self.processes.append(process := Process(leader, api, clock, metrics))
        process.may_end.set()
        return process

    def lease(self) -> Raw:
        found = self.plane.request("GET", LEASE)
        assert found is not None
        return dict(found["spec"])

    def rewrite(self, **spec: Any) -> None:
        self.plane.request("PATCH", LEASE, {"spec": spec}, "application/merge-patch+json")


@pytest.fixture(scope="module")
def account(plane: ControlPlane) -> ControlPlane:
    """The account of a release's operator, with its rights."""
    meta = {"name": "leases"}
    plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    release = chart.of_kind(
        chart.render("leases", *VALUES), "ServiceAccount", "Role", "RoleBinding"
    )
    plane.apply(*({**o, "metadata": {"namespace": "leases"} | o["metadata"]} for o in release))
    return plane


@pytest.fixture
async def place(account: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    """A Lease that nobody has made yet."""
    account.kubectl("-n", "leases", "delete", "lease", "--all")
    proxy = Proxy(account.server, str(account.authority.folder / "ca.crt"))
    keys = account.account_kubeconfig("leases", "clm-operator", proxy.url)
    monkeypatch.setenv("KUBECONFIG", str(keys))
    place = Place(account, proxy)
    yield place
    for process in place.processes:
        await process.api.close()
    proxy.stop()


async def comes(holds: Any, what: str) -> None:
    """Wait for a condition."""
    for _ in range(1500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(what)


async def ends(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_the_first_one_works_and_lets_the_lease_go_at_its_end(place: Place) -> None:
    one, other = await place.process("one"), await place.process("other")
    first = asyncio.create_task(one.leader.run(one.work))
    await comes(lambda: one.begun, "one works")
    second = asyncio.create_task(other.leader.run(other.work))
    await comes(lambda: other.leader.has_looked, "the other stands by")
    assert (other.begun, other.leader.leads, other.leader.trouble()) == (0, False, [])
    assert one.says(1)
    assert other.says(0)
    held = place.lease()
    assert (held["holderIdentity"], held["leaseDurationSeconds"]) == ("one", LEASE_S)
    await ends(first)
    assert one.ended == 1
    await comes(lambda: other.begun, "the other works")
    assert place.lease()["leaseTransitions"] == held["leaseTransitions"] + 1
    await ends(second)
    assert (other.ended, place.lease()["holderIdentity"]) == (1, "")


async def test_it_lets_go_also_after_an_answer_that_was_lost(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    one = await place.process("one")
    task = asyncio.create_task(one.leader.run(one.work))
    await comes(lambda: one.begun, "it works")
    place.proxy.judge = lambda _: 503
    await comes(lambda: f"{NAME} can't be read or written" in caplog.text, "a renewal fails")
    place.proxy.judge = let_pass
    await ends(task)
    assert place.lease()["holderIdentity"] == ""


async def test_a_restarted_container_goes_on_with_its_pods_lease_at_once(place: Place) -> None:
    before = await place.process("pod")
    task = asyncio.create_task(before.leader.run(before.work))
    await comes(lambda: before.begun, "it works")
    place.proxy.judge = lambda _: 503  # it can't let go, as one that was killed
    await ends(task)
    place.proxy.judge = let_pass
    held = place.lease()
    assert held["holderIdentity"] == "pod"
    after = await place.process("pod")
    task = asyncio.create_task(after.leader.run(after.work))
    await comes(lambda: after.begun, "it works again")
    fresh = place.lease()
    assert fresh["acquireTime"] == held["acquireTime"]
    assert fresh["leaseTransitions"] == held["leaseTransitions"]
    await ends(task)


TAKEN = [
    ("another has taken it", {"holderIdentity": "thief"}, "thief"),
    ("somebody has let it go", {"holderIdentity": ""}, "one"),
]


@pytest.mark.parametrize(("name", "spec", "holder"), TAKEN, ids=[name for name, *_ in TAKEN])
async def test_work_ends_before_anything_else_when_the_lease_is_gone(
    place: Place, name: str, spec: Raw, holder: str
) -> None:
    one = await place.process("one")
    task = asyncio.create_task(one.leader.run(one.work))
    await comes(lambda: one.begun, "it works")
    place.rewrite(**spec)
    await comes(lambda: one.ended == 1, "the work has ended")
    if holder == "one":
        await comes(lambda: one.begun == 2, "a new term")
    assert place.lease()["holderIdentity"] == holder
    await ends(task)
    assert place.lease()["holderIdentity"] == ("" if holder == "one" else holder)


async def test_a_leader_that_gets_no_answer_stops_in_time_and_comes_back(place: Place) -> None:
    one = await place.process("one")
    task = asyncio.create_task(one.leader.run(one.work))
    await comes(lambda: one.begun, "it works")
    place.proxy.judge = lambda _: 503
    one.clock.ahead = RENEW_DEADLINE_S - 2.5  # it has renewed within the last two seconds
    assert one.leader.leads
    await comes(lambda: not one.leader.leads, "its time is over")
    await comes(lambda: one.ended == 1, "the work has ended")
    assert one.says(0)
    assert one.leader.trouble() == [], "the API server may come back"
    one.clock.ahead += 100
    (said,) = one.leader.trouble()
    assert f"no answer about {NAME} for 10" in said
    assert "503" in said
    place.proxy.judge = let_pass
    await comes(lambda: one.begun == 2, "it works again")
    assert one.leader.trouble() == []
    await ends(task)


async def test_work_that_does_not_end_is_named(place: Place) -> None:
    one = await place.process("one")
    task = asyncio.create_task(one.leader.run(one.work))
    await comes(lambda: one.begun, "it works")
    one.may_end.clear()
    one.clock.ahead = LEASE_S
    await comes(one.leader.trouble, "it is seen")
    assert one.leader.trouble() == [f"work goes on without {NAME}"]
    one.may_end.set()
    await comes(lambda: one.begun == 2, "it has ended, and a new term begins")
    assert one.leader.trouble() == []
    await ends(task)


async def test_work_that_ends_by_itself_ends_the_term_and_says_why(place: Place) -> None:
    one = await place.process("one")
    task = asyncio.create_task(one.leader.run(one.work))
    await comes(lambda: one.begun, "it works")
    one.fails.set()
    with pytest.raises(RuntimeError, match="the work has ended"):
        await task
    assert place.lease()["holderIdentity"] == ""
    assert one.says(0)


async def test_without_an_api_server_it_is_neither_ready_nor_a_leader(place: Place) -> None:
    place.proxy.judge = lambda _: 403
    one = await place.process("one")
    task = asyncio.create_task(one.leader.run(one.work))
    await comes(lambda: len(place.proxy.seen) > 1, "it has asked, and asks again")
    assert (one.leader.has_looked, one.leader.leads, one.begun) == (False, False, 0)
    await ends(task)


PODS = [
    ({"CLM_POD_NAME": "clm-0", "CLM_POD_UID": "7"}, "clm-0_7"),
    ({"CLM_POD_NAME": "clm-0"}, None),
    ({}, None),
]


@pytest.mark.parametrize(("environment", "name"), PODS, ids=["a pod", "no uid", "no pod"])
def test_under_what_name_a_lease_is_held(environment: dict[str, str], name: str | None) -> None:
    once, again = identity_of(environment), identity_of(environment)
    assert (once == again == name) if name else once != again
