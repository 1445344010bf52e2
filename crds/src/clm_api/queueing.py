"""Where a Job stands in a queue of Kueue."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from clm_api.base import Exact, Instant, Name, StatusModel, Text, Word

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
QueueName = Annotated[str, Field(pattern=rf"^{_LABEL}(\.{_LABEL})*$", min_length=1, max_length=63)]
"""Name of a LocalQueue, or of a WorkloadPriorityClass, as a label of a Job can carry it."""


class QueueState(StrEnum):
    """Where a Job stands in its queue."""

    QUEUED = "Queued"
    ADMITTED = "Admitted"
    PREEMPTED = "Preempted"
    HELD = "Held"


class QueueStatus(StatusModel):
    """A Job's place in a queue, and what Kueue says of it."""

    name: Name
    """The LocalQueue."""
    cluster_queue: Exact | None = None
    """The ClusterQueue that admitted it; absent while none has."""
    workload: Exact | None = None
    """Kueue's Workload of the Job; absent while Kueue has made none."""
    state: QueueState
    """Queued waits for its turn; Admitted may run; Preempted was put back and waits again; Held
    can't be admitted before somebody changes something."""
    since: Instant
    """Since when it stands there, for that reason."""
    position: Annotated[int, Field(ge=1)] | None = None
    """Place in the LocalQueue, 1 is next; absent where Kueue's visibility API does not answer."""
    reason: Word = ""
    """What holds it, in one word; empty while it only waits for its turn."""
    preemptions: Annotated[int, Field(ge=0)] = 0
    """How often it lost its place to another."""
    message: Text = ""
    """Kueue's own words."""
