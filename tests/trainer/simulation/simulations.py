"""A simulation as the operator leaves it to its pods, and the pods as processes of their own."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from clm_api import environment
from clm_api.layout import SimulationLayout
from clm_api.past import covering_run
from clm_api.simulation_task import SimulationManifest, SimulationTask, TaskVariant
from clm_api.training_schedule import TrainingScheduleSpec
from clm_trainer.host import Host
from clm_trainer.simulation.told import Told
from clm_trainer.storage import Storage
from tests.trainer.pipeline.runs import Pod

LAYOUT = SimulationLayout("trading", "weekly", "5f0b1a66-3c1f-4a43-9d1d-0d6e5f6f7a10")
START, STOP = datetime(2025, 11, 1, tzinfo=UTC), datetime(2025, 11, 29, tzinfo=UTC)
POD = {"image": "clm-trainer:test", "gpu": {"count": 0}, "resources": {}}


def schedule(**groups: Any) -> TrainingScheduleSpec:
    """Weekly versions of 220 days of bars, 30 of them out of sample."""
    spec: dict[str, Any] = {
        "interval": "7d",
        "model": {"family": "xgboost"},
        "data": {"symbols": ["BTC/USDT", "ETH/USDT"], "refresh": "Never", "lookbackDays": 220},
        "evaluation": {"periodDays": 30, "folds": 2},
        "target": {"calibrationDays": 30},
    }
    for name, group in groups.items():
        spec[name] = {**spec.get(name, {}), **group} if isinstance(group, dict) else group
    return TrainingScheduleSpec.model_validate(spec)


@dataclass(frozen=True)
class Simulated:
    """A simulation whose task lies in a store."""

    store: Storage
    variants: Mapping[str, TrainingScheduleSpec]
    indices: int = 2
    start: datetime = START
    stop: datetime = STOP
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        task = SimulationTask(
            from_=self.start,
            to=self.stop,
            variants=[
                TaskVariant(
                    name=name,
                    schedule=spec,
                    run=covering_run(spec, self.start, self.stop, POD),
                    indices=self.indices,
                )
                for name, spec in self.variants.items()
            ],
        )
        content = task.model_dump_json(by_alias=True).encode()
        self.store.create(LAYOUT.task, content)
        object.__setattr__(self, "sha256", hashlib.sha256(content).hexdigest())

    @property
    def told(self) -> Told:
        return Told.read(self.store, LAYOUT, self.sha256)

    @property
    def host(self) -> Host:
        return Host(self.store, lambda: datetime.now(UTC), lambda: False)

    def pod(self, folder: Any, command: str, *, attempt: str = "pod-1", **extra: str) -> Pod:
        """A pod of the simulation; ``extra`` are further variables."""
        told = {
            environment.TASK_SHA256: self.sha256,
            environment.RUN_NAMESPACE: LAYOUT.namespace,
            environment.RUN_SCHEDULE: LAYOUT.name,
            environment.RUN_UID: LAYOUT.uid,
        }
        return Pod(self.store.url, folder, attempt=attempt, command=command, extra=told | extra)

    def manifest(self) -> SimulationManifest:
        content = self.store.get(LAYOUT.manifest)
        assert content is not None, "there is no manifest"
        return SimulationManifest.model_validate_json(content)

    def content(self, name: str) -> bytes:
        """Return a published file."""
        content = self.store.get(LAYOUT.file(self.manifest().file(name).path))
        assert content is not None
        return content
