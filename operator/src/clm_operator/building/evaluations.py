"""The manifest of an evaluation Job: a training pod without GPU and exchange key."""

from typing import Any

from clm_api import environment
from clm_api.evaluation import EvaluationTask
from clm_api.run import RunPod
from clm_api.timing import slot_of
from clm_operator.building.jobs import Work, manifest, owner
from clm_operator.building.names import LABEL_EVALUATION, LABEL_SCHEDULE
from clm_operator.settings import Settings
from clm_operator.snapshot import ScheduleObject


def evaluation_manifest(
    schedule: ScheduleObject, name: str, task: EvaluationTask, pod: RunPod, settings: Settings
) -> dict[str, Any]:
    """Return the Job of an evaluation, owned by its schedule.

    Parameters
    ----------
    pod
        As frozen in the version on trial: its image can load what it has made.
    """
    namespace = schedule.raw["metadata"]["namespace"]
    labels = {LABEL_SCHEDULE: schedule.name, LABEL_EVALUATION: str(slot_of(task.slot))}
    values = {
        environment.EVALUATION_TASK: task.model_dump_json(by_alias=True, exclude_none=True),
        environment.RUN_NAMESPACE: namespace,
        environment.RUN_SCHEDULE: schedule.name,
        environment.RUN_NAME: name,
        environment.RUN_UID: schedule.uid,
    }
    meta = {"name": name, "namespace": namespace, "labels": labels}
    without_gpu = pod.model_copy(update={"gpu": pod.gpu.model_copy(update={"count": 0})})
    controller = owner("TrainingSchedule", schedule.raw)
    return manifest(meta, controller, without_gpu, Work("evaluate", values), settings)
