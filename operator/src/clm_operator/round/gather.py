"""What a round looks at: the mirror's view, read live only where watches may lag."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from clm_api.model_version import Phase
from clm_operator.clock import Clock
from clm_operator.cluster.resources import Cluster, Raw
from clm_operator.complaints import told
from clm_operator.mirror.objects import Job, Key, ScheduleObject, Version, made_for, owner_uid
from clm_operator.mirror.workloads import InQueue
from clm_operator.names import replay_slot
from clm_operator.owners import is_leaving
from clm_operator.replays.outcome import newest
from clm_operator.view import View, Withheld

_SOON = timedelta(seconds=5)


@dataclass(frozen=True)
class FoundOut:
    """What only a create can tell.

    Parameters
    ----------
    taken
        Names that belong to something else.
    refused
        Versions and Jobs that the API server calls invalid, with its words.
    withheld
        Versions and Jobs that can't be made for now, and Jobs whose keys can't.
    quota_short
        Whether a quota refuses a Job or its keys, of this schedule or a neighbour.
    """

    taken: frozenset[str] = frozenset()
    refused: Mapping[str, str] = field(default_factory=dict)
    withheld: Mapping[str, Withheld] = field(default_factory=dict)
    quota_short: bool = False

    def __or__(self, other: "FoundOut") -> "FoundOut":
        """Return what both know; of one name what the other one knows."""
        return FoundOut(
            self.taken | other.taken,
            {**self.refused, **other.refused},
            {**self.withheld, **other.withheld},
            self.quota_short or other.quota_short,
        )


async def view_of(key: Key, cluster: Cluster, clock: Clock, found_out: FoundOut) -> View:
    """Return the mirror's view of a schedule, completed where watches may lag.

    Parameters
    ----------
    found_out
        What earlier rounds learned by trying.
    """
    mirror = cluster.mirror
    schedule = mirror.schedule(key)
    if schedule is None:
        return View(clock.now(), key, None)
    found = mirror.versions.of(key)
    ours = [v for v in found if made_for(v.raw) == schedule.uid]
    foreign = {v.name: v.raw for v in found if made_for(v.raw) != schedule.uid}
    ours.sort(key=lambda v: (v.created, v.name))
    jobs, replays = await _jobs(schedule, ours, cluster, found_out, clock.now())
    leaving = _leaving(schedule, ours, foreign, jobs)
    return View(
        now=clock.now(),
        key=key,
        schedule=schedule,
        versions=tuple(ours),
        jobs=jobs,
        replays=replays,
        sibling_trials=mirror.tries_of_siblings(schedule),
        taken=(found_out.taken | foreign.keys()) - leaving,
        leaving=leaving,
        refused=found_out.refused,
        withheld=found_out.withheld,
        quota_short=found_out.quota_short,
    )


def _leaving(
    schedule: ScheduleObject, ours: list[Version], foreign: dict[str, Raw], jobs: dict[str, Job]
) -> frozenset[str]:
    """Return names of versions and Jobs that an earlier schedule of this name has left behind."""
    owners = {("TrainingSchedule", schedule.name): schedule.uid}
    owners |= {("ModelVersion", v.name): v.uid for v in ours}
    versions = {name for name, raw in foreign.items() if is_leaving(raw, owners)}
    own = {schedule.uid, *(v.uid for v in ours)}
    others = (j for j in jobs.values() if owner_uid(j.raw) not in own)
    return frozenset(versions | {j.name for j in others if is_leaving(j.raw, owners)})


async def _jobs(
    schedule: ScheduleObject,
    versions: list[Version],
    cluster: Cluster,
    found_out: FoundOut,
    now: datetime,
) -> tuple[dict[str, Job], dict[str, Job]]:
    """Return the Jobs of runs, then those of replays."""
    mirror, key = cluster.mirror, Key(schedule.namespace, schedule.name)
    active = [v for v in versions if not v.terminal]
    jobs = {job.name: job for job in mirror.jobs.of(key)}
    expected = [v.name for v in active if v.status.job_ref or v.name in found_out.taken]
    replay = schedule.status.replay
    if replay is not None and replay.phase is Phase.RUNNING:
        expected.append(replay.name)
    for name in (one for one in expected if one not in jobs):
        # It may carry other labels than those that are watched, or its watch may lag.
        await cluster.refresh("Job", key.namespace, name)
        if (job := mirror.jobs.get(key.namespace, name)) is not None:
            jobs[name] = job
    jobs = {name: replace(job, pods=mirror.pods_of(key, job.uid)) for name, job in jobs.items()}
    for name in expected:
        if name in jobs and _failed_before_its_pod(jobs[name]):
            await cluster.refresh_pods(key.namespace, name)
            jobs[name] = replace(jobs[name], pods=mirror.pods_of(key, jobs[name].uid))
    replayed = {
        name
        for name, job in jobs.items()
        if replay_slot(job.raw["metadata"].get("labels", {})) is not None
        and owner_uid(job.raw) == schedule.uid
    }
    waits = newest(schedule, {n: jobs[n] for n in replayed})
    awaited = {v.name for v in active} | ({waits.name} if waits else set())
    for name in awaited & jobs.keys():
        jobs[name] = await warned(key, await queued(jobs[name], cluster), cluster, now)
    return (
        {name: job for name, job in jobs.items() if name not in replayed},
        {name: job for name, job in jobs.items() if name in replayed},
    )


def _failed_before_its_pod(job: Job) -> bool:
    """Whether a Job's end is known and the end of its pod, which says why, is not."""
    failed = job.condition("Failed")
    if failed is None or failed.get("reason") == "DeadlineExceeded":
        return False
    return not job.pods or job.pods[-1].ended is None


async def queued(job: Job, cluster: Cluster) -> Job:
    """Ask where a Job stands in its queue, where anybody tells of Workloads."""
    workloads = cluster.mirror.workloads
    workload = workloads.of(job.namespace, job.uid)
    if job.finished or not workloads.knows(job.namespace):
        return job
    if not job.suspended:
        return replace(job, kueue=InQueue(workload))
    return replace(job, kueue=await cluster.kueue.about(workload))


async def warned(key: Key, job: Job, cluster: Cluster, now: datetime) -> Job:
    """Ask why a Job's pod is not there, or does not begin, where its own status does not say so.

    What begins within seconds needs no reason.
    """
    pod = job.pods[-1] if job.pods else None
    if job.finished or (pod is not None and (pod.phase != "Pending" or pod.complaint)):
        return job
    uid, since = (job.uid, job.startable_since) if pod is None else (pod.uid, pod.created)
    if now - (since or job.created) < _SOON:
        return job
    events = await cluster.events(key.namespace, uid)
    return replace(job, warning=told(events, job.name, since))
