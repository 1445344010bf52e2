"""How long a run's pod may keep it waiting, and whose words and container tell what it does."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import pytest

from clm_api.reasons import Reason
from clm_operator.complaints import Complaint, told
from clm_operator.findings import UnreadableReport
from clm_operator.jobs.waiting import overdue
from clm_operator.mirror.objects import Job, Pod
from tests.operator.units import builders as b
from tests.operator.units.test_outcomes import HAD_JOB
from tests.operator.units.test_shadow import IN_PRODUCTION
from tests.operator.units.world import World, ended

Raw = dict[str, Any]
LIMIT_S = 60
T0 = b.NOW
QUOTA = 'Error creating: pods "btc-1-…" is forbidden: exceeded quota: team, requested: cpu=2'


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def job(
    *pods: Pod,
    suspend: bool = False,
    started: float | None = None,
    suspended: tuple[str, float] | None = None,
    warning: Complaint | None = None,
    queue: str | None = None,
) -> Job:
    """Build a Job of T0; ``suspended`` is the condition's status and the time of its change."""
    raw = b.job("btc-1", *pods, suspend=suspend).raw
    status: Raw = {} if started is None else {"startTime": b.stamp(at(started))}
    if suspended is not None:
        holds, since = suspended
        status["conditions"] = [
            {"type": "Suspended", "status": holds, "lastTransitionTime": b.stamp(at(since)),
             "reason": "JobSuspended", "message": "Job suspended"}
        ]  # fmt: skip
    if queue is not None:
        raw["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": queue}
    return Job(raw | {"status": status}, pods, warning)


@dataclass(frozen=True)
class Wait:
    name: str
    job: Job
    now: float
    failed: bool
    missing: float | None = None


WAITS = [
    Wait("a Job without a pod waits from its creation", job(), 61, failed=True),
    Wait("and not longer than it may", job(), 60, failed=False),
    Wait("a queue's two hours do not count", job(suspend=True), 7200, failed=False),
    Wait("nor on the moment of its admission, before the status says so",
         job(suspended=("True", 0)), 7200, failed=False),
    Wait("admitted just now, it waits from then on",
         job(started=7200, suspended=("False", 7200)), 7201, failed=False),
    Wait("admitted and still without a pod, it is given up",
         job(started=7200, suspended=("False", 7200)), 7261, failed=True),
    Wait("a startTime is enough, as where a queue made the Job suspended and says no more",
         job(started=7200), 7230, failed=False),
    Wait("so is the condition", job(suspended=("False", 7200)), 7230, failed=False),
    Wait("a pod that was lost begins the wait anew", job(started=0), 7230, False, missing=7200),
    Wait("and ends it after the same time", job(started=0), 7261, True, missing=7200),
    Wait("a new pod in the place of a lost one waits from its own creation",
         job(b.pod("Pending", created=at(7230)), started=0), 7280, failed=False),
    Wait("a pod of before the preemption does not count",
         job(b.pod("Pending", created=at(10)), started=7200), 7230, failed=False),
]  # fmt: skip


@pytest.mark.parametrize("case", WAITS, ids=attrgetter("name"))
def test_how_long_a_job_may_wait_for_its_pod(case: Wait) -> None:
    missing = None if case.missing is None else at(case.missing)
    why = overdue(case.job, missing, LIMIT_S, at(case.now))
    assert (why is not None) is case.failed
    assert why is None or why.reason == "Unschedulable"


def run_through(*looks: tuple[float, Job]) -> list[str]:
    """Return phase and reason of a run at each look; every look starts from the last status."""
    status: Raw = dict(HAD_JOB)
    seen = []
    for seconds, found in looks:
        version = b.version(status=status, job={"pendingDeadlineSeconds": LIMIT_S})
        view = b.seen(version, now=at(seconds), jobs={"btc-1": found})
        outcome = b.came_of(version, view, b.settings())
        status = b.plain(outcome.status)
        seen.append(f"{outcome.status.phase} {outcome.status.reason}")
    return seen


def test_a_run_that_loses_its_node_after_hours_waits_as_long_as_a_new_one() -> None:
    working = job(b.pod(created=at(1)), started=0)
    fresh = job(b.pod(created=at(890)), started=0)
    assert run_through(
        (800, working), (830, job(started=0)), (889, job(started=0)), (891, fresh)
    ) == ["Running TrainingStarted", *["Pending JobCreated"] * 2, "Running TrainingStarted"]
    assert run_through((800, working), (830, job(started=0)), (891, job(started=0)))[-1] == (
        "Failed Unschedulable"
    )


def test_a_run_that_is_preempted_and_admitted_again_goes_on() -> None:
    assert run_through(
        (800, job(b.pod(created=at(1)), started=0)),
        (810, job(suspend=True, suspended=("True", 805))),
        (8000, job(suspend=True, suspended=("True", 805))),
        (9001, job(suspended=("True", 805))),
        (9002, job(started=9001, suspended=("False", 9001))),
        (9050, job(b.pod(created=at(9050)), started=9001)),
    ) == [
        "Running TrainingStarted", "Pending QuotaPending", "Pending QuotaPending",
        "Pending JobCreated", "Pending JobCreated", "Running TrainingStarted",
    ]  # fmt: skip


def test_a_pod_that_is_leaving_is_not_silent_and_not_waited_for_without_an_end() -> None:
    def leaving(since: float) -> Job:
        raw = {
            "metadata": {
                "uid": "p", "creationTimestamp": b.stamp(T0),
                "deletionTimestamp": b.stamp(at(since)),
            },
            "status": {"phase": "Running"},
        }  # fmt: skip
        return job(Pod.read(raw), started=0)

    assert run_through((2000, leaving(1990)), (2050, leaving(1990)), (2051, leaving(1990))) == [
        "Running PodLost", "Running PodLost", "Failed DeadlineExceeded",
    ]  # fmt: skip


def test_a_replay_waits_by_the_same_rules() -> None:
    def world(found: Job, now: float) -> Raw:
        made = World.of(
            ended("btc-0", "PRODUCTION"), status=IN_PRODUCTION,
            job={"pendingDeadlineSeconds": LIMIT_S},
        )  # fmt: skip
        made.now += timedelta(hours=6)
        made.settle()
        (name,) = made.jobs
        made.jobs[name] = Job(made.jobs[name].raw | {"status": found.raw["status"]}, found.pods)
        made.jobs[name].raw["spec"]["suspend"] = found.suspended
        made.now = T0 + timedelta(hours=6, seconds=now)
        made.settle()
        return dict(made.schedule["status"]["replay"])

    six = 6 * 3600
    assert world(job(), 65)["reason"] == "Unschedulable"
    queued = world(job(suspend=True, suspended=("True", six)), 7200)
    assert (queued["phase"], queued["reason"]) == ("Running", "QuotaPending")
    assert world(job(started=six + 7200), 7201)["phase"] == "Running"
    lost = world(job(b.pod(created=at(six + 100)), started=six), 7200)
    assert "podMissingSince" not in lost
    assert lost["phase"] == "Running"


def event(message: str, seconds: float, kind: str = "Warning", **more: Any) -> Raw:
    meta = {"creationTimestamp": b.stamp(T0)}
    time = {"lastTimestamp": b.stamp(at(seconds))}
    return {"metadata": meta, "type": kind, "reason": "R", "message": message} | time | more


def refused(message: str) -> Complaint | None:
    """Return what the Job's controller tells of a pod that it could not make."""
    return told([event(message, 1, reason="FailedCreate")], "btc-1", T0)


def pending(status: Raw) -> Pod:
    meta = {"uid": "p", "creationTimestamp": b.stamp(at(1))}
    return Pod.read({"metadata": meta, "status": {"phase": "Pending"} | status})


def trainer_waits(kind: str) -> Raw:
    state = {"waiting": {"reason": kind, "message": "x"}}
    return {"containerStatuses": [{"name": "trainer", "state": state}]}


@dataclass(frozen=True)
class Said:
    name: str
    job: Job
    reason: str
    message: str


SAID = [
    Said("a pod that a quota refuses", job(warning=refused(QUOTA)), "QuotaPending", QUOTA),
    Said("a pod that a LimitRange or a policy refuses",
         job(warning=refused('pods "btc-1-…" is forbidden: maximum cpu usage is 1')),
         "AdmissionDenied", 'pods "btc-1-…" is forbidden: maximum cpu usage is 1'),
    Said("a pod that a webhook refuses",
         job(warning=refused('admission webhook "w" denied the request: no label')),
         "AdmissionDenied", 'admission webhook "w" denied the request: no label'),
    Said("a pod whose webhook is down",
         job(warning=refused('Internal error occurred: failed calling webhook "w": EOF')),
         "AdmissionUnavailable", 'Internal error occurred: failed calling webhook "w": EOF'),
    Said("a pod that can't be made for another reason", job(warning=refused("no such account")),
         "PodNotStarted", "no such account"),
    Said("a pod whose volume is missing",
         job(pending({}), warning=told([event("no mount", 1, reason="FailedMount")], "btc-1", T0)),
         "PodNotStarted", "no mount"),
    Said("a pod whose volume a policy forbids is no pod that was refused",
         job(pending({}), warning=told([event("is forbidden", 1, reason="R")], "btc-1", T0)),
         "PodNotStarted", "is forbidden"),
    Said("a pod that no node takes",
         job(pending({"conditions": [
             {"type": "PodScheduled", "status": "False", "message": "Insufficient cpu"}]})),
         "PodUnschedulable", "Insufficient cpu"),
    Said("a pod that no node takes, before its own status says so",
         job(pending({}),
             warning=told([event("0/1 nodes", 1, reason="FailedScheduling")], "btc-1", T0)),
         "PodUnschedulable", "0/1 nodes"),
    *(Said(f"a container that waits with {kind}", job(pending(trainer_waits(kind))),
           reason, f"{kind}: x")
      for kind, reason in [
          ("ErrImagePull", "ImagePullBackOff"), ("ImagePullBackOff", "ImagePullBackOff"),
          ("InvalidImageName", "ImagePullBackOff"), ("ErrImageNeverPull", "ImagePullBackOff"),
          ("CreateContainerConfigError", "PodNotStarted"),
          ("CreateContainerError", "PodNotStarted"), ("RunContainerError", "PodNotStarted"),
      ]),
    Said("a container that is being made has nothing to say",
         job(pending(trainer_waits("ContainerCreating"))), "JobCreated", ""),
    Said("a Job in a queue", job(suspend=True, suspended=("True", 0), queue="team"),
         "Queued", 'queue "team" holds it back: Job suspended'),
    Said("a Job that was preempted",
         job(suspend=True, queue="team", warning=told(
             [event("Preempted to accommodate a workload", 1, "Normal", reason="Stopped")],
             "btc-1", T0)),
         "Queued", 'queue "team" holds it back: Preempted to accommodate a workload'),
    Said("a Job that somebody suspended", job(suspend=True, suspended=("True", 0)),
         "QuotaPending", "spec.suspend of its Job holds it back: Job suspended"),
    Said("nobody says anything", job(), "JobCreated", ""),
]  # fmt: skip


@pytest.mark.parametrize("case", SAID, ids=attrgetter("name"))
def test_a_run_that_waits_says_why(case: Said) -> None:
    version = b.version(status=HAD_JOB)
    seen = b.seen(version, now=at(5), jobs={"btc-1": case.job})
    got = b.came_of(version, seen, b.settings()).status
    assert (got.phase, got.reason, got.message) == ("Pending", case.reason, case.message)


ENDED = [
    ("an attempt that lost the store",
     b.pod("Failed", exit_code=73, message=json.dumps(
         {"code": 73, "reason": "StorageUnavailable", "message": "no answer"})),
     "Running StorageUnavailable", "its pod ended: no answer"),
    ("an attempt that used too much memory", b.pod("Failed", exit_code=137, reason="OOMKilled"),
     "Running OOMKilled", "its pod ended: needed more memory"),
    ("a pod that was evicted",
     Pod.read({"metadata": {"uid": "p", "creationTimestamp": b.stamp(T0)},
               "status": {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}}),
     "Running PodLost", "its pod ended: Evicted: low on memory"),
    ("a pod that ended without a word", b.pod("Failed"), "Running PodLost",
     "its pod ended: no last words"),
    ("a pod that ended well and whose Job has not noticed yet", b.pod("Succeeded", exit_code=0),
     "Running TrainingStarted", ""),
]  # fmt: skip


@pytest.mark.parametrize(("name", "pod", "stands", "says"), ENDED, ids=[e[0] for e in ENDED])
def test_a_run_between_two_attempts_says_why_the_last_one_ended(
    name: str, pod: Pod, stands: str, says: str
) -> None:
    """And so do its conditions, the words that "kubectl describe" shows."""
    version = b.version(status=HAD_JOB)
    seen = b.seen(version, now=at(5), jobs={"btc-1": job(pod, started=0)})
    got = b.came_of(version, seen, b.settings()).status
    assert f"{got.phase} {got.reason}" == stands, name
    assert got.message.startswith(says)
    ready = next(c for c in got.conditions if c.type == "Ready")
    assert (ready.reason, ready.message) == (got.reason, got.message)


def test_a_wait_for_the_store_leaves_nothing_behind() -> None:
    """Once the store has answered, neither the version nor its conditions speak of the wait."""
    away = UnreadableReport(Reason.STORAGE_UNAVAILABLE, "no answer")
    version = b.version()
    waits = b.came_of(version, b.seen(version, reports={"btc-1": away}), b.settings()).status
    assert (waits.reason, waits.message) == ("StorageUnavailable", "no answer")
    version = replace(version, status=waits)
    goes_on = b.came_of(version, b.seen(version), b.settings()).status
    assert (goes_on.reason, goes_on.message) == ("RunScheduled", "")
    assert "no answer" not in json.dumps(b.plain(goes_on))
    done = b.version(status=HAD_JOB)
    jobs = {"btc-1": b.job(condition=("Complete", ""))}
    seen = b.seen(done, jobs=jobs, reports={"btc-1": away})
    done = replace(done, status=b.came_of(done, seen, b.settings()).status)
    empty = b.came_of(done, b.seen(done, jobs=jobs), b.settings()).status
    verified = next(c for c in empty.conditions if c.type == "ArtifactVerified")
    assert (verified.status, verified.reason) == ("False", "ArtifactCorrupt")


def test_a_pod_that_was_never_made_fails_with_the_words_of_who_refused_it() -> None:
    version = b.version(status=HAD_JOB | {"phase": "Pending"})
    seen = b.seen(version, now=at(1801), jobs={"btc-1": job(warning=refused(QUOTA))})
    got = b.came_of(version, seen, b.settings()).status
    assert (got.phase, got.reason) == ("Failed", "Unschedulable")
    assert got.message.endswith(QUOTA)


EVENTS: list[tuple[str, list[Raw], str]] = [
    ("nothing", [], ""),
    ("the newest warning", [event("new", 9), event("old", 3)], "new"),
    ("normal ones are no complaint", [event("Created pod", 9, "Normal"), event("a", 3)], "a"),
    ("but a queue that stops a Job is told",
     [event("Preempted", 9, "Normal", reason="Stopped")], "Preempted"),
    ("of an earlier wait", [event("old", -5)], ""),
    ("a series by its last time",
     [event("a", 1, series={"count": 2, "lastObservedTime": "2026-01-05T12:00:30.5Z"}),
      event("b", 20)], "a"),
    ("with the time of the events API", [event("c", 1, lastTimestamp=None, eventTime=b.stamp(T0))],
     "c"),
    ("under the name of ever new pods", [event('pods "btc-1-x7k2p" is forbidden', 1)],
     'pods "btc-1-…" is forbidden'),
]  # fmt: skip


@pytest.mark.parametrize(("name", "events", "words"), EVENTS, ids=[e[0] for e in EVENTS])
def test_what_events_tell(name: str, events: list[Raw], words: str) -> None:
    found = told(events, "btc-1", T0)
    assert (found.words if found else "") == words, name
