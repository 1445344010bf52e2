"""Schedules, versions, Jobs and pods as rounds see them: typed, and no more than is looked at."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clm_api.environment import CONTAINER
from clm_api.model_version import TAKES_A_SLOT, TERMINAL, ModelVersionSpec, ModelVersionStatus
from clm_api.restored import RESTORING
from clm_api.schedule_status import TOKEN_CHARS, TrainingScheduleStatus
from clm_api.timing import slot_of
from clm_api.training_schedule import TrainingScheduleSpec
from clm_operator.complaints import Complaint, complaint, working_state
from clm_operator.mirror.specs import read_spec
from clm_operator.mirror.workloads import InQueue
from clm_operator.names import LABEL_CLUSTER_QUEUE, LABEL_PODSET, LABEL_PRIORITY, LABEL_QUEUE

RUN_NOW = "clm.dev/run-now"
Raw = dict[str, Any]


@dataclass(frozen=True, order=True)
class Key:
    """A TrainingSchedule's address."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"


def instant(text: str) -> datetime:
    """Read a Kubernetes time."""
    return datetime.fromisoformat(text)


def owner_uid(raw: Raw) -> str | None:
    """Return the uid of an object's controller."""
    for owner in raw["metadata"].get("ownerReferences", ()):
        if owner.get("controller"):
            return str(owner["uid"])
    return None


def made_for(raw: Raw) -> str:
    """Return the uid of the schedule that a ModelVersion was made for.

    Nobody can change it, unlike labels and owners.
    """
    return str(raw["spec"]["scheduleRef"]["uid"])


@dataclass(frozen=True)
class Named:
    """What every object has."""

    raw: Raw

    @property
    def name(self) -> str:
        """metadata.name; a version's is also its Job's."""
        return str(self.raw["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """metadata.namespace."""
        return str(self.raw["metadata"]["namespace"])

    @property
    def uid(self) -> str:
        """metadata.uid: tells an object from one of the same name that was deleted."""
        return str(self.raw["metadata"]["uid"])


@dataclass(frozen=True)
class ScheduleObject(Named):
    """A TrainingSchedule as it was read."""

    spec: TrainingScheduleSpec | None
    problem: str
    status: TrainingScheduleStatus

    @classmethod
    def read(cls, raw: Raw, before: "ScheduleObject | None" = None) -> "ScheduleObject":
        """Parse a resource.

        Parameters
        ----------
        before
            The same object as it was.
        """
        status = TrainingScheduleStatus.model_validate(raw.get("status", {}))
        return cls(raw, *read_spec(TrainingScheduleSpec, raw, before), status)

    @property
    def generation(self) -> int:
        """metadata.generation."""
        return int(self.raw["metadata"]["generation"])

    @property
    def created(self) -> datetime:
        """When it was created, or the lost one in whose place it stands."""
        restored = self.status.restored
        return restored.created if restored else instant(self.raw["metadata"]["creationTimestamp"])

    @property
    def restoring(self) -> bool:
        """Whether it is not all back yet."""
        return RESTORING in self.raw["metadata"].get("annotations", {})

    @property
    def deleted(self) -> bool:
        """Whether it is being deleted."""
        return "deletionTimestamp" in self.raw["metadata"]

    @property
    def run_token(self) -> str | None:
        """Value of the annotation that asks for a run by hand."""
        token = self.raw["metadata"].get("annotations", {}).get(RUN_NOW)
        return None if token is None else str(token)[:TOKEN_CHARS]


@dataclass(frozen=True)
class Version(Named):
    """A ModelVersion as it was read."""

    spec: ModelVersionSpec | None
    problem: str
    status: ModelVersionStatus

    @classmethod
    def read(cls, raw: Raw, before: "Version | None" = None) -> "Version":
        """Parse a resource.

        Parameters
        ----------
        before
            The same object as it was.
        """
        status = ModelVersionStatus.model_validate(raw.get("status", {}))
        return cls(raw, *read_spec(ModelVersionSpec, raw, before), status)

    @property
    def run_uid(self) -> str:
        """The run's folder in the store: its uid, or that of the one in whose place it stands."""
        return self.status.restored.uid if self.status.restored else self.uid

    @property
    def generation(self) -> int:
        """metadata.generation."""
        return int(self.raw["metadata"].get("generation", 1))

    @property
    def created(self) -> datetime:
        """When it was created, or the lost one in whose place it stands."""
        restored = self.status.restored
        return restored.created if restored else instant(self.raw["metadata"]["creationTimestamp"])

    @property
    def terminal(self) -> bool:
        """Whether its run has ended."""
        return self.status.phase in TERMINAL

    @property
    def slot(self) -> int | None:
        """Its slot, if it came from the schedule: a run that something else began takes none."""
        if self.spec is None or self.spec.trigger.type not in TAKES_A_SLOT:
            return None
        return slot_of(self.spec.slot)

    @property
    def is_significant(self) -> bool:
        """Whether its Sharpe ratio is more than luck, as far as its run can tell."""
        held = (c for c in self.status.conditions if c.type == "StatisticallySignificant")
        return any(c.status == "True" for c in held)


@dataclass(frozen=True)
class Pod:
    """A training pod."""

    uid: str
    created: datetime
    phase: str
    started: datetime | None
    exit_code: int | None
    terminated_reason: str
    termination_message: str
    complaint: Complaint | None
    """Why it does not work, in the scheduler's or kubelet's words; None if they say nothing."""
    ended: datetime | None = None
    """When the trainer ended; other containers may go on."""
    leaving: datetime | None = None
    """Since when it is being removed: by a drain, a preemption, or because its node is lost."""
    name: str = ""

    @classmethod
    def read(cls, raw: Raw) -> "Pod":
        """Pick what the planner looks at, of the trainer's container wherever it stands.

        Before that one begins, the one that fetches for it works: a pod whose fetching container
        has begun is at work.
        """
        status = raw.get("status", {})
        state = working_state(status)
        terminated, running = state.get("terminated", {}), state.get("running", {})
        started = terminated.get("startedAt") or running.get("startedAt")
        phase = status.get("phase", "Pending")
        if phase == "Running" and "waiting" in state:
            phase = "Pending"  # a sidecar alone makes no run
        if phase == "Pending" and (terminated or running):
            phase = "Running"  # Kubernetes counts what works before the trainer as waiting
        leaving, ended = raw["metadata"].get("deletionTimestamp"), terminated.get("finishedAt")
        return cls(
            uid=raw["metadata"]["uid"],
            created=instant(raw["metadata"]["creationTimestamp"]),
            phase=phase,
            started=instant(started) if started else None,
            exit_code=terminated.get("exitCode"),
            terminated_reason=terminated.get("reason", ""),
            termination_message=terminated.get("message", ""),
            complaint=complaint(status, state),
            ended=instant(ended) if ended else None,
            leaving=instant(leaving) if leaving else None,
            name=str(raw["metadata"].get("name", "")),
        )


@dataclass(frozen=True)
class Job(Named):
    """The Job of a version."""

    pods: tuple[Pod, ...] = ()
    """Oldest first."""
    warning: Complaint | None = None
    """The newest event that says why there is no pod, or why it can't begin."""
    kueue: InQueue | None = None
    """What Kueue says of it; None where its Workloads can't be watched."""

    @property
    def created(self) -> datetime:
        """metadata.creationTimestamp."""
        return instant(self.raw["metadata"]["creationTimestamp"])

    @property
    def deadline_seconds(self) -> int | None:
        """spec.activeDeadlineSeconds."""
        found = self.raw["spec"].get("activeDeadlineSeconds")
        return None if found is None else int(found)

    @property
    def memory_limit(self) -> str | None:
        """The container's memory limit; None if it has none."""
        limit = self.container.get("resources", {}).get("limits", {}).get("memory")
        return None if limit is None else str(limit)

    @property
    def container(self) -> Raw:
        """The trainer's container as it was asked for."""
        return self.container_of(CONTAINER)

    def container_of(self, name: str) -> Raw:
        """Return a container as it was asked for; empty where there is none of that name."""
        pod = self.raw["spec"].get("template", {}).get("spec", {})
        asked = (*pod.get("initContainers", ()), *pod.get("containers", ()))
        return dict(next((c for c in asked if c["name"] == name), {}))

    @property
    def queue(self) -> str | None:
        """Name of the Kueue queue that it waits in."""
        return self._label(LABEL_QUEUE)

    @property
    def priority_class(self) -> str | None:
        """Name of the WorkloadPriorityClass that it asks for."""
        return self._label(LABEL_PRIORITY)

    def _label(self, name: str) -> str | None:
        found = self.raw["metadata"].get("labels", {}).get(name)
        return None if found is None else str(found)

    @property
    def pod_priority(self) -> str | None:
        """Name of the PriorityClass of its pods."""
        found = self.raw["spec"].get("template", {}).get("spec", {}).get("priorityClassName")
        return None if found is None else str(found)

    @property
    def was_admitted(self) -> bool:
        """Whether Kueue has let its pods go: it writes on their template, and takes that back."""
        return LABEL_PODSET in self._of_pods

    @property
    def cluster_queue(self) -> str | None:
        """Name of the ClusterQueue that has admitted it."""
        return self._of_pods.get(LABEL_CLUSTER_QUEUE)

    @property
    def _of_pods(self) -> dict[str, str]:
        """Labels of its pods."""
        return dict(self.raw["spec"].get("template", {}).get("metadata", {}).get("labels") or {})

    @property
    def suspended(self) -> bool:
        """Whether a queue holds it back."""
        return bool(self.raw["spec"].get("suspend"))

    def condition(self, kind: str) -> Raw | None:
        """Return the condition of that type if it is True."""
        for c in self.raw.get("status", {}).get("conditions") or ():
            if c["type"] == kind and c["status"] == "True":
                return dict(c)
        return None

    @property
    def finished(self) -> bool:
        """Whether it has completed or failed."""
        return self.condition("Complete") is not None or self.condition("Failed") is not None

    @property
    def trainer_ended(self) -> Pod | None:
        """The newest pod if its trainer has ended and nobody tries again, though the Job goes on.

        A sidecar may keep the pod alive. After a pod that ended well, the Job's controller takes a
        second or more to say so.
        """
        pod = self.pods[-1] if self.pods else None
        there = pod is not None and pod.phase in ("Running", "Succeeded")
        return pod if there and pod and pod.exit_code is not None else None

    @property
    def startable_since(self) -> datetime | None:
        """Since when its controller may make pods: a queue's time does not count.

        None while it is held back, or was let go so recently that its status does not say so yet.
        """
        if self.suspended or self.condition("Suspended") is not None:
            return None
        status = self.raw.get("status", {})
        resumed = [
            c.get("lastTransitionTime")
            for c in status.get("conditions") or ()
            if c["type"] == "Suspended"
        ]
        times = filter(None, (status.get("startTime"), *resumed))
        return max((self.created, *map(instant, times)))
