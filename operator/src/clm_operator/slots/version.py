"""The manifest of a ModelVersion."""

from typing import Any

from clm_api import API_VERSION
from clm_api.model_version import ModelVersionSpec, ScheduleRef
from clm_api.resolve import model_name
from clm_api.run import RunSpec
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.mirror.objects import ScheduleObject
from clm_operator.names import LABEL_FAMILY, LABEL_SCHEDULE
from clm_operator.owners import owned_by
from clm_operator.slots.ask import Ask


def version_manifest(
    schedule: ScheduleObject, spec: TrainingScheduleSpec, ask: Ask, run: RunSpec
) -> dict[str, Any]:
    """Return a ModelVersion with its frozen RunSpec, owned by its schedule."""
    version = ModelVersionSpec(
        schedule_ref=ScheduleRef(name=schedule.name, uid=schedule.uid),
        slot=ask.slot,
        trigger=ask.trigger,
        model_name=model_name(spec),
        run=run,
    )
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelVersion",
        "metadata": {
            "name": ask.name,
            "namespace": schedule.raw["metadata"]["namespace"],
            "labels": {LABEL_SCHEDULE: schedule.name, LABEL_FAMILY: str(spec.model.family)},
            "ownerReferences": owned_by("TrainingSchedule", schedule.raw),
        },
        "spec": version.to_json_dict(),
    }
