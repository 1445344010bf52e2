"""A Job that somebody waits for: what its own status and its pods tell, read once."""

from dataclasses import dataclass
from datetime import datetime

from clm_api.queueing import QueueStatus
from clm_operator.complaints import Complaint
from clm_operator.jobs.failures import Failure, explain
from clm_operator.jobs.queueing import inadmissible, queue_of, waits_for
from clm_operator.jobs.waiting import held_up, interrupted, lacks_keys, lingering, overdue
from clm_operator.mirror.objects import Job, Pod


@dataclass(frozen=True)
class JobState:
    """A Job as it stands.

    Parameters
    ----------
    pod
        The newest one.
    begun
        Whether that pod's trainer works, or has ended.
    completed, failure
        Whether it completed; why it failed, where it has.
    promises
        Whether the store must hold a result, as far as the Job tells.
    missing_since
        Since when a Job that had a pod, or should have one, has none.
    overdue
        Why it is given up: its pod has not begun for too long.
    lingering
        Why it has failed although it goes on: another container outlives the trainer.
    held_up
        What holds up the pod before it begins; no words if nobody says anything.
    interrupted
        What keeps a pod that had begun from working on.
    keyless
        Whether the kubelet misses something that the pod's environment is to come from.
    queue
        Where it stands in a queue; None where none has a say.
    """

    job: Job
    pod: Pod | None
    begun: bool
    completed: bool
    failure: Failure | None
    promises: bool
    missing_since: datetime | None
    overdue: Failure | None
    lingering: Failure | None
    held_up: Complaint
    interrupted: Complaint | None
    keyless: bool
    queue: QueueStatus | None = None

    @property
    def over(self) -> bool:
        """Whether its work is over: it has ended, or its trainer has."""
        return self.job.finished or self.job.trainer_ended is not None

    @property
    def takes_keys(self) -> bool:
        """Whether its pod waits for keys of its own: those of a queued Job are lent to each pod."""
        waits = self.pod is not None and not self.begun and self.pod.leaving is None
        return waits and self.queue is not None and not self.job.suspended


def state_of(
    job: Job,
    missing_since: datetime | None,
    limit_s: int | None,
    now: datetime,
    known: QueueStatus | None = None,
) -> JobState:
    """Read a Job.

    Parameters
    ----------
    missing_since
        Since when it has no pod; None while it has one, or while that does not matter.
    limit_s
        ``spec.job.pendingDeadlineSeconds``; None where nobody can tell: it is never overdue then.
    known
        Where it stood in a queue at the last look.
    """
    pod, ended = job.pods[-1] if job.pods else None, job.trainer_ended
    begun = pod is not None and pod.phase != "Pending" and not job.suspended
    queue = queue_of(job, known, now)
    completed = job.condition("Complete") is not None
    over = job.finished
    waits = not over and not begun and limit_s is not None
    return JobState(
        job=job,
        pod=pod,
        begun=begun,
        completed=completed,
        failure=explain(job) if job.condition("Failed") else None,
        promises=completed or (ended is not None and ended.exit_code == 0),
        missing_since=missing_since,
        overdue=_overdue(job, queue, missing_since, limit_s or 0, now) if waits else None,
        lingering=None if over or job.suspended else lingering(job, now),
        held_up=waits_for(queue) if queue is not None and job.suspended else held_up(job),
        interrupted=None if over else interrupted(job),
        keyless=lacks_keys(job),
        queue=queue,
    )


def _overdue(
    job: Job, queue: QueueStatus | None, missing: datetime | None, limit_s: int, now: datetime
) -> Failure | None:
    if queue is not None and job.suspended:
        return inadmissible(queue, limit_s, now) if job.kueue is not None else None
    return overdue(job, missing, limit_s, now)
