"""All reads of one round: the cluster, then the store where a run's state asks for it."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from pydantic import ValidationError

from clm_api.layout import RunLayout, evaluation_report
from clm_api.model_version import Phase
from clm_api.report import Progress
from clm_api.schedule_status import TrialsStatus
from clm_api.symbols import canonical
from clm_api.timing import slot_of
from clm_api.training_schedule import DataSpec
from clm_operator.artifacts.reader import ArtifactReader
from clm_operator.building.names import LABEL_EVALUATION
from clm_operator.building.owners import is_leaving
from clm_operator.clock import Clock
from clm_operator.cluster.resources import Cluster, Raw
from clm_operator.complaints import told
from clm_operator.planning.evaluations import newest, to_read
from clm_operator.planning.production import to_verify
from clm_operator.snapshot import (
    Job,
    Key,
    Pod,
    ScheduleObject,
    Snapshot,
    Version,
    Withheld,
    made_for,
    owner_uid,
)
from clm_operator.store_reads import EvaluationRead, ReportRead

_LOG = logging.getLogger(__name__)


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


async def gather(
    key: Key,
    cluster: Cluster,
    reader: ArtifactReader,
    clock: Clock,
    found_out: FoundOut,
) -> Snapshot:
    """Read everything that a round decides on.

    Parameters
    ----------
    found_out
        What earlier rounds learned by trying.
    """
    raw = await cluster.schedule(key)
    if raw is None:
        return Snapshot(clock.now(), key, None)
    schedule = ScheduleObject.read(raw)
    found = [Version.read(r) for r in await cluster.versions(key)]
    ours = [v for v in found if made_for(v.raw) == schedule.uid]
    foreign = {v.name: v.raw for v in found if made_for(v.raw) != schedule.uid}
    ours.sort(key=lambda v: (v.created, v.name))
    jobs, evaluations = await _jobs(key, schedule, ours, cluster)
    leaving = _leaving(schedule, ours, foreign, jobs)
    reports, progress = await _results(key, ours, jobs, reader)
    now = clock.now()
    return Snapshot(
        now=now,
        key=key,
        schedule=schedule,
        versions=tuple(ours),
        jobs=jobs,
        reports=reports,
        verified=await _verified(key, schedule, ours, reader, now),
        evaluations=evaluations,
        evaluation=await _evaluation(key, schedule, evaluations, reader),
        progress=progress,
        sibling_trials=await _siblings(key, schedule, cluster),
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
    key: Key, schedule: ScheduleObject, versions: list[Version], cluster: Cluster
) -> tuple[dict[str, Job], dict[str, Job]]:
    """Return the Jobs of runs, then those of evaluations."""
    active = [v for v in versions if not v.terminal]
    raw_jobs = {raw["metadata"]["name"]: raw for raw in await cluster.jobs(key)}
    for version in active:
        if version.name not in raw_jobs and (raw := await cluster.job(key.namespace, version.name)):
            raw_jobs[version.name] = raw
    evaluated = {
        name
        for name, raw in raw_jobs.items()
        if LABEL_EVALUATION in raw["metadata"].get("labels", {}) and owner_uid(raw) == schedule.uid
    }
    waits = newest(schedule, {n: Job(raw_jobs[n]) for n in evaluated})
    needs_pods = active or (waits is not None and waits.phase is Phase.RUNNING)
    raw_pods = await cluster.pods(key) if needs_pods else []
    jobs = {name: Job(raw, _pods_of(raw, raw_pods)) for name, raw in raw_jobs.items()}
    awaited = {v.name for v in active} | ({waits.name} if waits else set())
    for name in awaited & jobs.keys():
        jobs[name] = await _warned(key, jobs[name], cluster)
    return (
        {name: job for name, job in jobs.items() if name not in evaluated},
        {name: job for name, job in jobs.items() if name in evaluated},
    )


async def _warned(key: Key, job: Job, cluster: Cluster) -> Job:
    """Ask why a Job's pod is not there, or does not begin, where its own status does not say so."""
    pod = job.pods[-1] if job.pods else None
    if job.finished or (pod is not None and (pod.phase != "Pending" or pod.complaint)):
        return job
    uid, since = (job.uid, job.startable_since) if pod is None else (pod.uid, pod.created)
    events = await cluster.events(key.namespace, uid)
    return replace(job, warning=told(events, job.name, since))


def _pods_of(job: Raw, raw_pods: list[Raw]) -> tuple[Pod, ...]:
    mine = [Pod.read(raw) for raw in raw_pods if owner_uid(raw) == job["metadata"]["uid"]]
    return tuple(sorted(mine, key=lambda pod: (pod.created, pod.uid)))


async def _results(
    key: Key, versions: list[Version], jobs: dict[str, Job], reader: ArtifactReader
) -> tuple[dict[str, ReportRead], dict[str, Progress]]:
    reports: dict[str, ReportRead] = {}
    progress: dict[str, Progress] = {}
    for version in versions:
        if version.terminal or version.spec is None:
            continue
        layout = RunLayout(key.namespace, version.spec.schedule_ref.name, version.run_uid)
        job = jobs.get(version.name)
        if job is None or job.finished or job.trainer_ended:
            reports[version.name] = await reader.report(layout)
        elif job.pods and job.pods[-1].phase == "Running":
            said = await reader.progress(layout, job.pods[-1].uid)
            if said is not None:
                progress[version.name] = said
    return reports, progress


async def _verified(
    key: Key,
    schedule: ScheduleObject,
    versions: list[Version],
    reader: ArtifactReader,
    now: datetime,
) -> dict[str, ReportRead]:
    return {
        version.name: await reader.report(RunLayout(key.namespace, schedule.name, version.run_uid))
        for version in to_verify(schedule, versions, now)
    }


async def _evaluation(
    key: Key, schedule: ScheduleObject, jobs: dict[str, Job], reader: ArtifactReader
) -> EvaluationRead:
    status = to_read(schedule, jobs)
    if status is None:
        return None
    slot = slot_of(status.slot)
    return await reader.evaluation(
        evaluation_report(key.namespace, schedule.name, schedule.uid, slot)
    )


async def _siblings(
    key: Key, schedule: ScheduleObject, cluster: Cluster
) -> tuple[TrialsStatus, ...]:
    """Only a round that may create a version needs the other schedules' trials."""
    if schedule.spec is None:
        return ()
    return sibling_tries(schedule, await cluster.schedules(key.namespace))


def sibling_tries(schedule: ScheduleObject, found: list[Raw]) -> tuple[TrialsStatus, ...]:
    """Return the tries of other schedules on the same data; one that can't be read is left out."""
    if schedule.spec is None:
        return ()
    asked, others = _asked(schedule.spec.data), []
    for raw in found:
        try:
            other = ScheduleObject.read(raw)
        except ValidationError as error:
            _LOG.warning("the tries of %s are left out: %s", raw["metadata"]["name"], error)
            continue
        if other.uid == schedule.uid or other.spec is None:
            continue
        if _asked(other.spec.data) == asked:
            others.append(other.status.trials)
    return tuple(others)


def _asked(data: DataSpec) -> tuple[frozenset[str], str]:
    """Return what identifies the data whose trials are counted together."""
    return frozenset(canonical(s, data.market) for s in data.symbols), data.timeframe
