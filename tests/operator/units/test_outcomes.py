"""What came of a run: every combination of Job, pods, result and store."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest

from clm_api.reasons import Reason
from clm_api.report import Progress
from clm_operator.complaints import Complaint
from clm_operator.findings import CorruptReport, ReportRead, UnreadableReport
from clm_operator.mirror.objects import Job, Version
from clm_operator.runs.outcome import Need
from clm_operator.view import Withheld
from tests.operator.units import builders as b

LATER = b.NOW + timedelta(hours=1)
HAD_JOB = {"phase": "Running", "stage": "TRAINING", "jobRef": {"name": "btc-1", "uid": "job-btc-1"}}
NO_STORE = UnreadableReport(Reason.STORAGE_UNAVAILABLE, "the store is away")
NO_GPU = Complaint("PodUnschedulable", "Insufficient nvidia.com/gpu")
LAST_WORDS = '{"code": 65, "reason": "DataGap", "message": "a hole in BTC/USDT"}'


@dataclass(frozen=True)
class Case:
    name: str
    phase: str
    stage: str
    reason: str
    job: Job | None = None
    report: ReportRead = None
    need: Need = Need.NOTHING
    status: dict[str, Any] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)
    says: str = ""


CASES = [
    Case("a fresh version gets its Job", "Pending", "TRAINING", "RunScheduled",
         need=Need.JOB),
    Case("a Job without a pod waits", "Pending", "TRAINING", "JobCreated", b.job(created=LATER)),
    Case("a Job that a queue holds back waits without a deadline", "Pending", "TRAINING",
         "QuotaPending", b.job(suspend=True), spec={"job": {"pendingDeadlineSeconds": 10}}),
    Case("a pod that no node takes fails after its deadline", "Failed", "FAILED", "Unschedulable",
         b.job("btc-1", b.pod("Pending", complaint=NO_GPU)),
         spec={"job": {"pendingDeadlineSeconds": 10}}, says="Insufficient nvidia.com/gpu"),
    Case("a working pod is Running", "Running", "TRAINING", "TrainingStarted",
         b.job("btc-1", b.pod(created=LATER))),
    Case("a pod that is silent for too long is ended", "Failed", "FAILED", "DeadlineExceeded",
         b.job("btc-1", b.pod()), says="no progress for 900 s"),
    Case("a completed Job with a good result is a candidate", "Succeeded", "CANDIDATE",
         "CriteriaPassed", b.job(condition=("Complete", "")), b.report()),
    Case("a weak result is rejected with the comparison", "Succeeded", "REJECTED",
         "CriteriaFailed", b.job(condition=("Complete", "")), b.report(b.GOOD | {"sharpe": 0.5}),
         says="sharpe 0.5 < 1"),
    Case("too few trades have a reason of their own", "Succeeded", "REJECTED", "TooFewTrades",
         b.job(condition=("Complete", "")), b.report(b.GOOD | {"trades": 12.0})),
    Case("no trades have a reason of their own", "Succeeded", "REJECTED", "NoTrades",
         b.job(condition=("Complete", "")), b.report({"trades": 0.0, "maxDrawdown": 0.0})),
    Case("a failed Job with a result is harvested anyway", "Succeeded", "CANDIDATE",
         "CriteriaPassed", b.job(condition=("Failed", "BackoffLimitExceeded")), b.report()),
    Case("a vanished Job with a result is harvested anyway", "Succeeded", "CANDIDATE",
         "CriteriaPassed", None, b.report(), status=HAD_JOB),
    Case("a Job that was never seen but left a result is not made again", "Succeeded",
         "CANDIDATE", "CriteriaPassed", None, b.report()),
    Case("a vanished Job without a result is lost", "Failed", "FAILED", "JobLost",
         status=HAD_JOB),
    Case("a completed Job without a manifest is corrupt", "Failed", "FAILED", "ArtifactCorrupt",
         b.job(condition=("Complete", ""))),
    Case("a result that contradicts its manifest is corrupt", "Failed", "FAILED",
         "ArtifactCorrupt", b.job(condition=("Complete", "")),
         CorruptReport("equity.parquet differs"), says="equity.parquet differs"),
    Case("a completed Job waits for the store", "Running", "TRAINING",
         "StorageUnavailable", b.job(condition=("Complete", "")), NO_STORE, status=HAD_JOB,
         says="the store is away"),
    Case("a version that had no Job yet waits for the store too", "Pending", "TRAINING",
         "StorageUnavailable", None, NO_STORE, says="the store is away"),
    Case("a failed Job does not wait for the store", "Failed", "FAILED", "DataGap",
         b.job("btc-1", b.pod("Failed", exit_code=65, message=LAST_WORDS),
               condition=("Failed", "PodFailurePolicy")), NO_STORE),
    Case("the pod's last words are the reason", "Failed", "FAILED", "DataGap",
         b.job("btc-1", b.pod("Failed", exit_code=65, message=LAST_WORDS),
               condition=("Failed", "PodFailurePolicy")), says="a hole in BTC/USDT"),
    Case("a container killed for memory says so", "Failed", "FAILED", "OOMKilled",
         b.job("btc-1", b.pod("Failed", exit_code=137, reason="OOMKilled"),
               condition=("Failed", "BackoffLimitExceeded")), says="limit (4Gi)"),
    Case("a pod without last words failed in training", "Failed", "FAILED", "TrainingFailed",
         b.job("btc-1", b.pod("Failed", exit_code=1, message="boom"),
               condition=("Failed", "BackoffLimitExceeded")), says="exit code 1: boom"),
    Case("the Job's deadline says which field", "Failed", "FAILED", "DeadlineExceeded",
         b.job(condition=("Failed", "DeadlineExceeded")), says="spec.job.activeDeadlineSeconds"),
    Case("somebody else's Job of that name is a collision", "Failed", "FAILED", "NameCollision",
         b.job(owner="stranger")),
    Case("a version that failed while its Job works has the Job deleted", "Failed", "FAILED",
         "Unschedulable", b.job(), need=Need.NO_JOB,
         status={"phase": "Failed", "stage": "FAILED", "reason": "Unschedulable"}),
    Case("an ended version never changes again", "Succeeded", "REJECTED", "CriteriaFailed",
         b.job(condition=("Complete", "")), b.report(),
         status={"phase": "Succeeded", "stage": "REJECTED", "reason": "CriteriaFailed"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_what_came_of_a_run(case: Case) -> None:
    version = b.version(status=case.status, **case.spec)
    jobs = {} if case.job is None else {"btc-1": case.job}
    seen = b.seen(version, now=LATER, jobs=jobs, reports={"btc-1": case.report})
    outcome = b.came_of(version, seen, b.settings())
    got = outcome.status
    assert (got.phase, got.stage, got.reason, outcome.need) == (
        case.phase, case.stage, case.reason, case.need,
    )  # fmt: skip
    assert case.says in got.message
    where = None if version.terminal else "s3://models/runs/ns/btc/uid-btc-1"
    assert got.run_uri == where, "its folder is told whenever the operator was cut off"


def test_a_version_that_cannot_be_read_ends_in_a_condition() -> None:
    raw = b.version().raw
    broken = Version.read(raw | {"spec": raw["spec"] | {"slot": "yesterday"}})
    got = b.came_of(broken, b.seen(broken), b.settings()).status
    assert (got.phase, got.reason) == ("Failed", "SpecInvalid")
    assert "spec.slot" in got.message


def test_a_job_that_the_api_server_calls_invalid_ends_the_run_with_its_words() -> None:
    seen = b.seen(b.version(), refused={"btc-1": "requests: must be less than the limit"})
    outcome = b.came_of(seen.view.versions[0], seen, b.settings())
    assert (outcome.status.phase, outcome.status.reason) == ("Failed", "SpecInvalid")
    assert "must be less than the limit: correct spec.job" in outcome.status.message
    assert outcome.need is Need.NOTHING


PODS = {name: replace(b.pod(created=LATER), uid=name) for name in ("a", "b", "c")}
ATTEMPTS = [
    ("the first pod", {}, "a", 1),
    ("the same pod again", {"attempt": 1, "podUid": "a"}, "a", 1),
    ("a second pod beside the first", {"attempt": 1, "podUid": "a"}, "ab", 2),
    ("a second pod after the first was evicted and is gone", {"attempt": 1, "podUid": "a"}, "b", 2),
    ("two new ones at once", {"attempt": 1, "podUid": "a"}, "abc", 3),
    ("none is left", {"attempt": 2, "podUid": "b"}, "", 2),
]


@pytest.mark.parametrize(("name", "before", "pods", "attempt"), ATTEMPTS, ids=str)
def test_attempts_are_counted_by_pod(
    name: str, before: dict[str, Any], pods: str, attempt: int
) -> None:
    version = b.version(status={**HAD_JOB, **before})
    jobs = {"btc-1": b.job("btc-1", *(PODS[p] for p in pods), created=LATER)}
    got = b.came_of(version, b.seen(version, now=LATER, jobs=jobs), b.settings()).status
    assert (got.attempt, got.pod_uid) == (attempt, pods[-1] if pods else "b"), name


Words = Callable[[str], dict[str, Any]]
TOLD_ONCE: list[tuple[str, Words]] = [
    ("results can't be read", lambda told: {
        "reports": {"btc-1": UnreadableReport(Reason.STORAGE_UNAVAILABLE, told)},
        "jobs": {"btc-1": b.job(condition=("Complete", ""))},
    }),
    ("keys are not lent", lambda told: {
        "withheld": {"btc-1": Withheld(Reason.STORAGE_UNAVAILABLE, told)},
    }),
]  # fmt: skip


@pytest.mark.parametrize(("name", "away"), TOLD_ONCE, ids=str)
def test_a_store_that_is_away_in_ever_new_words_is_told_once(name: str, away: Words) -> None:
    version = b.version()
    first = b.came_of(version, b.seen(version, **away("no answer in 280 ms")), b.settings()).status
    assert "280 ms" in first.message, name
    version = replace(version, status=first)
    later = b.came_of(version, b.seen(version, **away("no answer in 296 ms")), b.settings()).status
    assert later == first, name


@pytest.mark.parametrize("phase", ["Pending", "Running"])
def test_a_new_attempt_shows_nothing_of_the_progress_of_the_former(phase: str) -> None:
    former = Progress(stage="train", percent=80, last_updated_time=b.NOW - timedelta(minutes=1))
    version = b.version(status=HAD_JOB | {"progress": former.to_json_dict()})
    seen = b.seen(version, now=b.NOW, jobs={"btc-1": b.job("btc-1", b.pod(phase))})
    got = b.came_of(version, seen, b.settings()).status
    assert (got.phase, got.progress) == (phase, None)


def test_progress_keeps_a_long_run_alive() -> None:
    version = b.version()
    said = Progress(stage="train", percent=40, message="fold 2/3", last_updated_time=LATER)
    jobs = {"btc-1": b.job("btc-1", b.pod())}
    seen = b.seen(version, now=LATER, jobs=jobs, progress={"btc-1": said})
    got = b.came_of(version, seen, b.settings()).status
    assert got.phase == "Running"
    assert got.progress == said


def test_dry_run_says_that_nothing_follows() -> None:
    version = b.version(promotion={"mode": "DryRun"})
    jobs = {"btc-1": b.job(condition=("Complete", ""))}
    seen = b.seen(version, jobs=jobs, reports={"btc-1": b.report()})
    assert "DryRun" in b.came_of(version, seen, b.settings()).status.message


def test_what_a_run_said_of_its_bars_stands_in_the_status_within_its_limit() -> None:
    found = b.report()
    notes = ["ETH/USDT: nobody traded for 96 bars", "x" * 1024]
    data = found.manifest.data.having(notes=notes)
    said = replace(found, manifest=found.manifest.having(data=data))
    seen = b.seen(
        b.version(), jobs={"btc-1": b.job(condition=("Complete", ""))}, reports={"btc-1": said}
    )
    status = b.came_of(b.version(), seen, b.settings()).status
    assert status.data is not None
    assert status.data.message.startswith("ETH/USDT: nobody traded for 96 bars; xxx")
    assert len(status.data.message) == 1024
