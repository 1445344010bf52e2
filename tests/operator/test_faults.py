"""The operator is killed at every one of its API writes: the outcome is that of a quiet run."""

import asyncio
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from nats import connect
from nats.js.api import StreamConfig

from tests.operator.rig import Rig, as_json, is_write
from tests.support.event_receiver import EventReceiver
from tests.support.nats_server import NatsServer
from tests.support.ports import eventually
from tests.support.proxy import Seen, Verdict, let_pass
from tests.support.schedules import schedule

Raw = dict[str, Any]
_VOLATILE = {
    "uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "slot",
    "lastTransitionTime", "lastUpdatedTime", "startTime", "completionTime", "duration", "jobRef",
    "artifact", "reportUri", "nextScheduleTime", "lastScheduleTime", "since", "observedGeneration",
    "annotations", "ownerReferences", "from", "to", "attempt", "podUid", "progress",
    "lastSuccessfulTime",
}  # fmt: skip
_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\dZ| UTC)?")
WRITES_OF_A_RUN = 18
"""What a quiet run writes before it is judged, events included: 16 on an idle machine."""
WRITES_UNDER_LOAD = 20
"""A slow machine shows the operator more steps of a pod's life, and it tells them."""


def _stable(item: Any, name: str) -> Any:
    """Drop what differs between any two runs: times, uids, the slot in a name."""
    if isinstance(item, dict):
        return {k: _stable(v, name) for k, v in item.items() if k not in _VOLATILE}
    if isinstance(item, list):
        return [_stable(v, name) for v in item]
    return item.replace(name, "VERSION") if isinstance(item, str) else item


def _final_state(rig: Rig, sinks: "Sinks") -> str:
    (version,) = rig.versions()
    name = version["metadata"]["name"]
    seen = rig.schedule("swept")
    manifests = [k for k in rig.minio.keys(rig.namespace) if k.endswith("/manifest.json")]
    jobs = [j["metadata"]["name"] for j in rig.plane.list(rig.namespace, "jobs")]
    parts = {
        "version": version["status"],
        "schedule": seen["status"],
        "jobs": jobs,
        "manifests": len(manifests),
        "trials": seen["status"]["trials"]["total"],
        "events": _told(rig, version["metadata"]["uid"]),
        "sinks": sinks.ids(),
    }
    text = as_json(_stable(parts, name))
    text = _TIME.sub("TIME", text)
    return text.replace(rig.namespace, "NAMESPACE").replace(version["metadata"]["uid"], "UID")


@dataclass
class Sinks:
    """An HTTP endpoint and a NATS server that the operator tells what happens."""

    http: EventReceiver
    nats: NatsServer
    stream: str

    @property
    def settings(self) -> Raw:
        """The operator's."""
        queue = {"servers": [self.nats.url], "stream": self.stream}
        return {"http": {"url": self.http.url}, "nats": queue}

    async def prepare(self, namespace: str) -> None:
        """Make a stream for one namespace: others of the server are not in the way."""
        client = await connect(self.nats.url)
        wanted = StreamConfig(self.stream, subjects=[f"clm.events.{namespace}.>"])
        await client.jetstream().add_stream(wanted)
        await client.close()

    def ids(self) -> dict[str, list[str]]:
        """Return the ids that each sink knows, in their order; a dead operator may not see a pod.

        HTTP gets again what was sent right before a crash; NATS drops it by itself.
        """
        posted = list(dict.fromkeys(str(one.get_id()) for one in list(self.http.took)))
        found = {"http": posted, "nats": asyncio.run(self._stored())}
        return {k: [i for i in ids if not i.endswith("/started")] for k, ids in found.items()}

    async def _stored(self) -> list[str]:
        client = await connect(self.nats.url)
        stream = client.jetstream()
        state = (await stream.stream_info(self.stream)).state
        found = [await stream.get_msg(self.stream, n) for n in range(1, state.messages + 1)]
        await client.close()
        return [str((one.headers or {})["Nats-Msg-Id"]) for one in found]


def _told(rig: Rig, uid: str) -> list[str]:
    """Return the reasons of a version's events; a dead operator may not see that a pod works."""
    found = [
        e for e in rig.plane.list(rig.namespace, "events") if e["involvedObject"]["uid"] == uid
    ]
    return sorted(e["reason"] for e in found if e["reason"] != "TrainingStarted")


@dataclass
class KillAtWrite:
    """Kills the operator when its write number ``number`` arrives, before or after it counts."""

    rig: Rig
    number: int
    mode: Verdict
    count: int = 0
    fired: bool = False
    over: bool = False

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def judge(self, seen: Seen) -> Verdict:
        if not is_write(seen):
            return Verdict.PASS
        with self._lock:
            if self.over:
                return Verdict.PASS
            self.count += 1
            if self.count != self.number:
                return Verdict.REFUSE if self.fired else Verdict.PASS
            self.fired = True
        if self.mode is Verdict.REFUSE:
            self.rig.operators[-1].kill()
        return self.mode

    def stop(self) -> bool:
        """Let everything pass from now on; return whether the operator was killed before."""
        with self._lock:
            self.over = True
            return self.fired

    def after(self, _: Seen) -> None:
        self.rig.operators[-1].kill()


def _all_told(rig: Rig) -> bool:
    return not any("untold" in one["status"] for one in (*rig.versions(), rig.schedule("swept")))


def _finish(rig: Rig, sinks: Sinks) -> str:
    rig.wait_ended("swept", seconds=120)
    rig.wait_status("swept", lambda s: not s.get("active") and s.get("trials"), "settled")
    eventually(lambda: _all_told(rig), "everybody knows everything")
    rig.settle()
    return _final_state(rig, sinks)


@pytest.fixture(scope="module")
def quiet_state() -> list[str]:
    """The outcome without a fault, filled by the first test of this file."""
    return []


@pytest.fixture
def sinks(rig: Rig, nats: NatsServer) -> Iterator[Sinks]:
    """An endpoint, and a stream of its own, which the operator's settings name."""
    with EventReceiver() as receiver:
        found = Sinks(receiver, nats, rig.namespace)
        asyncio.run(found.prepare(rig.namespace))
        rig.config_overrides["events"] = found.settings
        yield found


@pytest.fixture
def rig(rig: Rig) -> Rig:
    """Progress is looked at rarely: its writes are as many as the run is long."""
    rig.config_overrides["progressPollSeconds"] = 30
    return rig


def test_a_quiet_run_is_the_measure(rig: Rig, sinks: Sinks, quiet_state: list[str]) -> None:
    rig.start_operator()
    rig.apply(schedule("swept", rig.namespace))
    quiet_state.append(_finish(rig, sinks))
    told = sinks.ids()
    assert [one.rpartition("/")[2] for one in told["http"]] == ["scheduled", "ended"]
    assert told["nats"] == told["http"]
    assert rig.writes() <= WRITES_UNDER_LOAD, [s for s in rig.api.seen if is_write(s)]


KILLS = [
    *(pytest.param(n, Verdict.REFUSE, id=f"{n}-before") for n in range(1, WRITES_OF_A_RUN + 1)),
    *(pytest.param(n, Verdict.SWALLOW, id=f"{n}-after") for n in (1, 2, 3, *range(6, 19, 3))),
]
"""A kill after one write and a kill before the next leave the server alike, so not every write has
both; the first three make the objects."""


@pytest.mark.slow
@pytest.mark.parametrize(("number", "mode"), KILLS)
def test_killed_at_any_write_the_outcome_is_the_same(
    rig: Rig, sinks: Sinks, quiet_state: list[str], number: int, mode: Verdict
) -> None:
    fault = KillAtWrite(rig, number, mode)
    rig.api.judge, rig.api.after = fault.judge, fault.after
    rig.start_operator()
    rig.apply(schedule("swept", rig.namespace))
    eventually(
        lambda: rig.operators[-1].ended or (rig.ended("swept") and not fault.fired),
        f"the operator is killed at write {number}, or needs fewer",
        seconds=120,
    )
    killed = fault.stop()
    rig.api.judge = let_pass
    if killed:
        rig.start_operator()
    assert _finish(rig, sinks) == quiet_state[0]
