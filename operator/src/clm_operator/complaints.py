"""Why a pod does not work, in the words of whoever keeps it from working.

The trainer's container is told from an injected sidecar by its name: the kubelet sorts by name, and
an injector may put its own first.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from clm_api.environment import CONTAINER, FETCHER
from clm_api.reasons import Reason

Raw = dict[str, Any]
_SUSPENDED = ("Stopped",)
"""Kueue's event of a Job that it takes its place from; it is no warning."""
_BEGINNING = (None, "ContainerCreating", "PodInitializing")
_NO_IMAGE = (
    "ErrImagePull",
    "ImagePullBackOff",
    "ErrImageNeverPull",
    "ImageInspectError",
    "InvalidImageName",
    "RegistryUnavailable",
    "SignatureValidationFailed",
)
"""The kubelet goes to and fro between some of them: they are one reason."""
_REFUSALS = (
    ("exceeded quota", Reason.QUOTA_PENDING),
    ("is forbidden", Reason.ADMISSION_DENIED),
    ("denied the request", Reason.ADMISSION_DENIED),
    ("failed calling webhook", Reason.ADMISSION_UNAVAILABLE),
)
"""What the Job's controller tells of a pod that it could not make."""


@dataclass(frozen=True)
class Complaint:
    """What holds a run up: a reason, and the words that it was drawn from."""

    reason: str
    words: str


def trainer_state(status: Raw) -> Raw:
    """Return the state of the trainer's container, empty before the kubelet knows it."""
    containers = status.get("containerStatuses") or ()
    return next((dict(c.get("state", {})) for c in containers if c["name"] == CONTAINER), {})


def working_state(status: Raw) -> Raw:
    """Return the state of the trainer's container, or of the one that fetches for it.

    The latter's counts while it works, once it has failed, and until the kubelet has begun with
    the trainer after it.
    """
    state = trainer_state(status)
    if "running" in state or "terminated" in state:
        return state
    before = status.get("initContainerStatuses") or ()
    fetcher: Raw = next((dict(c.get("state", {})) for c in before if c["name"] == FETCHER), {})
    ended = fetcher.get("terminated", {})
    if "running" in fetcher or ended.get("exitCode"):
        return fetcher
    if ended and state.get("waiting", {}).get("reason") in _BEGINNING:
        return {"running": {"startedAt": ended.get("startedAt")}}
    return state


def complaint(status: Raw, state: Raw) -> Complaint | None:
    """Return the first of: scheduler, trainer, its neighbours and those before it, the pod."""
    return next((found for found in _complaints(status, state) if found.words), None)


def _complaints(status: Raw, state: Raw) -> Iterator[Complaint]:
    for c in status.get("conditions") or ():
        if c["type"] == "PodScheduled" and c["status"] == "False":
            yield Complaint(Reason.POD_UNSCHEDULABLE, c.get("message", ""))
    yield _waits(state)
    for kind in ("initContainerStatuses", "containerStatuses"):
        for c in status.get(kind) or ():
            if c["name"] != CONTAINER:
                yield _trouble(c["name"], c.get("state", {}))
    pod = ": ".join(filter(None, (status.get("reason"), status.get("message"))))
    yield Complaint(Reason.POD_LOST, pod)


def _waits(state: Raw) -> Complaint:
    waiting = state.get("waiting", {})
    kind = waiting.get("reason")
    reason = Reason.IMAGE_PULL_BACK_OFF if kind in _NO_IMAGE else Reason.POD_NOT_STARTED
    words = () if kind in _BEGINNING else (kind, waiting.get("message"))
    return Complaint(reason, ": ".join(filter(None, words)))


def _trouble(name: str, state: Raw) -> Complaint:
    """Return what keeps another container of the pod from working, or ended it."""
    waits, ended = _waits(state), state.get("terminated", {})
    if waits.words:
        return Complaint(waits.reason, f"container {name}: {waits.words}")
    if not ended.get("exitCode"):
        return waits
    words = ended.get("message", "").strip()[-512:] or ended.get("reason", "")
    said = f"container {name} ended with {ended['exitCode']}: {words}"
    return Complaint(Reason.POD_NOT_STARTED, said)


def told(events: Iterable[Raw], about: str, since: datetime | None) -> Complaint | None:
    """Return the newest complaint among an object's events; None if there is none.

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
        (_time(event), event)
        for event in events
        if event.get("type") == "Warning" or event.get("reason") in _SUSPENDED
    ]
    recent = [pair for pair in found if since is None or pair[0] >= since.replace(microsecond=0)]
    if not recent:
        return None
    newest = max(recent, key=itemgetter(0))[1]
    words = re.sub(rf"({re.escape(about)}-)[a-z0-9]{{5}}\b", r"\1…", newest.get("message", ""))
    return Complaint(_reason(newest.get("reason"), words), words)


def _reason(kind: str | None, words: str) -> Reason:
    """Return the reason of an event; a pod's controller tells with one kind who refuses a pod."""
    if kind == "FailedScheduling":
        return Reason.POD_UNSCHEDULABLE
    refused = _REFUSALS if kind == "FailedCreate" else ()
    return next((reason for text, reason in refused if text in words), Reason.POD_NOT_STARTED)


def _time(event: Raw) -> datetime:
    series = event.get("series") or {}
    times = (
        series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime"),
        event["metadata"]["creationTimestamp"],
    )  # fmt: skip
    return datetime.fromisoformat(next(filter(None, times)))
