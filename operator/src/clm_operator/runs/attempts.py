"""A run's Job and pods as its status keeps them: how many, the newest one, the time they took."""

from datetime import datetime

from clm_api.model_version import JobRef, ModelVersionStatus
from clm_operator.mirror.objects import Job, Pod


def with_job(status: ModelVersionStatus, job: Job) -> ModelVersionStatus:
    """Return the status with what the Job's pods tell of when and how often the run was tried."""
    started = [p.started for p in job.pods if p.started]
    return status.having(
        job_ref=JobRef(name=job.name, uid=job.uid),
        attempt=status.attempt + len(_new_pods(status, job)),
        pod_uid=job.pods[-1].uid if job.pods else status.pod_uid,
        start_time=status.start_time or (min(started) if started else None),
    )


def _new_pods(status: ModelVersionStatus, job: Job) -> tuple[Pod, ...]:
    """Return the pods made since the last look; an evicted one may be gone by now."""
    uids = [pod.uid for pod in job.pods]
    known = uids.index(status.pod_uid) + 1 if status.pod_uid in uids else 0
    return job.pods[known:]


def took(start: datetime | None, end: datetime) -> str | None:
    """Return how long a run took; None if it never began."""
    if start is None:
        return None
    seconds = max(int((end - start).total_seconds()), 0)
    return f"{seconds // 60}m{seconds % 60}s" if seconds >= 60 else f"{seconds}s"
