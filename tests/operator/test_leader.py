"""Two replicas: one works, the other stands by and takes over; nothing is done twice."""

import os
import signal
import time
from collections import Counter
from typing import Any

import pytest

from clm_operator.edge.leader import POD_VARIABLE, UID_VARIABLE
from tests.operator.rig import Rig, is_write
from tests.support.operator_process import OperatorProcess
from tests.support.ports import eventually
from tests.support.proxy import Proxy, Seen, Verdict
from tests.support.schedules import schedule

pytestmark = pytest.mark.slow
Raw = dict[str, Any]
AFTER_A_KILL_S, AFTER_A_CLEAN_END_S = 15, 2


def replica(rig: Rig, pod: str) -> OperatorProcess:
    """Start a pod of the operator's."""
    return rig.start_operator(**{POD_VARIABLE: pod, UID_VARIABLE: "1"})


def leads(operator: OperatorProcess) -> bool:
    return "clm_leader 1.0" in operator.get("/metrics")[1]


def lease(rig: Rig) -> Raw:
    path = f"/apis/coordination.k8s.io/v1/namespaces/{rig.namespace}/leases/clm-operator"
    found = rig.plane.request("GET", path)
    assert found is not None
    return dict(found["spec"])


def takes_over(operator: OperatorProcess, seconds: float) -> None:
    """Wait until it leads, and not for longer than that."""
    began = time.monotonic()
    eventually(lambda: leads(operator), "the standby leads")
    assert time.monotonic() - began <= seconds


def nothing_is_double(rig: Rig, name: str) -> None:
    """There is one version with one Job, and each thing is told once."""
    (version,) = rig.wait_ended(name)
    rig.settle()
    assert version["status"]["phase"] == "Succeeded"
    assert len(rig.versions()) == len(rig.plane.list(rig.namespace, "jobs")) == 1
    told = Counter(
        (e["reason"], e["message"]) for e in rig.plane.list(rig.namespace, "events")
        if e["source"].get("component") == "clm-operator"
    )  # fmt: skip
    assert told
    assert set(told.values()) == {1}
    assert rig.schedule(name)["status"]["trials"]["total"] == 1


def test_a_standby_takes_over_after_a_clean_end_and_after_a_kill(rig: Rig) -> None:
    first = replica(rig, "first")
    eventually(lambda: leads(first), "the first replica leads")
    second = replica(rig, "second")
    eventually(lambda: second.get("/healthz") == (200, "ok"), "the second one watches")
    assert (second.get("/readyz")[0], leads(second)) == (200, False)
    rig.apply(schedule("handed-on", rig.namespace))
    rig.wait_status("handed-on", lambda s: s.get("active"), "a run has begun")

    first.process.terminate()
    takes_over(second, AFTER_A_CLEAN_END_S)
    assert first.process.wait(30) == 0
    assert lease(rig)["holderIdentity"] == "second_1"

    third = replica(rig, "third")
    assert not leads(third)
    second.kill()
    takes_over(third, AFTER_A_KILL_S)
    assert lease(rig)["leaseTransitions"] == 2, "it has changed hands twice"
    nothing_is_double(rig, "handed-on")

    third.kill()
    takes_over(replica(rig, "third"), AFTER_A_CLEAN_END_S)  # a container that is started anew


def test_a_leader_that_was_frozen_writes_nothing_once_another_leads(rig: Rig) -> None:
    others = rig.api
    rig.api = Proxy(others.target, others.ca)
    frozen = replica(rig, "frozen")
    eventually(lambda: leads(frozen), "it leads")
    own, rig.api = rig.api, others

    def freeze(seen: Seen) -> Verdict:
        if seen.method == "POST" and seen.path.endswith("/modelversions"):
            os.kill(frozen.process.pid, signal.SIGSTOP)
        return Verdict.PASS

    try:
        standby = replica(rig, "standby")
        own.judge = freeze
        rig.apply(schedule("frozen", rig.namespace))
        takes_over(standby, AFTER_A_KILL_S + 5)  # the schedule is seen first
        rig.wait_status("frozen", lambda s: s.get("active"), "the run goes on")

        before = len(own.seen)
        frozen.process.send_signal(signal.SIGCONT)
        eventually(lambda: frozen.get("/healthz")[0] == 200 and not leads(frozen), "it stands by")
        nothing_is_double(rig, "frozen")
        assert not [seen for seen in own.seen[before:] if is_write(seen)]
        assert lease(rig)["holderIdentity"] == "standby_1"
    finally:
        frozen.kill()
        own.stop()
