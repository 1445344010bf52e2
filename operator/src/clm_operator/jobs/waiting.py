"""How long a Job has waited for its pod to begin, and what holds it up.

A queue's time does not count, nor does the time before a pod was lost: a run that was preempted,
or lost its node, waits anew.
"""

from datetime import datetime, timedelta

from clm_api.environment import FETCHER
from clm_api.model_version import Phase
from clm_api.reasons import FINAL_EXIT_CODES, Reason
from clm_api.timing import whole_seconds
from clm_operator.complaints import Complaint
from clm_operator.jobs.failures import Failure, explain, of_attempt
from clm_operator.mirror.objects import Job

_LACKS = "CreateContainerConfigError"
_FETCHER = f"container {FETCHER}: "
LINGERS = timedelta(seconds=60)
"""How long a pod may outlive its trainer before its Job is taken for one that never ends."""


def missing_since(job: Job, known: datetime | None, now: datetime) -> datetime | None:
    """Return since when a Job has no pod; None while it has one.

    Parameters
    ----------
    known
        What the last look has noted.
    """
    return None if job.pods else known or whole_seconds(now)


def overdue(job: Job, missing: datetime | None, limit_s: int, now: datetime) -> Failure | None:
    """Return why a Job whose pod has not begun for too long is given up; None while it may wait.

    Parameters
    ----------
    missing
        Since when it has no pod.
    limit_s
        ``spec.job.pendingDeadlineSeconds``.
    """
    startable = job.startable_since
    if startable is None:
        return None
    pods = [pod.created for pod in job.pods[-1:]]
    begun = max(filter(None, (startable, missing, *pods)))
    if now - begun <= timedelta(seconds=limit_s):
        return None
    silent = "no pod was made: look at the Job's events and the namespace's quota"
    text = held_up(job).words or silent
    told = f"waited {limit_s} s (spec.job.pendingDeadlineSeconds) for a node: {text}"
    return Failure(Reason.UNSCHEDULABLE, told)


def held_up(job: Job) -> Complaint:
    """Return what holds up a Job whose pod has not begun; no words if nobody says anything."""
    said = (job.pods[-1].complaint if job.pods else None) or job.warning
    if job.suspended:
        told = job.warning.words if job.warning else ""
        told = told or (job.condition("Suspended") or {}).get("message", "")
        words = ": ".join(filter(None, ("spec.suspend of its Job holds it back", told)))
        return Complaint(Reason.QUOTA_PENDING, words)
    return said if said and said.words else Complaint(Reason.JOB_CREATED, "")


def interrupted(job: Job) -> Complaint | None:
    """Return what keeps a pod that had begun from working on; None while it works."""
    if (ended := of_attempt(job)) is not None:
        return Complaint(ended.reason, f"its pod ended: {ended.message}")
    since = job.pods[-1].leaving if job.pods else None
    if since is None:
        return None
    text = f"its pod has been leaving since {since:%Y-%m-%d %H:%M:%S} UTC"
    return Complaint(Reason.POD_LOST, f"{text}: it is being stopped, or its node does not answer")


def lacks_keys(job: Job) -> bool:
    """Whether the kubelet misses something that the pod's environment is to come from."""
    said = job.pods[-1].complaint if job.pods else None
    return said is not None and said.words.removeprefix(_FETCHER).startswith(_LACKS)


def left_until(ended: datetime, phase: Phase, reason: str) -> datetime:
    """Return until when a Job of ended work is left to end by itself.

    A result is read as soon as the trainer has ended: its Job ends a moment later, unless another
    container keeps its pod alive. Work without a result is done in vain at once.
    """
    read = phase is Phase.SUCCEEDED or reason == Reason.ARTIFACT_CORRUPT
    return ended + LINGERS if read else ended


def lingering(job: Job, now: datetime) -> Failure | None:
    """Return why a trainer failed whose pod goes on without it: a sidecar that never ends.

    A trainer that ended well without a result has failed too.
    """
    pod = job.trainer_ended
    if pod is None or now - (pod.ended or pod.created) <= LINGERS:
        return None
    if pod.exit_code == 0:
        text = "its trainer ended but the store holds no result"
        return Failure(Reason.ARTIFACT_CORRUPT, text)
    why = explain(job)
    if pod.exit_code in FINAL_EXIT_CODES:
        return why
    alone = "not tried again, for another container keeps its pod alive"
    return Failure(why.reason, f"{why.message} ({alone})")
