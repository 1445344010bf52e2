"""Where a run stands in its queue, in a few words."""

from clm_api.model_version import ModelVersionStatus, Phase
from clm_api.queueing import QueueState


def place_of(status: ModelVersionStatus) -> str:
    """Return queue, place and lost places of a run that waits in one; empty for any other."""
    queue = status.queue
    waits = status.phase is Phase.PENDING
    if not waits or queue is None or queue.state is QueueState.ADMITTED:
        return ""
    words = [f"queue {queue.name}"]
    if queue.position is not None:
        words.append(f"place {queue.position}")
    if queue.preemptions:
        words.append(f"put back for others: {queue.preemptions}")
    return ", ".join(words)


def reason_of(status: ModelVersionStatus) -> str:
    """Return a version's reason, with its place while it waits in a queue."""
    place = place_of(status)
    return f"{status.reason} ({place})" if place else status.reason
