"""A replay Job: a training pod without GPU, with keys of its own.

It has the exchange key only where the account's fills are held against the positions.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from pydantic import ValidationError

from clm_api import environment, former
from clm_api.layout import replay_report
from clm_api.replay import ReplayTask
from clm_api.run import RunPod, RunSpec
from clm_api.timing import slot_of
from clm_operator.jobs.access import Access
from clm_operator.jobs.credentials import Grant, replay_grants, shared_by
from clm_operator.jobs.manifest import NewJob, manifest
from clm_operator.jobs.parts import Told, work_of
from clm_operator.jobs.split import containers_of
from clm_operator.mirror.objects import Job, ScheduleObject, Version
from clm_operator.names import LABEL_REPLAY, LABEL_SCHEDULE
from clm_operator.owners import owned_by
from clm_operator.settings import CredentialsMode, ReplaySettings, Settings


@dataclass(frozen=True)
class DueReplay:
    """A replay whose Job is to be made.

    Parameters
    ----------
    name
        The Job's.
    models
        The versions that it replays, as far as they exist: the one on trial first. The first one's
        frozen pod runs the Job: its image can load what it has made.
    """

    name: str
    task: ReplayTask
    models: tuple[Version, ...]

    @property
    def runs(self) -> list[RunSpec]:
        """What its versions' runs were told, and whose data its pod may read."""
        runs = [v.spec.run for v in self.models if v.spec is not None]
        if not self.reads_fills:
            return runs
        return [run.having(data=run.data.having(own_trades=True)) for run in runs]

    @property
    def reads_fills(self) -> bool:
        """Whether the account's fills are read."""
        return self.task.watch is not None and self.task.watch.own_trades

    @property
    def without_watch(self) -> "DueReplay":
        """The same, as an image of another release understands it: it refuses unknown fields."""
        return replace(self, task=self.task.having(watch=None))

    def is_of_this_release(self, settings: Settings) -> bool:
        """Whether its image is one of those that versions are made with now, or built on one."""
        return (self.pod.fetch_image or self.pod.image) in settings.trainer.images.values()

    @property
    def pod(self) -> RunPod:
        """The first version's, without GPUs: replaying is no training."""
        pod = self.runs[0].pod
        return pod.having(gpu=pod.gpu.having(count=0))

    def pod_under(self, replays: ReplaySettings) -> RunPod:
        """Return the pod in the queue of replays, where the settings name one."""
        return self.pod.having(**replays.model_dump(exclude_none=True))


def replay_job(
    schedule: ScheduleObject, due: DueReplay, settings: Settings, now: datetime
) -> NewJob:
    """Return the Job of a replay, owned by its schedule."""
    due = due if due.is_of_this_release(settings) else due.without_watch
    task = due.task
    lent = settings.store.credentials is CredentialsMode.PER_RUN
    grants = grants_for(schedule, due, settings, now) if lent else ()
    command, variable = _words(due, settings)
    values = {
        variable: task.model_dump_json(by_alias=True, exclude_none=True),
        environment.RUN_NAMESPACE: schedule.namespace,
        environment.RUN_SCHEDULE: schedule.name,
        environment.RUN_NAME: due.name,
        environment.RUN_UID: schedule.uid,
    }
    meta = {
        "name": due.name,
        "namespace": schedule.namespace,
        "labels": {LABEL_SCHEDULE: schedule.name, LABEL_REPLAY: str(slot_of(task.slot))},
        "ownerReferences": owned_by("TrainingSchedule", schedule.raw),
    }
    key = schedule.spec.data.secret_ref if schedule.spec else None
    told = Told(command, values, reads_fills=due.reads_fills, secret_ref=key)
    pod = due.pod_under(settings.replays)
    static = dict.fromkeys(containers_of(pod), settings.store.secret_name)
    work = work_of(pod, told, {one.container: one.name for one in grants} or static)
    made = manifest(meta, pod, work, settings)
    return NewJob(made, grants, lent_when_admitted=True)


def _words(due: DueReplay, settings: Settings) -> tuple[str, str]:
    """Return the command and the variable of its task that the versions' image knows.

    The image is the one that made them. That of another release may be of the time when a replay
    was called an evaluation; images of today know those words too.
    """
    if due.is_of_this_release(settings):
        return "replay", environment.REPLAY_TASK
    return former.COMMAND, former.TASK


def grants_for(
    schedule: ScheduleObject, due: DueReplay, settings: Settings, now: datetime
) -> tuple[Grant, ...]:
    """Return what a replay needs: its versions' files, their bars, a place for its report."""
    task = due.task
    runs = filter(None, (settings.store.run_of(one.uri) for one in task.contenders))
    report = replay_report(schedule.namespace, schedule.name, schedule.uid, slot_of(task.slot))
    secret = {
        "namespace": schedule.namespace,
        "labels": {LABEL_SCHEDULE: schedule.name},
    }
    shared = shared_by(settings.store, schedule.namespace)
    own = Access(reads=tuple(run.pattern for run in runs), writes=(report,))
    return replay_grants(due.name, secret, own, due.runs, now, shared)


def task_of(job: Job) -> ReplayTask | None:
    """Return what a replay Job was told; None where nothing says it in words that are known."""
    told = {one["name"]: one.get("value", "") for one in job.container.get("env", ())}
    try:
        text = told.get(environment.REPLAY_TASK) or told.get(former.TASK, "")
        return ReplayTask.model_validate_json(text)
    except ValidationError:
        return None
