"""Why a pod does not work, in the words of whoever keeps it from working.

The trainer's container is told from an injected sidecar by its name: the kubelet sorts by name, and
an injector may put its own first.
"""

import re
from collections.abc import Iterable
from datetime import datetime
from operator import itemgetter
from typing import Any

from clm_api.environment import CONTAINER

Raw = dict[str, Any]
_SUSPENDED = ("Stopped",)
"""Kueue's event of a Job that it takes its place from; it is no warning."""
_BEGINNING = (None, "ContainerCreating", "PodInitializing")


def trainer_state(status: Raw) -> Raw:
    """Return the state of the trainer's container, empty before the kubelet knows it."""
    containers = status.get("containerStatuses") or ()
    return next((dict(c.get("state", {})) for c in containers if c["name"] == CONTAINER), {})


def complaint(status: Raw, state: Raw) -> str:
    """Return the first of: scheduler, trainer, its neighbours and those before it, the pod."""
    unscheduled = (
        c.get("message", "")
        for c in status.get("conditions") or ()
        if c["type"] == "PodScheduled" and c["status"] == "False"
    )
    others = (
        _trouble(c["name"], c.get("state", {}))
        for kind in ("initContainerStatuses", "containerStatuses")
        for c in status.get(kind) or ()
        if c["name"] != CONTAINER
    )
    pod = ": ".join(filter(None, (status.get("reason"), status.get("message"))))
    return next(filter(None, (*unscheduled, _waits(state), *others, pod)), "")


def _waits(state: Raw) -> str:
    waiting = state.get("waiting", {})
    if waiting.get("reason") in _BEGINNING:
        return ""
    return ": ".join(filter(None, (waiting["reason"], waiting.get("message"))))


def _trouble(name: str, state: Raw) -> str:
    """Return what keeps another container of the pod from working, or ended it."""
    ended = state.get("terminated", {})
    if (words := _waits(state)) != "":
        return f"container {name}: {words}"
    if ended.get("exitCode"):
        words = ended.get("message", "").strip()[-512:] or ended.get("reason", "")
        return f"container {name} ended with {ended['exitCode']}: {words}"
    return ""


def told(events: Iterable[Raw], about: str, since: datetime | None) -> str:
    """Return the newest complaint among an object's events; empty if there is none.

    A Job's controller tries again under ever new names of pods: their ends are cut off, so that the
    same words stay the same.

    Parameters
    ----------
    about
        The object's name.
    since
        Older ones are of an earlier wait.
    """
    found = [
        (_time(event), event.get("message", ""))
        for event in events
        if event.get("type") == "Warning" or event.get("reason") in _SUSPENDED
    ]
    recent = [pair for pair in found if since is None or pair[0] >= since.replace(microsecond=0)]
    newest = max(recent, default=(None, ""), key=itemgetter(0))[1]
    return re.sub(rf"({re.escape(about)}-)[a-z0-9]{{5}}\b", r"\1…", newest)


def _time(event: Raw) -> datetime:
    series = event.get("series") or {}
    times = (
        series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"),
        event["metadata"]["creationTimestamp"],
    )  # fmt: skip
    return datetime.fromisoformat(next(filter(None, times)))
