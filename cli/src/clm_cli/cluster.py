"""The cluster as the commands see it, and the one place that talks to it."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from clm_api import API_VERSION, GROUP
from clm_api.lifecycle import StageRequest
from clm_api.model_version import (
    ModelVersionResource,
    ModelVersionSpec,
    ModelVersionStatus,
)
from clm_api.schedule_status import TrainingScheduleStatus
from clm_api.simulation import SimulationResource, SimulationSpec, SimulationStatus
from clm_api.training_schedule import TrainingScheduleResource, TrainingScheduleSpec
from clm_cli.output import warn
from clm_cli.pods import PodView
from clm_cli.server import ClusterError, LogCutError, NotFoundError, Raw, Server

__all__ = ["Cluster", "ClusterError", "LogCutError", "NotFoundError", "Raw"]

RUN_NOW = f"{GROUP}/run-now"
"""Annotation that starts a run once per value."""
_NAME = re.compile(r"[A-Za-z0-9]([-.A-Za-z0-9]*[A-Za-z0-9])?")
_WATCH_S = 60
_LABEL_VERSION = f"{GROUP}/version"
_LABEL_JOB = "batch.kubernetes.io/job-name"
_SCHEDULES, _VERSIONS = TrainingScheduleResource.plural, ModelVersionResource.plural
_SIMULATIONS = SimulationResource.plural
_KINDS = (TrainingScheduleResource, ModelVersionResource, SimulationResource)
_PLURALS = {kind.kind: kind.plural for kind in _KINDS}


@dataclass(frozen=True)
class ScheduleView:
    """A TrainingSchedule.

    Parameters
    ----------
    spec
        None where it can't be read.
    changed
        When somebody last wrote its spec.
    problem
        Why the spec can't be read; empty if it can.
    """

    name: str
    raw: Raw
    spec: TrainingScheduleSpec | None
    status: TrainingScheduleStatus
    changed: datetime
    problem: str = ""


@dataclass(frozen=True)
class VersionView:
    """A ModelVersion."""

    name: str
    raw: Raw
    spec: ModelVersionSpec
    status: ModelVersionStatus


@dataclass(frozen=True)
class SimulationView:
    """A Simulation.

    Parameters
    ----------
    spec
        None where it can't be read.
    problem
        Why the spec can't be read; empty if it can.
    """

    name: str
    raw: Raw
    spec: SimulationSpec | None
    status: SimulationStatus
    problem: str = ""


class Cluster:
    """One namespace of the cluster that the kubeconfig's current context names.

    Parameters
    ----------
    namespace
        None takes the context's namespace.
    """

    def __init__(self, namespace: str | None) -> None:
        self._server = Server()
        self.namespace = name_alone(namespace or self._server.namespace)

    @property
    def server(self) -> str:
        """Address of the API server."""
        return self._server.address

    @property
    def connection(self) -> Server:
        """The API server itself, for whoever watches it."""
        return self._server

    def user(self) -> str:
        """Return the name under which the API server knows who asks."""
        kind = "authentication.k8s.io/v1"
        review = {"apiVersion": kind, "kind": "SelfSubjectReview"}
        path = f"/apis/{kind}/selfsubjectreviews"
        answer = self._server.create(path, self.namespace, review)
        return str(answer["status"]["userInfo"]["username"])

    def schedules(self) -> list[ScheduleView]:
        """Return the namespace's TrainingSchedules by name."""
        return sorted(map(schedule_view, self._list(_SCHEDULES)), key=lambda s: s.name)

    def schedule(self, name: str) -> ScheduleView:
        """Return one TrainingSchedule."""
        return schedule_view(self._server.get(self._object(_SCHEDULES, name), self.namespace))

    def watched(self, name: str) -> Iterator[ScheduleView]:
        """Yield a TrainingSchedule as it is, and anew whenever it changes, and once a minute.

        Raises
        ------
        NotFoundError
            It is gone.
        """
        while True:
            one = self.schedule(name)
            yield one
            with suppress(LogCutError):  # looked at anew
                yield from self._changes(name, one.raw["metadata"]["resourceVersion"])

    def _changes(self, name: str, version: str) -> Iterator[ScheduleView]:
        """Yield a schedule after each change since a resourceVersion, until the watch ends."""
        selector = {"fieldSelector": f"metadata.name={name}", "resourceVersion": version}
        query = {"watch": "true", "timeoutSeconds": str(_WATCH_S), **selector}
        for line in self._server.lines(self._path(_SCHEDULES), self.namespace, query):
            event = json.loads(line)
            if event["type"] not in ("ADDED", "MODIFIED"):
                return
            yield schedule_view(event["object"])

    def version(self, name: str) -> VersionView:
        """Return one ModelVersion."""
        return version_view(self._server.get(self._object(_VERSIONS, name), self.namespace))

    def versions(self, schedule: str | None = None) -> list[VersionView]:
        """Return the ModelVersions of a schedule, or all, newest slot first.

        One that this command line can't read is left out, and said.
        """
        selector = {}
        if schedule is not None:
            selector = {"fieldSelector": f"spec.scheduleRef.name={name_alone(schedule)}"}
        found = []
        for raw in self._list(_VERSIONS, **selector):
            try:
                found.append(version_view(raw))
            except ClusterError as error:
                warn(str(error))
        return sorted(found, key=lambda v: (v.spec.slot, v.name))[::-1]

    def simulation(self, name: str) -> SimulationView:
        """Return one Simulation."""
        return simulation_view(self._server.get(self._object(_SIMULATIONS, name), self.namespace))

    def simulations(self) -> list[SimulationView]:
        """Return the namespace's Simulations by name."""
        return sorted(map(simulation_view, self._list(_SIMULATIONS)), key=lambda s: s.name)

    def pods(self, version: str) -> list[PodView]:
        """Return the pods of a version's run that are still there, oldest first."""
        return self.pods_by(f"{_LABEL_VERSION}={version},{_LABEL_JOB}={version}")

    def pods_by(self, selector: str) -> list[PodView]:
        """Return the pods with these labels, oldest first."""
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        answer = self._server.get(path, self.namespace, labelSelector=selector)
        return sorted(map(PodView.read, answer["items"]), key=lambda pod: (pod.created, pod.name))

    def log(self, pod: PodView, *, follow: bool) -> Iterator[str]:
        """Yield the lines of a pod's log; with ``follow`` as they come, until its container ends.

        Raises
        ------
        NotFoundError
            The pod is gone.
        LogCutError
            The connection broke, or brought nothing for minutes.
        """
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod.name}/log"
        query = {"container": pod.container, "follow": str(follow).lower()}
        return self._server.lines(path, self.namespace, query)

    def elsewhere(self, namespace: str) -> "Cluster":
        """Return another namespace of the same cluster."""
        other = copy(self)
        other.namespace = name_alone(namespace)
        return other

    def namespaces(self) -> list[str]:
        """Return the namespaces that hold TrainingSchedules."""
        found = self._server.get(f"/apis/{API_VERSION}/{_SCHEDULES}", "all")["items"]
        return sorted({str(raw["metadata"]["namespace"]) for raw in found})

    def stored(self, kind: str) -> list[Raw]:
        """Return the objects of a kind as they are, readable or not."""
        return [without_managers(raw) for raw in self._list(_PLURALS[kind])]

    def create(self, raw: Raw) -> Raw:
        """Create an object; return it as it is then."""
        return self._server.create(self._path(_PLURALS[raw["kind"]]), self.namespace, raw)

    def write_status(self, raw: Raw, status: Raw) -> None:
        """Merge into the status of an object."""
        path = self._object(_PLURALS[raw["kind"]], raw["metadata"]["name"])
        self._server.patch(f"{path}/status", self.namespace, {"status": status})

    def annotate(self, schedule: str, annotations: Raw) -> Raw:
        """Set annotations of a schedule, or remove those that are None."""
        return self._patch(_SCHEDULES, schedule, {"metadata": {"annotations": annotations}})

    def ask_for_run(self, schedule: str, token: str) -> None:
        """Set the annotation that starts a run."""
        self.annotate(schedule, {RUN_NOW: token})

    def suspend(self, schedule: str, *, suspend: bool) -> ScheduleView:
        """Set or clear ``spec.suspend``; return the schedule as it is then."""
        return schedule_view(self._patch(_SCHEDULES, schedule, {"spec": {"suspend": suspend}}))

    def ask_for_stage(self, version: str, request: StageRequest) -> int:
        """Put a request on a version; return the generation that it makes."""
        patch = {"spec": {"request": request.to_json_dict()}}
        return int(self._patch(_VERSIONS, version, patch)["metadata"]["generation"])

    def _path(self, plural: str) -> str:
        return f"/apis/{API_VERSION}/namespaces/{self.namespace}/{plural}"

    def _object(self, plural: str, name: str) -> str:
        return f"{self._path(plural)}/{name_alone(name)}"

    def _patch(self, plural: str, name: str, patch: Raw) -> Raw:
        return self._server.patch(self._object(plural, name), self.namespace, patch)

    def _list(self, plural: str, **selector: str) -> list[Raw]:
        items: list[Raw] = self._server.get(self._path(plural), self.namespace, **selector)["items"]
        return items


def name_alone(text: str) -> str:
    """Return a name that stands in a path as it is.

    Raises
    ------
    ClusterError
        It can't be the name of an object: it is empty, names a kind too, or holds a space.
    """
    if _NAME.fullmatch(text):
        return text
    last = text.rpartition("/")[2]
    hint = f": give the name alone, {last}" if "/" in text and _NAME.fullmatch(last) else ""
    raise ClusterError(f'"{text}" can\'t be the name of an object{hint}')


def schedule_view(raw: Raw) -> ScheduleView:
    """Return a TrainingSchedule as it was read; one with an unreadable spec says why."""
    name, spec, problem = raw["metadata"]["name"], None, ""
    try:
        spec = TrainingScheduleSpec.model_validate(raw["spec"])
    except ValidationError as error:
        problem = first_fault(error, "spec")
    status = TrainingScheduleStatus.model_validate(raw.get("status", {}))
    return ScheduleView(name, without_managers(raw), spec, status, _changed(raw), problem)


def _changed(raw: Raw) -> datetime:
    """Return when a spec was last written; annotations and the like count, a status does not."""
    meta = raw["metadata"]
    writes = (w for w in meta.get("managedFields", ()) if w.get("subresource") != "status")
    times = [w["time"] for w in writes if "time" in w]
    return datetime.fromisoformat(max([meta["creationTimestamp"], *times]))


def version_view(raw: Raw) -> VersionView:
    """Return a ModelVersion as it was read.

    Raises
    ------
    ClusterError
        Its spec or status is not as this clm knows it.
    """
    name = raw["metadata"]["name"]
    try:
        spec = ModelVersionSpec.model_validate(raw["spec"])
        status = ModelVersionStatus.model_validate(raw.get("status", {}))
    except ValidationError as error:
        raise ClusterError(
            f"ModelVersion {name} is not as this clm knows it: {first_fault(error)}; command line "
            "and operator may be of different versions"
        ) from error
    return VersionView(name, without_managers(raw), spec, status)


def simulation_view(raw: Raw) -> SimulationView:
    """Read a Simulation.

    Raises
    ------
    ClusterError
        Its status can't be read.
    """
    name, spec, problem = raw["metadata"]["name"], None, ""
    try:
        spec = SimulationSpec.model_validate(raw["spec"])
    except ValidationError as error:
        problem = first_fault(error, "spec")
    try:
        status = SimulationStatus.model_validate(raw.get("status", {}))
    except ValidationError as error:
        raise ClusterError(
            f"Simulation {name} is not as this clm knows it: {first_fault(error, 'status')}; "
            "command line and operator may be of different versions"
        ) from error
    return SimulationView(name, without_managers(raw), spec, status, problem)


def first_fault(error: ValidationError, *path: str) -> str:
    """Return the first field that is wrong, below a path, and why."""
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, (*path, *first['loc'])))}: {first['msg']}"


def without_managers(raw: Raw) -> Raw:
    """Leave out who wrote which field when, as kubectl does."""
    metadata = {key: value for key, value in raw["metadata"].items() if key != "managedFields"}
    return {**raw, "metadata": metadata}
