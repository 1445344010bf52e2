"""Where a Job stands in its queue: Kueue's words as a state, a reason, and how long it may last."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import pytest

from clm_api.queueing import QueueState, QueueStatus
from clm_operator.complaints import Complaint
from clm_operator.jobs.credentials import regrant, run_grants
from clm_operator.jobs.queueing import RULES, inadmissible, queue_of, waits_for
from clm_operator.jobs.state import state_of
from clm_operator.mirror.objects import Job, Pod
from clm_operator.mirror.workloads import InQueue, Workload, Workloads
from clm_operator.runs.outcome import Need
from clm_operator.words import same_words
from tests.operator.units import builders as b
from tests.operator.units.test_outcomes import HAD_JOB
from tests.operator.units.test_shadow import IN_PRODUCTION
from tests.operator.units.world import World, ended

Raw = dict[str, Any]
LIMIT_S, T0 = 60, b.NOW
FULL = (
    "couldn't assign flavors to pod set main: insufficient unused quota for nvidia.com/gpu in "
    "flavor gpu, 1 more needed"
)
LARGE = (
    "couldn't assign flavors to pod set main: insufficient quota for cpu in flavor small, "
    "previously considered podsets requests (0) + current podset request (9) > maximum capacity (8)"
)
LOST = "Preempted to accommodate a workload (UID: 1, JobUID: 2) due to prioritization"


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def condition(kind: str, *, holds: bool, message: str = "", reason: str = "Pending") -> Raw:
    return {
        "type": kind, "status": str(holds), "reason": reason, "message": message,
        "lastTransitionTime": b.stamp(T0),
    }  # fmt: skip


def workload(*conditions: Raw, queue: str = "gpu", preempted: int = 0, **more: Any) -> Raw:
    """Build a Workload of Job btc-1 as Kueue v0.17 writes it."""
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "btc-1", "uid": "job-btc-1"}
    evictions = [{"reason": "Preempted", "underlyingCause": "", "count": preempted}]
    stats = {"schedulingStats": {"evictions": evictions}} if preempted else {}
    given = {"admission": {"clusterQueue": more["given"]}} if "given" in more else {}
    return {
        "metadata": {
            "namespace": "ns", "name": "job-btc-1-6ae54", "uid": "w", "resourceVersion": "9",
            "labels": {"kueue.x-k8s.io/job-uid": "job-btc-1"}, "ownerReferences": [owner],
        },
        "spec": {"queueName": queue, "active": more.get("active", True)},
        "status": {"conditions": list(conditions)} | stats | given,
    }  # fmt: skip


def waits(words: str) -> Raw:
    return workload(condition("QuotaReserved", holds=False, message=words))


def job(
    found: Raw | None = None, *, label: str | None = "gpu", suspend: bool = True,
    admitted: bool = False, seen: bool = True, **more: Any,
) -> Job:  # fmt: skip
    """Build a Job of T0, and what Kueue says of it; ``seen``: whether it can be asked."""
    raw = b.job("btc-1", suspend=suspend).raw
    raw["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": label} if label else {}
    if admitted:
        podset = {"kueue.x-k8s.io/podset": "main", "kueue.x-k8s.io/cluster-queue-name": "research"}
        raw["spec"]["template"]["metadata"] = {"labels": podset}
    read = None if found is None else Workload.read(found)
    return Job(raw, kueue=InQueue(read, **more) if seen else None)


def stands(state: QueueState, *, since: float = 0, **more: Any) -> QueueStatus:
    return QueueStatus(name="gpu", state=state, since=at(since), **more)


@dataclass(frozen=True)
class Held:
    name: str
    job: Job
    reason: str
    ends: bool
    says: str
    known: QueueStatus | None = None


ADMITTED = stands(QueueState.ADMITTED)
HELD = [
    Held("a LocalQueue that is missing", job(waits("LocalQueue gpu doesn't exist")),
         "LocalQueueMissing", True, "create the LocalQueue"),
    Held("a ClusterQueue that is missing", job(waits("ClusterQueue all doesn't exist")),
         "ClusterQueueMissing", True, "create the ClusterQueue"),
    Held("a ClusterQueue that lacks a flavor",
         job(waits("ClusterQueue all is inactive"), closed=("FlavorNotFound", "missing: [a]")),
         "ClusterQueueInactive", True, "ClusterQueue all is inactive: missing: [a]"),
    Held("a ClusterQueue that is on hold",
         job(waits("ClusterQueue all is inactive"), closed=("Stopped", "is stopped")),
         "QueueStopped", False, "is stopped"),
    Held("a ClusterQueue of which nobody may say why", job(waits("ClusterQueue all is inactive")),
         "QueueStopped", False, "it goes on once"),
    Held("a LocalQueue that is on hold", job(waits("LocalQueue gpu is inactive")),
         "QueueStopped", False, "LocalQueue gpu is inactive"),
    Held("a namespace that is not selected",
         job(waits("Workload namespace doesn't match ClusterQueue selector")),
         "NamespaceNotSelected", True, "namespaceSelector"),
    Held("a resource that is not covered",
         job(waits("couldn't assign flavors to pod set main: resource memory unavailable in "
                   "ClusterQueue")), "ResourceNotCovered", True, "resource memory"),
    Held("more than the whole quota", job(waits(LARGE)), "TooLarge", True, "(9) > maximum"),
    Held("no flavor that matches",
         job(waits("couldn't assign flavors to pod set main: flavor a doesn't match node "
                   "affinity")), "NoFlavorMatches", True, "nodeSelector"),
    Held("a taint that is not tolerated",
         job(waits("untolerated taint {gpu true NoSchedule <nil>} in flavor a")),
         "NoFlavorMatches", True, "tolerations"),
    Held("resources that Kueue does not take",
         job(waits("resources validation failed: limits: too low")),
         "ResourcesInvalid", True, "spec.job.resources"),
    Held("a Workload that was put away", job(workload(active=False)),
         "Deactivated", True, "spec.active"),
    Held("no Workload at all", job(), "NoWorkload", True, "priority classes"),
    Held("a label that was taken away while it waited", job(waits(FULL), label=None),
         "LabelRemoved", True, "put the label back", known=stands(QueueState.QUEUED)),
]  # fmt: skip


@pytest.mark.parametrize("case", HELD, ids=attrgetter("name"))
def test_what_holds_a_job_says_so_and_ends_it_only_if_it_does_not_pass(case: Held) -> None:
    first = state_of(case.job, None, LIMIT_S, at(3600), case.known)
    assert first.queue is not None
    assert (first.queue.state, first.queue.reason) == ("Held", case.reason)
    assert first.queue.since == at(3600), "it counts from when it was first seen"
    assert first.overdue is None, "however old the Job is"
    assert case.says in first.held_up.words
    assert first.held_up.reason == ("NotAdmissible" if case.ends else "Queued")
    last = state_of(case.job, None, LIMIT_S, at(3660), first.queue)
    assert last.overdue is None
    after = state_of(case.job, None, LIMIT_S, at(3661), first.queue)
    assert (after.overdue is not None) is case.ends
    assert after.overdue is None or (
        after.overdue.reason == "NotAdmissible" and case.says in after.overdue.message
    )


def test_every_rule_is_one_that_the_cases_know() -> None:
    assert {rule.name for rule in RULES if rule.name} == {case.reason for case in HELD}


@dataclass(frozen=True)
class Stands:
    name: str
    job: Job
    state: str | None
    known: QueueStatus | None = None
    preemptions: int = 0
    says: str = ""
    now: float = 30


EVICTED = condition("Evicted", holds=True, message=LOST, reason="Preempted")
AGAIN = condition("Evicted", holds=False, reason="QuotaReserved")
STANDS = [
    Stands("its turn has not come", job(waits(FULL)), "Queued", says=FULL),
    Stands("one flavor never fits and another may be free soon",
           job(waits(f"flavor a doesn't match node affinity, {FULL}")), "Queued"),
    Stands("its quota is reserved and a check goes on",
           job(workload(condition("QuotaReserved", holds=True))), "Queued",
           says="its quota is reserved; admission checks go on"),
    Stands("its place is given and its Job is let go next",
           job(workload(condition("QuotaReserved", holds=True), condition("Admitted", holds=True),
                        given="research")), "Admitted"),
    Stands("put back, and its quota is not free yet",
           job(workload(EVICTED, condition("QuotaReserved", holds=True),
                        condition("Admitted", holds=True), preempted=1)),
           "Preempted", known=stands(QueueState.ADMITTED), preemptions=1, says=LOST),
    Stands("words that no rule knows", job(waits("topology is busy")), "Queued"),
    Stands("Kueue has not seen it yet", job(), "Queued", now=2),
    Stands("nobody may look at Workloads", job(seen=False), "Queued",
           says='queue "gpu" holds it back'),
    Stands("nobody tells any more: what was known stays", job(seen=False), "Held",
           known=stands(QueueState.HELD, reason="TooLarge", message=LARGE), says=LARGE),
    Stands("a Job that no queue has", job(label=None, suspend=False), None),
    Stands("a Job that somebody suspended, without a queue", job(label=None), None),
    Stands("a label where there is no Kueue", job(suspend=False, seen=False), None),
    Stands("admitted before anybody looked", job(suspend=False, admitted=True, seen=False),
           "Admitted"),
    Stands("admitted", job(workload(given="research"), suspend=False), "Admitted",
           known=stands(QueueState.QUEUED)),
    Stands("put back for another", job(workload(EVICTED, preempted=1)), "Preempted",
           known=ADMITTED, preemptions=1, says=LOST),
    Stands("put back, by a Kueue that counts nothing", job(workload(EVICTED)), "Preempted",
           known=ADMITTED, preemptions=1),
    Stands("put back, seen on the Workload first", job(workload(EVICTED, preempted=1),
           suspend=False), "Admitted", known=ADMITTED, preemptions=0),
    Stands("still put back", job(workload(EVICTED, preempted=1)), "Preempted",
           known=stands(QueueState.PREEMPTED, preemptions=1), preemptions=1),
    Stands("put back while nobody looked", job(workload(EVICTED, preempted=2)), "Preempted",
           preemptions=2),
    Stands("put back a second time", job(workload(EVICTED, preempted=2)), "Preempted",
           known=stands(QueueState.ADMITTED, preemptions=1), preemptions=2),
    Stands("a Workload that was made anew counts on", job(workload(EVICTED, preempted=1)),
           "Preempted", known=stands(QueueState.ADMITTED, preemptions=3), preemptions=4),
    Stands("admitted again while nobody looked",
           job(workload(AGAIN, preempted=1, given="research"), suspend=False), "Admitted",
           known=ADMITTED, preemptions=1),
    Stands("put back because its pods never became ready: nobody took its place",
           job(workload(condition("Evicted", holds=True, reason="PodsReadyTimeout"))),
           "Preempted", known=ADMITTED),
]  # fmt: skip


@pytest.mark.parametrize("case", STANDS, ids=attrgetter("name"))
def test_where_a_job_stands(case: Stands) -> None:
    found = queue_of(case.job, case.known, at(case.now))
    assert (None if found is None else str(found.state)) == case.state
    assert found is None or found.preemptions == case.preemptions
    assert found is None or case.says in found.message


def test_a_job_of_the_queue_named_default_is_queued_like_any_other() -> None:
    """Kueue puts that name on Jobs of schedules that name no queue."""
    version = b.version(status=HAD_JOB)
    seen = b.seen(version, now=at(5), jobs={"btc-1": job(waits(FULL), label="default")})
    status = b.came_of(version, seen).status
    assert (status.phase, status.reason, status.message) == ("Pending", "Queued", FULL)
    assert status.queue is not None
    assert (status.queue.name, status.queue.state) == ("default", "Queued")


def test_the_reason_that_holds_a_job_counts_from_its_own_beginning() -> None:
    stopped = queue_of(job(waits("LocalQueue gpu is inactive")), None, at(0))
    missing = queue_of(job(waits("LocalQueue gpu doesn't exist")), stopped, at(7200))
    assert missing is not None
    assert missing.since == at(7200)
    assert inadmissible(missing, LIMIT_S, at(7230)) is None


def test_nothing_ends_a_wait_of_which_nobody_tells_any_more() -> None:
    known = stands(QueueState.HELD, reason="TooLarge")
    assert state_of(job(seen=False), None, LIMIT_S, at(7200), known).overdue is None


PLACES = [(1, None, 1), (4, 5, 4), (11, 10, 11), (95, 100, 100), (90, 100, 90), (None, 4, None),
          (9, 10, 9)]  # fmt: skip


@pytest.mark.parametrize(("place", "known", "told"), PLACES)
def test_far_places_are_told_by_tenths(
    place: int | None, known: int | None, told: int | None
) -> None:
    before = stands(QueueState.QUEUED, position=known)
    found = queue_of(job(waits(FULL), position=place), before, at(9))
    assert found is not None
    assert found.position == told


def test_words_that_differ_in_numbers_are_no_news() -> None:
    before = queue_of(job(waits(FULL)), None, at(0))
    after = queue_of(job(waits(FULL.replace("1 more", "2 more"))), before, at(30))
    assert after == before
    assert same_words(FULL, FULL.replace("1 more", "2 more")) == FULL


def test_a_job_that_is_put_back_waits_although_its_pod_is_still_leaving() -> None:
    put_back = job(workload(EVICTED, preempted=1))
    found = Job(put_back.raw, (b.pod(),), kueue=put_back.kueue)
    version = b.version(status=HAD_JOB | {"phase": "Running", "queue": b.plain(ADMITTED)})
    status = b.came_of(version, b.seen(version, now=at(9), jobs={"btc-1": found})).status
    assert (status.phase, status.reason) == ("Pending", "Queued")
    assert LOST in status.message


def test_of_a_workload_nothing_is_kept_once_it_has_finished() -> None:
    known = Workloads()
    assert known.put(waits(FULL)) is not None
    assert known.of("ns", "job-btc-1") is not None
    known.put(workload(condition("Finished", holds=True)))
    assert known.of("ns", "job-btc-1") is None


def test_a_workload_that_was_made_anew_outlives_the_end_of_the_old_one() -> None:
    known = Workloads()
    known.put(waits(FULL))
    old = waits(FULL)
    assert known.drop(old | {"metadata": old["metadata"] | {"uid": "an older one"}}) is None
    assert known.of("ns", "job-btc-1") is not None


def test_a_workload_of_another_namespace_says_nothing_of_a_job() -> None:
    known = Workloads()
    forged = workload(active=False)
    known.put(forged | {"metadata": forged["metadata"] | {"namespace": "foe"}})
    assert known.of("ns", "job-btc-1") is None
    ours = known.put(waits(FULL))
    known.listed("foe", frozenset())
    assert known.of("ns", "job-btc-1") == ours


def test_a_list_forgets_what_it_does_not_show() -> None:
    known = Workloads()
    known.put(waits(FULL))
    assert not known.knows("ns")
    assert [w.name for w in known.listed("ns", frozenset())] == ["job-btc-1-6ae54"]
    assert known.knows("ns")
    assert known.of("ns", "job-btc-1") is None


def test_a_held_job_says_what_ends_that() -> None:
    found = queue_of(job(waits(LARGE)), None, at(0))
    assert found is not None
    assert waits_for(found).words == f"{LARGE}: ask for less in spec.job, or raise the quota"


def _lends(status: Raw, pod: Any, *, queued: bool = True) -> bool:
    """Whether a run's pod gets keys in this round."""
    let = job(admitted=queued, suspend=False, seen=queued, label="gpu" if queued else None)
    found = Job(let.raw, (pod,), kueue=let.kueue)
    seen = b.seen(b.version(status=HAD_JOB | status), now=at(1), jobs={"btc-1": found})
    return b.came_of(seen.view.versions[0], seen).need is Need.KEYS


PENDING = b.pod("Pending")
CONFIG = Complaint("PodNotStarted", "CreateContainerConfigError: secret not found")


def test_each_pod_of_a_queued_run_is_lent_keys_once_and_again_where_the_kubelet_misses_them() -> (
    None
):
    known = {"podUid": "pod-uid"}
    assert _lends({}, PENDING), "it is new"
    assert not _lends(known, PENDING), "it has been lent its keys"
    assert _lends({"podUid": "the one before"}, PENDING), "another one after a preemption"
    assert _lends(known, b.pod("Pending", complaint=CONFIG)), "the kubelet misses them"
    assert not _lends({}, b.pod()), "it works"
    assert not _lends({}, PENDING, queued=False), "those of other Jobs are made with the Job"


def test_keys_of_a_queued_run_go_with_the_pod_and_those_of_others_with_the_job() -> None:
    version = b.version()
    assert version.spec is not None
    (grant,) = run_grants(version, version.spec, T0)
    raw = b.job("btc-1").raw
    source = {"secretRef": {"name": "btc-1-abc"}}
    raw["spec"]["template"]["spec"]["containers"][0]["envFrom"] = [source]
    pod = Pod("u", T0, "Pending", None, None, "", "", None, name="btc-1-x")
    owners = {}
    for queued in (True, False):
        again = regrant(grant, Job(raw, (pod,)), queued=queued)
        assert again is not None
        assert again.name == "btc-1-abc"
        (owner,) = again.secret["ownerReferences"]
        owners[queued] = (owner["kind"], owner["name"], owner["uid"])
    assert owners == {True: ("Pod", "btc-1-x", "u"), False: ("Job", "btc-1", "job-btc-1")}


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (waits(FULL), ("Running", "Queued", FULL, "Queued")),
        (waits(LARGE), ("Failed", "NotAdmissible", "", "Held")),
    ],
    ids=["waits for its turn", "will never be admitted"],
)
def test_a_replay_is_queued_by_the_same_rules(found: Raw, said: tuple[str, ...]) -> None:
    world = World.of(
        ended("btc-0", "PRODUCTION"), status=IN_PRODUCTION,
        job={"pendingDeadlineSeconds": LIMIT_S},
    )  # fmt: skip
    world.now += timedelta(hours=6)
    world.settle()
    (name,) = world.jobs
    raw = world.jobs[name].raw
    raw["spec"]["suspend"] = True
    raw["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] = "gpu"
    for seconds in (7200, 7300):
        world.jobs = {name: Job(raw, kueue=InQueue(Workload.read(found)))}
        world.now = at(6 * 3600 + seconds)
        world.settle()
    replay = world.schedule["status"]["replay"]
    phase, reason, words, state = said
    assert (replay["phase"], replay["reason"], replay["queue"]["state"]) == (phase, reason, state)
    assert words in replay["message"]
