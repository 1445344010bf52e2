"""The kinds that the operator touches, each by the few calls that it needs."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from clm_api import API_VERSION
from clm_operator.cluster.api import Api, ApiError, ExistsError, ForbiddenError, NotFoundError
from clm_operator.cluster.kueue import Kueue
from clm_operator.mirror.objects import Key
from clm_operator.mirror.world import Kind, Mirror
from clm_operator.settings import EVERY_NAMESPACE, AccountSettings

Raw = dict[str, Any]
_LOG = logging.getLogger(__name__)


def _nobody(_: Key) -> None:
    """Wake no one: whoever reads for itself."""


class Cluster:
    """Kubernetes as the operator changes it; the mirror hears of every answer.

    Parameters
    ----------
    mirror
        Where rounds read.
    wake
        Looks at a schedule: what an answer has brought before its event is no news by then.
    jobs
        Whose Jobs are made and deleted: those of runs and replays, or those of simulations.
    """

    def __init__(
        self,
        api: Api,
        mirror: Mirror,
        wake: Callable[[Key], None] = _nobody,
        jobs: Kind = "Job",
    ) -> None:
        self._api, self.mirror, self._wake, self._jobs = api, mirror, wake, jobs
        self.kueue = Kueue(api)

    async def refresh(self, kind: Kind, namespace: str, name: str) -> bool:
        """Read an object as it is now; return whether that was news to the mirror."""
        known = self.mirror.uid(kind, namespace, name)
        try:
            raw = await self._api.get(f"{collection(kind, namespace)}/{name}")
        except NotFoundError:
            if known is not None:
                self._gone(kind, namespace, name, known)
            return known is not None
        if (key := self.mirror.put(kind, raw)) is not None:
            self._wake(key)
        return key is not None

    async def refresh_pods(self, namespace: str, job: str) -> None:
        """Read a Job's pods as they are now."""
        selector = f"batch.kubernetes.io/job-name={job}"
        for raw in await self._api.list(collection("Pod", namespace), selector):
            self.mirror.put("Pod", raw)

    async def pods_of(self, namespace: str, job: str, phase: str) -> list[Raw]:
        """Read the pods of a Job that are in a phase, such as Failed; the mirror does not hear."""
        selector = f"batch.kubernetes.io/job-name={job}"
        return await self._api.list(collection("Pod", namespace), selector, f"status.phase={phase}")

    async def look(self, namespace: str) -> None:
        """Ask for a TrainingSchedule of a namespace, ``*`` of all, to see whether that works.

        Raises
        ------
        ForbiddenError, NotFoundError
            It does not.
        """
        await self._api.list(f"{collection('TrainingSchedule', namespace)}?limit=1")

    async def namespaces(self) -> dict[str, dict[str, str]]:
        """Return the labels of all namespaces, by name."""
        found = {}
        async for page in self._api.pages("/api/v1/namespaces"):
            for raw in page.get("items") or ():
                meta = raw["metadata"]
                found[str(meta["name"])] = dict(meta.get("labels") or {})
        return found

    async def answers(self) -> None:
        """Ask the API server for what belongs to no tenant; a refusal is an answer too."""
        with suppress(ForbiddenError, NotFoundError):
            await self._api.get("/version")

    async def keep_account(self, namespace: str, name: str, account: AccountSettings) -> None:
        """Make the service account of training pods what the settings say."""
        meta = {"name": name, "labels": account.labels, "annotations": account.annotations}
        body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}"
        await self._api.apply(path, body | {"automountServiceAccountToken": False})

    async def create_version(self, manifest: Raw) -> None:
        """Create a ModelVersion; ExistsError if the name is taken."""
        path = collection("ModelVersion", manifest["metadata"]["namespace"])
        self.mirror.put("ModelVersion", await self._api.create(path, manifest), own=True)

    async def delete_version(self, raw: Raw) -> None:
        """Delete a ModelVersion with its Job, unless it was changed since it was read."""
        meta = raw["metadata"]
        path = f"{collection('ModelVersion', meta['namespace'])}/{meta['name']}"
        left = await self._api.delete(path, meta["uid"], meta["resourceVersion"])
        self._deleted("ModelVersion", meta["namespace"], meta["name"], meta["uid"], left)

    async def remove_request(self, raw: Raw) -> None:
        """Remove the request from a ModelVersion that was read."""
        meta = raw["metadata"]
        path = f"{collection('ModelVersion', meta['namespace'])}/{meta['name']}"
        after = await self._api.patch(path, meta["resourceVersion"], {"spec": {"request": None}})
        self.mirror.put("ModelVersion", after, own=True)

    async def patch_status(self, raw: Raw, patch: Raw) -> Raw:
        """Write the status of a TrainingSchedule or ModelVersion that was read."""
        meta, kind = raw["metadata"], raw["kind"]
        path = f"{collection(kind, meta['namespace'])}/{meta['name']}"
        after = await self._api.patch_status(path, meta["resourceVersion"], patch)
        self.mirror.put(kind, after, own=True)
        return after

    def _deleted(self, kind: Kind, namespace: str, name: str, uid: str, left: Raw | None) -> None:
        if left:
            self.mirror.put(kind, left, own=True)
        elif left is not None:
            self._gone(kind, namespace, name, uid)

    def _gone(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        if (key := self.mirror.drop(kind, namespace, name, uid)) is not None:
            self._wake(key)

    async def check_job(self, manifest: Raw) -> Raw:
        """Ask whether a Job could be created now: name, quota, validity; return what it would be.

        Raises
        ------
        ExistsError
            The name is taken.
        InvalidError
            It can't exist like this.
        ApiError
            A quota, an admission rule or webhook is against it, or gives no answer.
        """
        path = collection("Job", manifest["metadata"]["namespace"])
        return await self._api.create(f"{path}?dryRun=All", manifest)

    async def create_job(self, manifest: Raw) -> Raw | None:
        """Create a Job; None if one of its name exists, which the next round looks at."""
        path = collection("Job", manifest["metadata"]["namespace"])
        try:
            made = await self._api.create(path, manifest)
        except ExistsError:
            return None
        self.mirror.put(self._jobs, made, own=True)
        return made

    async def check_secret(self, manifest: Raw) -> None:
        """Ask whether a Secret could be created now.

        Raises
        ------
        ExistsError
            The name is taken.
        ApiError
            A quota, an admission rule or webhook is against it, or gives no answer.
        """
        namespace = manifest["metadata"]["namespace"]
        await self._api.create(f"/api/v1/namespaces/{namespace}/secrets?dryRun=All", manifest)

    async def create_secret(self, manifest: Raw) -> None:
        """Create a Secret, never to be read; ExistsError if the name is taken."""
        namespace = manifest["metadata"]["namespace"]
        await self._api.create(f"/api/v1/namespaces/{namespace}/secrets", manifest)

    async def delete_job(self, namespace: str, name: str, uid: str) -> None:
        """Delete a Job with its pods."""
        left = await self._api.delete(f"{collection('Job', namespace)}/{name}", uid)
        self._deleted(self._jobs, namespace, name, uid, left)

    async def events(self, namespace: str, uid: str) -> list[Raw]:
        """Read what others say of the object of that uid; nothing where they can't be read."""
        path = f"/api/v1/namespaces/{namespace}/events?fieldSelector=involvedObject.uid%3D{uid}"
        try:
            return await self._api.list(path)
        except ApiError as error:
            _LOG.warning("events stay unread: %s", error)
            return []


_PLACES: dict[Kind, tuple[str, str]] = {
    "TrainingSchedule": (f"/apis/{API_VERSION}", "trainingschedules"),
    "ModelVersion": (f"/apis/{API_VERSION}", "modelversions"),
    "Job": ("/apis/batch/v1", "jobs"),
    "Pod": ("/api/v1", "pods"),
    "Simulation": (f"/apis/{API_VERSION}", "simulations"),
    "SimulationJob": ("/apis/batch/v1", "jobs"),
}


def collection(kind: Kind, namespace: str) -> str:
    """Return the path of a namespace's objects of a kind, ``*`` for all namespaces."""
    group, plural = _PLACES[kind]
    inside = "" if namespace == EVERY_NAMESPACE else f"/namespaces/{namespace}"
    return f"{group}{inside}/{plural}"
