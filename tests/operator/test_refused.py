"""Whatever the API server refuses to make is held back alone, tried again, and made at last."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.operator.rig import Rig, forbid
from tests.support.operator_process import OperatorProcess
from tests.support.ports import eventually
from tests.support.proxy import Seen, Verdict, let_pass
from tests.support.schedules import schedule

Raw = dict[str, Any]
ANSWERS: list[tuple[Verdict | int, str]] = [
    (400, "AdmissionDenied"),
    (403, "AdmissionDenied"),
    (404, "AdmissionDenied"),
    (409, "AdmissionUnavailable"),
    (429, "AdmissionUnavailable"),
    (500, "AdmissionUnavailable"),
    (503, "AdmissionUnavailable"),
    (504, "AdmissionUnavailable"),
    (Verdict.REFUSE, "AdmissionUnavailable"),
]


def refuse(rig: Rig, kind: str, answer: Verdict | int) -> None:
    """Let the API server refuse to make objects of a kind."""

    def judge(seen: Seen) -> Verdict | int:
        makes = seen.method == "POST" and seen.path.endswith(f"/{kind}")
        return answer if makes else Verdict.PASS

    rig.api.judge = judge


def tries(rig: Rig, kind: str) -> int:
    return sum(s.method == "POST" and s.path.endswith(f"/{kind}") for s in rig.api.seen)


def ask(rig: Rig, name: str, token: str) -> None:
    words = ("annotate", "--overwrite", "tsched", name, f"clm.dev/run-now={token}")
    rig.plane.kubectl("-n", rig.namespace, *words)


def running(rig: Rig, name: str) -> bool:
    return any(v.get("status", {}).get("phase") == "Running" for v in rig.versions(name))


def said(version: Raw) -> str:
    return str(version.get("status", {}).get("reason"))


def reasons(rig: Rig, about: str) -> set[str]:
    found = rig.plane.list(rig.namespace, "events")
    return {e["reason"] for e in found if e["involvedObject"]["kind"] == about}


@pytest.fixture(scope="module")
def operator(shared_rig: Rig) -> OperatorProcess:
    """One operator for all answers: each has a schedule of its own."""
    return shared_rig.start_operator()


@pytest.mark.parametrize(("answer", "reason"), ANSWERS, ids=[str(a) for a, _ in ANSWERS])
def test_a_job_that_is_refused_waits_alone(
    shared_rig: Rig, operator: OperatorProcess, answer: Verdict | int, reason: str
) -> None:
    rig, name = shared_rig, f"btc-{answer}".replace("Verdict.", "").lower()
    goes_on = rig.folder / name
    rig.kubelet.replace_command = [
        "sh", "-c", f"until [ -e {goes_on} ]; do sleep 0.1; done; exit 65",
    ]  # fmt: skip
    rig.apply(schedule(name, rig.namespace, concurrencyPolicy="Allow"))
    eventually(lambda: running(rig, name), "the first run works")
    before, began = tries(rig, "jobs"), time.monotonic()
    refuse(rig, "jobs", answer)
    ask(rig, name, "one")
    held = eventually(
        lambda: [v for v in rig.versions(name) if said(v) == reason],
        "the second one says why it has no Job",
    )[0]
    refused = tries(rig, "jobs") - before
    goes_on.touch()
    (first,) = rig.wait_ended(name)[:1]
    assert first["status"]["phase"] == "Failed", "its end is written meanwhile"
    assert held["status"]["phase"] == "Pending"
    assert held["status"]["message"]
    second = held["metadata"]["name"]
    rig.wait_status(name, lambda s: [r["name"] for r in s["active"]] == [second], "all is written")
    eventually(lambda: reason in told(rig, second), "an event tells it")
    count = (
        f'clm_held_back_total{{namespace="{rig.namespace}",reason="{reason}",schedule="{name}"}} '
    )
    assert count in operator.get("/metrics")[1]
    assert count + "0.0" not in operator.get("/metrics")[1]
    eventually(lambda: tries(rig, "jobs") - before > refused, "it is tried again")
    most = 2 * (1 + (time.monotonic() - began) / 0.5)
    assert tries(rig, "jobs") - before < most, "no tight loop"
    rig.api.judge = let_pass
    rig.wait_ended(name, 2)


@pytest.mark.parametrize("kind", ["modelversions", "secrets"])
def test_a_version_or_a_secret_that_is_refused_waits_alone(rig: Rig, kind: str) -> None:
    rig.kubelet.replace_command = ["sh", "-c", "exit 65"]
    refuse(rig, kind, 503)
    rig.start_operator()
    rig.apply(schedule("btc", rig.namespace))
    status = rig.wait_status("btc", lambda s: s.get("nextScheduleTime"), "its status is written")
    if kind == "modelversions":
        status = rig.wait_status("btc", lambda s: s.get("held"), "it says what is held back")
        (held,) = status["held"]
        assert held["reason"] == "AdmissionUnavailable"
        assert held["message"].startswith("no answer for now:")
        eventually(
            lambda: "AdmissionUnavailable" in reasons(rig, "TrainingSchedule"), "an event tells it"
        )
    else:
        eventually(
            lambda: [v for v in rig.versions("btc") if said(v) == "AdmissionUnavailable"],
            "the version says why it has no Job",
        )
        assert not [s for s in rig.store_proxy.seen if s.method == "POST" and s.path == "/"]
    assert rig.plane.list(rig.namespace, "jobs") == []
    rig.api.judge = let_pass
    rig.wait_ended("btc")
    settled = rig.wait_status("btc", lambda s: not s.get("held"), "nothing is held back")
    assert settled.get("skipped", []) == []


def told(rig: Rig, name: str) -> set[str]:
    found = rig.plane.list(rig.namespace, "events")
    about = {"kind": "ModelVersion", "name": name}
    return {e["reason"] for e in found if about.items() <= e["involvedObject"].items()}


def refuse_statuses(rig: Rig, of: Callable[[str], bool]) -> None:
    """Let the API server call the statuses of some objects invalid, told by kind and name."""

    def judge(seen: Seen) -> Verdict | int:
        about = seen.path.removesuffix("/status").rsplit("/", 2)
        writes = seen.method == "PATCH" and seen.path.endswith("/status")
        return 422 if writes and of("/".join(about[-2:])) else Verdict.PASS

    rig.api.judge = judge


def test_a_version_whose_status_is_refused_costs_itself_alone(rig: Rig) -> None:
    rig.kubelet.replace_command = ["sh", "-c", "exit 65"]
    rig.start_operator()
    retention = {"successfulRuns": 1, "failedRuns": 1}
    rig.apply(schedule("btc", rig.namespace, concurrencyPolicy="Allow", retention=retention))
    (first,) = [v["metadata"]["name"] for v in rig.wait_ended("btc")]
    passed = {"trainingschedules/btc", f"modelversions/{first}"}
    refuse_statuses(rig, lambda about: about not in passed)
    ask(rig, "btc", "one")
    second = _newest(rig, 2)
    rig.wait_status("btc", lambda s: s["lastRun"]["name"] == second, "the schedule's is written")
    ask(rig, "btc", "two")
    third = _newest(rig, 3)
    passed.add(f"modelversions/{third}")
    eventually(lambda: "TrainingFailed" in told(rig, third), "the neighbour's end is told")
    eventually(lambda: rig.plane.get(rig.namespace, "mv", first) is None, "retention goes on")
    assert told(rig, second) == set(), "no event without its write"
    rig.api.judge = let_pass
    eventually(lambda: "TrainingFailed" in told(rig, second), "it is written and told at last")


def test_a_schedule_whose_status_is_refused_loses_no_event_of_its_versions(rig: Rig) -> None:
    rig.kubelet.replace_command = ["sh", "-c", "exit 65"]
    refuse_statuses(rig, lambda about: about == "trainingschedules/btc")
    rig.start_operator()
    rig.apply(schedule("btc", rig.namespace))
    (version,) = rig.wait_ended("btc")
    eventually(
        lambda: "TrainingFailed" in told(rig, version["metadata"]["name"]), "its end is told"
    )
    assert "nextScheduleTime" not in rig.schedule("btc").get("status", {}), "it is refused"
    rig.api.judge = let_pass
    rig.wait_status("btc", lambda s: s.get("nextScheduleTime"), "it is written at last")


def _newest(rig: Rig, count: int) -> str:
    """Return the name of the newest of so many versions, once they are there."""

    def look() -> list[Raw] | None:
        found = rig.versions("btc")
        return found if len(found) >= count else None

    found = eventually(look, "one more version")
    return str(max(found, key=lambda v: v["metadata"]["creationTimestamp"])["metadata"]["name"])


def test_finished_jobs_make_room_where_a_quota_refuses_a_new_one(rig: Rig) -> None:
    rig.kubelet.replace_command = ["sh", "-c", "exit 65"]
    rig.start_operator()
    for name in ("old", "new"):
        rig.apply(schedule(name, rig.namespace, runOnCreate=name == "old"))
    (old,) = rig.wait_ended("old")
    assert len(rig.plane.list(rig.namespace, "jobs")) == 1, "a finished Job stays for a day"
    assert len(rig.secrets(old["metadata"]["name"])) == 1
    forbid(rig, "jobs.batch")
    ask(rig, "new", "one")
    eventually(lambda: not rig.plane.list(rig.namespace, "jobs"), "the neighbour's Job is gone")
    eventually(lambda: not rig.secrets(old["metadata"]["name"]), "its keys are gone with it")
    assert rig.version(old["metadata"]["name"])["status"]["phase"] == "Failed"
    rig.plane.kubectl("-n", rig.namespace, "delete", "resourcequota", "none")
    rig.wait_ended("new")


def test_a_schedule_made_again_in_the_same_minute_has_its_first_run(rig: Rig) -> None:
    rig.kubelet.replace_command = ["sleep", "300"]
    rig.start_operator()
    eventually(lambda: time.time() % 60 < 40, "well inside a minute", seconds=60)
    rig.apply(schedule("again", rig.namespace))
    eventually(lambda: running(rig, "again"), "it works")
    (old,) = rig.versions("again")
    _hold_up(rig, old, lambda: _made_again(rig))
    (new,) = rig.versions("again")
    assert new["metadata"]["name"] == old["metadata"]["name"], "the same slot"
    status = rig.schedule("again")["status"]
    assert status.get("skipped", []) == []


def _hold_up(rig: Rig, version: Raw, work: Callable[[], None]) -> None:
    """Keep a version from being collected until the work is done: a collector that is late."""
    name = version["metadata"]["name"]
    operator = rig.plane.account_kubeconfig(rig.namespace, "clm-operator")

    def patch(finalizers: str) -> None:
        body = f'{{"metadata": {{"finalizers": {finalizers}}}}}'
        words = ("patch", "mv", name, "--type=merge", "-p", body)
        rig.plane.kubectl("--kubeconfig", operator, "-n", rig.namespace, *words)

    patch('["late"]')
    work()
    patch("null")
    uid = version["metadata"]["uid"]
    eventually(
        lambda: [
            v for v in rig.versions("again") if v["metadata"]["uid"] != uid and v.get("status")
        ],
        "the new schedule has its version",
    )


def _made_again(rig: Rig) -> None:
    rig.plane.kubectl("-n", rig.namespace, "delete", "tsched", "again")
    rig.apply(schedule("again", rig.namespace))
    status = rig.wait_status("again", lambda s: s.get("held"), "it waits for the old one's end")
    assert status["held"][0]["reason"] == "CollectionPending"


def test_a_pod_that_a_limit_range_refuses_says_so_until_it_is_lifted(rig: Rig) -> None:
    rig.kubelet.replace_command = ["sh", "-c", "exit 65"]
    limits = {"limits": [{"type": "Container", "max": {"memory": "64Mi"}}]}
    meta = {"name": "small", "namespace": rig.namespace}
    rig.plane.apply({"apiVersion": "v1", "kind": "LimitRange", "metadata": meta, "spec": limits})
    rig.start_operator()
    rig.apply(schedule("btc", rig.namespace, job={"backoffLimit": 0}))
    eventually(
        lambda: [v for v in rig.versions("btc") if said(v) == "AdmissionDenied"], "it says so"
    )
    status = rig.versions("btc")[0]["status"]
    assert status["phase"] == "Pending"
    assert "maximum memory usage per Container is 64Mi" in status["message"]
    eventually(lambda: "AdmissionDenied" in reasons(rig, "ModelVersion"), "an event tells it")
    rig.plane.kubectl("-n", rig.namespace, "delete", "limitrange", "small")
    (version,) = rig.wait_ended("btc")
    assert version["status"]["reason"] == "TrainingFailed", "its pod was made"
