"""The cluster as the commands see it, and the one place that talks to it."""

import http
import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel

from clm_api import GROUP, VERSION
from clm_api.lifecycle import StageRequest
from clm_api.model_version import (
    ModelVersionResource,
    ModelVersionSpec,
    ModelVersionStatus,
)
from clm_api.schedule_status import TrainingScheduleStatus
from clm_api.training_schedule import TrainingScheduleResource, TrainingScheduleSpec
from clm_cli.pods import PodView

Raw = dict[str, Any]
_Spec = TypeVar("_Spec", bound=BaseModel)
_Status = TypeVar("_Status", bound=BaseModel)
RUN_NOW = f"{GROUP}/run-now"
"""Annotation that starts a run once per value."""
_LABEL_VERSION = f"{GROUP}/version"
_LABEL_JOB = "batch.kubernetes.io/job-name"
_MANAGER = "clm-cli"
"""Under which name the API server sees the commands, and notes what they write."""
_TIMEOUT_S = 20
_SILENCE_S = 300
"""A connection that brings no line of a log for so long may be dead."""


class ClusterError(Exception):
    """The cluster can't be reached, refuses, or doesn't know the object."""


class NotFoundError(ClusterError):
    """The namespace holds no object of that name."""


class LogCutError(ClusterError):
    """The connection ended before the log did."""


@dataclass(frozen=True)
class ScheduleView:
    """A TrainingSchedule."""

    name: str
    raw: Raw
    spec: TrainingScheduleSpec
    status: TrainingScheduleStatus


@dataclass(frozen=True)
class VersionView:
    """A ModelVersion."""

    name: str
    raw: Raw
    spec: ModelVersionSpec
    status: ModelVersionStatus


class Cluster:
    """One namespace of the cluster that the kubeconfig's current context names.

    Parameters
    ----------
    namespace
        None takes the context's namespace.
    """

    def __init__(self, namespace: str | None) -> None:
        from kubernetes import client, config

        logging.getLogger("urllib3").setLevel(logging.ERROR)
        files = os.environ.get("KUBECONFIG") or None
        try:
            _, current = config.list_kube_config_contexts(files)
            self._api = config.new_client_from_config(files)
        except (config.ConfigException, OSError) as error:
            raise ClusterError(
                f"no usable kubeconfig: {error}; set KUBECONFIG or check "
                '"kubectl config current-context"'
            ) from error
        self._api.user_agent = f"{_MANAGER}/{version(_MANAGER)}"
        self.namespace = namespace or current["context"].get("namespace") or "default"
        self._objects = client.CustomObjectsApi(self._api)
        self._reviews = client.AuthenticationV1Api(self._api)
        self._core = client.CoreV1Api(self._api)

    @property
    def server(self) -> str:
        """Address of the API server."""
        return str(self._api.configuration.host)

    def user(self) -> str:
        """Return the name under which the API server knows who asks."""
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = self._call("create_self_subject_review", review, on=self._reviews)
        return str(self._api.sanitize_for_serialization(answer)["status"]["userInfo"]["username"])

    def schedules(self) -> list[ScheduleView]:
        """Return the namespace's TrainingSchedules by name."""
        items = self._list(TrainingScheduleResource.plural)
        return sorted((_schedule(raw) for raw in items), key=lambda s: s.name)

    def schedule(self, name: str) -> ScheduleView:
        """Return one TrainingSchedule."""
        path = self._path(TrainingScheduleResource.plural)
        return _schedule(self._call("get_namespaced_custom_object", *path, name))

    def version(self, name: str) -> VersionView:
        """Return one ModelVersion."""
        path = self._path(ModelVersionResource.plural)
        return _version(self._call("get_namespaced_custom_object", *path, name))

    def versions(self, schedule: str | None = None) -> list[VersionView]:
        """Return the ModelVersions of a schedule, or all, newest slot first."""
        selector = {"field_selector": f"spec.scheduleRef.name={schedule}"} if schedule else {}
        items = self._list(ModelVersionResource.plural, **selector)
        return sorted((_version(r) for r in items), key=lambda v: (v.spec.slot, v.name))[::-1]

    def pods(self, version: str) -> list[PodView]:
        """Return the pods of a version's run that are still there, oldest first."""
        selector = f"{_LABEL_VERSION}={version},{_LABEL_JOB}={version}"
        answer = self._call(
            "list_namespaced_pod", self.namespace, label_selector=selector, on=self._core
        )
        found = map(PodView.read, self._api.sanitize_for_serialization(answer)["items"])
        return sorted(found, key=lambda pod: (pod.created, pod.name))

    def log(self, pod: PodView, *, follow: bool) -> Iterator[str]:
        """Yield the lines of a pod's log; with ``follow`` as they come, until its container ends.

        Raises
        ------
        NotFoundError
            The pod is gone.
        LogCutError
            The connection broke, or brought nothing for minutes.
        """
        from urllib3.exceptions import HTTPError

        lines: Any = self._call(
            "read_namespaced_pod_log", pod.name, self.namespace,
            container=pod.container, follow=follow, on=self._core,
            _preload_content=False, _request_timeout=(_TIMEOUT_S, _SILENCE_S),
        )  # fmt: skip
        try:
            for line in lines:
                yield line.decode(errors="replace").rstrip("\r\n")
        except HTTPError as error:
            raise LogCutError(f"the log of pod {pod.name} was cut off: {error}") from error

    def ask_for_run(self, schedule: str, token: str) -> None:
        """Set the annotation that starts a run."""
        patch = {"metadata": {"annotations": {RUN_NOW: token}}}
        self._patch(TrainingScheduleResource.plural, schedule, patch)

    def suspend(self, schedule: str, *, suspend: bool) -> ScheduleView:
        """Set or clear ``spec.suspend``; return the schedule as it is then."""
        patch = {"spec": {"suspend": suspend}}
        return _schedule(self._patch(TrainingScheduleResource.plural, schedule, patch))

    def ask_for_stage(self, version: str, request: StageRequest) -> int:
        """Put a request on a version; return the generation that it makes."""
        patch = {"spec": {"request": request.to_json_dict()}}
        raw = self._patch(ModelVersionResource.plural, version, patch)
        return int(raw["metadata"]["generation"])

    def _path(self, plural: str) -> tuple[str, str, str, str]:
        return GROUP, VERSION, self.namespace, plural

    def _patch(self, plural: str, name: str, patch: Raw) -> Raw:
        return self._call(
            "patch_namespaced_custom_object", *self._path(plural), name, patch,
            field_manager=_MANAGER, _content_type="application/merge-patch+json",
        )  # fmt: skip

    def _list(self, plural: str, **selector: str) -> list[Raw]:
        found = self._call("list_namespaced_custom_object", *self._path(plural), **selector)
        items: list[Raw] = found["items"]
        return items

    def _call(self, method: str, *arguments: Any, on: Any = None, **options: Any) -> Raw:
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        try:
            result: Raw = getattr(on or self._objects, method)(
                *arguments, **{"_request_timeout": _TIMEOUT_S, **options}
            )
        except ApiException as error:
            _explain(error.status, error.body, self.namespace)
        except (HTTPError, OSError) as error:
            why = getattr(error, "reason", error)
            raise ClusterError(f"the API server at {self.server} does not answer: {why}") from error
        return result


def _schedule(raw: Raw) -> ScheduleView:
    spec, status = _typed(raw, TrainingScheduleSpec, TrainingScheduleStatus)
    return ScheduleView(raw["metadata"]["name"], _readable(raw), spec, status)


def _version(raw: Raw) -> VersionView:
    spec, status = _typed(raw, ModelVersionSpec, ModelVersionStatus)
    return VersionView(raw["metadata"]["name"], _readable(raw), spec, status)


def _readable(raw: Raw) -> Raw:
    """Leave out who wrote which field when, as kubectl does."""
    metadata = {key: value for key, value in raw["metadata"].items() if key != "managedFields"}
    return {**raw, "metadata": metadata}


def _typed(raw: Raw, spec: type[_Spec], status: type[_Status]) -> tuple[_Spec, _Status]:
    return spec.model_validate(raw["spec"]), status.model_validate(raw.get("status", {}))


def _explain(status: int | None, body: Any, namespace: str) -> NoReturn:
    try:
        said: Mapping[str, Any] = json.loads(body)
    except (TypeError, ValueError):
        said = {}
    text = said.get("message") or http.HTTPStatus(status or 500).phrase
    if status == http.HTTPStatus.NOT_FOUND:
        if "details" in said:
            raise NotFoundError(f"namespace {namespace}: {text}")
        text = f"{text}: CLM's resources are not installed here; see helm install in the README"
    raise ClusterError(f"namespace {namespace}: {text}")
