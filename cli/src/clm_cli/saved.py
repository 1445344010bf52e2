"""A backup: what a namespace held, and the objects that bring it back. Pure."""

from copy import deepcopy
from typing import Any, Literal

from clm_api import API_VERSION
from clm_api.base import Instant, Model
from clm_api.layout import backup
from clm_api.model_version import TERMINAL
from clm_api.schedule_status import KEPT_TOKENS
from clm_api.training_schedule import TrainingScheduleResource

Raw = dict[str, Any]
_KEPT = ("name", "namespace", "uid", "creationTimestamp", "generation", "labels", "annotations")


class Saved(Model):
    """One namespace at one time."""

    schema_version: Literal[1] = 1
    created_at: Instant
    """When it was saved."""
    server: str
    """Address of the API server that it came from."""
    namespace: str
    """The namespace."""
    schedules: list[Raw]
    """Its TrainingSchedules with their statuses."""
    versions: list[Raw]
    """Their ModelVersions with their statuses."""

    @property
    def path(self) -> str:
        """Where it lies in the store; later ones sort behind."""
        return backup(self.namespace, self.created_at)

    def to_json(self) -> bytes:
        """Return the file."""
        return self.model_dump_json(by_alias=True, indent=1).encode()

    def versions_of(self, schedule: Raw) -> list[Raw]:
        """Return a schedule's versions, oldest first."""
        uid = schedule["metadata"]["uid"]
        mine = [v for v in self.versions if v["spec"]["scheduleRef"]["uid"] == uid]
        return sorted(mine, key=lambda v: (v["metadata"]["creationTimestamp"], _name(v)))


def kept(raw: Raw) -> Raw:
    """Return what a backup holds of an object."""
    metadata = {key: raw["metadata"][key] for key in _KEPT if key in raw["metadata"]}
    rest: Raw = {key: raw[key] for key in ("apiVersion", "kind", "spec", "status") if key in raw}
    return rest | {"metadata": metadata}


def schedule_to_create(saved: Raw, annotations: Raw) -> Raw:
    """Return the schedule that takes a lost one's place; its owners are of the lost cluster."""
    return {
        "apiVersion": saved["apiVersion"],
        "kind": saved["kind"],
        "metadata": {
            "name": _name(saved),
            "labels": saved["metadata"].get("labels", {}),
            "annotations": saved["metadata"].get("annotations", {}) | annotations,
        },
        "spec": saved["spec"],
    }


def version_to_create(saved: Raw, owner: Raw) -> Raw:
    """Return the version that takes a lost one's place, owned by its schedule's successor."""
    reference = {"name": _name(owner), "uid": owner["metadata"]["uid"]}
    held = {"controller": True, "blockOwnerDeletion": False}
    kind = {"apiVersion": API_VERSION, "kind": TrainingScheduleResource.kind}
    metadata = {key: saved["metadata"].get(key, {}) for key in ("labels", "annotations")}
    return {
        "apiVersion": saved["apiVersion"],
        "kind": saved["kind"],
        "metadata": metadata | {"name": _name(saved), "ownerReferences": [kind | reference | held]},
        "spec": saved["spec"] | {"scheduleRef": reference},
    }


def schedule_status(saved: Raw, present: Raw) -> Raw:
    """Return the status of a schedule's successor.

    Parameters
    ----------
    present
        The successor: slots and tokens that it has decided on already don't come again.
    """
    status: Raw = _status_of(saved)
    here: Raw = present.get("status", {})
    both = (status, here)
    slots = [one["lastScheduleTime"] for one in both if "lastScheduleTime" in one]
    newest = {"lastScheduleTime": max(slots)} if slots else {}
    status.pop("observedGeneration", None)
    token = {"lastRunToken": here["lastRunToken"]} if "lastRunToken" in here else {}
    known = dict.fromkeys(name for one in both for name in one.get("settledTokens", ()))
    settled = {"settledTokens": list(known)[-KEPT_TOKENS:]} if known else {}
    return status | newest | token | settled | {"restored": _origin(saved)}


def version_status(saved: Raw) -> Raw:
    """Return the status of a version's successor.

    A run that had not ended begins again, or is found to have ended by what lies in the store. A
    decided request stays decided: generations begin again at 1.
    """
    status: Raw = _status_of(saved)
    if status.get("phase") not in TERMINAL:
        status = {key: status[key] for key in ("promotion", "history") if key in status}
    status.pop("observedGeneration", None)
    if "promotion" in status:
        decided = status["promotion"].get("observedGeneration") == saved["metadata"]["generation"]
        status["promotion"]["observedGeneration"] = int(decided and "request" in saved["spec"])
    return status | {"restored": _origin(saved)}


def _status_of(saved: Raw) -> Raw:
    """Return a copy of a status, without what was to be told when it was saved."""
    status = deepcopy(saved.get("status", {}))
    return {key: value for key, value in status.items() if key != "untold"}


def _origin(saved: Raw) -> Raw:
    """Say whose place is taken; the first one's, where it was restored before."""
    metadata = saved["metadata"]
    first = {"uid": metadata["uid"], "created": metadata["creationTimestamp"]}
    return dict(saved.get("status", {}).get("restored", first))


def _name(raw: Raw) -> str:
    return str(raw["metadata"]["name"])
