"""A run's pods as the commands see them."""

from dataclasses import dataclass
from typing import Any

from clm_api.environment import CONTAINER


@dataclass(frozen=True)
class PodView:
    """A training pod.

    Parameters
    ----------
    container
        The one that trains, wherever it stands among those that the cluster injects.
    started, ended
        Whether its container ever ran, and runs no more.
    complaint
        Why it has not started, in the words of the scheduler or the kubelet; may be empty.
    """

    name: str
    uid: str
    created: str
    container: str
    started: bool
    ended: bool
    complaint: str

    @classmethod
    def read(cls, raw: dict[str, Any]) -> "PodView":
        """Pick what the commands look at."""
        meta, status = raw["metadata"], raw.get("status", {})
        own = [c["name"] for c in raw["spec"]["containers"]]
        container = CONTAINER if CONTAINER in own else own[0]
        states = {c["name"]: c.get("state", {}) for c in status.get("containerStatuses") or ()}
        state = states.get(container, {})
        return cls(
            name=meta["name"],
            uid=meta["uid"],
            created=meta["creationTimestamp"],
            container=container,
            started="running" in state or "terminated" in state,
            ended="terminated" in state or status.get("phase") in ("Succeeded", "Failed"),
            complaint=_complaint(status, state.get("waiting", {})),
        )


def _complaint(status: dict[str, Any], waiting: dict[str, Any]) -> str:
    conditions = status.get("conditions") or ()
    unscheduled = [
        c.get("message", "")
        for c in conditions
        if c["type"] == "PodScheduled" and c["status"] == "False"
    ]
    kubelet = ": ".join(filter(None, (waiting.get("reason"), waiting.get("message"))))
    return next(filter(None, (*unscheduled, kubelet, status.get("message"))), "")
