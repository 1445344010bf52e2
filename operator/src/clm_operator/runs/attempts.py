"""A run's Job and pods as its status keeps them: how many, the newest one, the time they took."""

from clm_api.model_version import JobRef, ModelVersionStatus
from clm_operator.mirror.objects import Job, Pod


def with_job(status: ModelVersionStatus, job: Job | None) -> ModelVersionStatus:
    """Return the status with what the Job's pods tell of when and how often the run was tried."""
    if job is None:
        return status
    started = [p.started for p in job.pods if p.started]
    return status.having(
        job_ref=JobRef(name=job.raw["metadata"]["name"], uid=job.uid),
        attempt=status.attempt + len(_new_pods(status, job)),
        pod_uid=job.pods[-1].uid if job.pods else status.pod_uid,
        start_time=status.start_time or (min(started) if started else None),
    )


def _new_pods(status: ModelVersionStatus, job: Job) -> tuple[Pod, ...]:
    """Return the pods made since the last look; an evicted one may be gone by now."""
    uids = [pod.uid for pod in job.pods]
    known = uids.index(status.pod_uid) + 1 if status.pod_uid in uids else 0
    return job.pods[known:]


def timed(status: ModelVersionStatus) -> ModelVersionStatus:
    """Return the status of an ended run with how long it took."""
    if status.start_time is None or status.completion_time is None:
        return status
    seconds = max(int((status.completion_time - status.start_time).total_seconds()), 0)
    text = f"{seconds // 60}m{seconds % 60}s" if seconds >= 60 else f"{seconds}s"
    return status.having(duration=text)
