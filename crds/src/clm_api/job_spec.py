"""What a schedule may say about its Jobs and their pods."""

from typing import Annotated, Literal

from pydantic import Field

from clm_api.base import LabelText, Model, Name, Quantity
from clm_api.queueing import QueueName


class GpuSpec(Model):
    """GPUs for the training container."""

    count: Annotated[int, Field(ge=0, le=16)]
    """Number of GPUs; 0 trains on the CPU."""
    resource_name: Annotated[str, Field(min_length=1, max_length=253)] = "nvidia.com/gpu"
    """The extended resource that stands for a GPU."""


class ComputeSpec(Model):
    """CPU and memory."""

    cpu: Quantity | None = None
    """CPUs, such as 2 or 500m."""
    memory: Quantity | None = None
    """Memory, such as 4Gi."""


class ResourcesSpec(Model):
    """Requests and limits of the training container."""

    requests: ComputeSpec | None = None
    """What the scheduler reserves."""
    limits: ComputeSpec | None = None
    """What the container may use."""


class TolerationSpec(Model):
    """A node taint that the training pod accepts."""

    key: LabelText | None = None
    """Taint key; absent with operator Exists means all."""
    operator: Literal["Equal", "Exists"] = "Equal"
    """How key and value are compared."""
    value: Name | None = None
    """Taint value for operator Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Taint effect; absent means all."""


class JobSpec(Model):
    """The closed list of what a schedule may say about its Jobs. There is no pod template."""

    image: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    """Image of the training container, with own code on top of CLM's; the operator's values must
    allow its prefix. Absent takes the operator's image for the family."""
    gpu: GpuSpec | None = None
    """GPUs; absent takes the operator's default for the family."""
    resources: ResourcesSpec | None = None
    """CPU and memory; what is absent comes from the operator's default for the family, memory also
    from the size of the data."""
    node_selector: Annotated[dict[LabelText, Name], Field(max_length=20)] | None = None
    """Labels that the node must have, added to the operator's defaults."""
    tolerations: Annotated[list[TolerationSpec], Field(max_length=20)] | None = None
    """Taints that the pod accepts; absent takes the operator's default."""
    priority_class_name: Annotated[str, Field(max_length=253)] | None = None
    """PriorityClass of the pod."""
    runtime_class_name: Annotated[str, Field(max_length=253)] | None = None
    """RuntimeClass of the pod."""
    queue_name: QueueName | None = None
    """Kueue's LocalQueue, set as label kueue.x-k8s.io/queue-name."""
    priority_class: QueueName | None = None
    """Kueue's WorkloadPriorityClass, set as label kueue.x-k8s.io/priority-class: who goes first in
    the queue, and who may be preempted. It says nothing to the scheduler."""
    active_deadline_seconds: Annotated[int, Field(ge=30, le=604800)] = 7200
    """A run that takes longer fails with DeadlineExceeded."""
    backoff_limit: Annotated[int, Field(ge=0, le=10)] = 2
    """Retries of a run that failed for a reason that may pass."""
    pending_deadline_seconds: Annotated[int, Field(ge=10, le=604800)] = 1800
    """A run whose pod no node takes for longer fails with Unschedulable."""
    ttl_seconds_after_finished: Annotated[int, Field(ge=0, le=31536000)] = 86400
    """A finished Job goes with its pods and keys so long after what came of it was stored; at once
    where a quota needs its place."""

    @property
    def own_image(self) -> str | None:
        """The image that is not CLM's; None where the operator's runs."""
        return self.image
