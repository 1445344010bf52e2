"""The kinds that the operator touches, each by the few calls that it needs."""

import hashlib
import logging
from contextlib import suppress
from datetime import datetime
from typing import Any

from clm_api import API_VERSION
from clm_operator.building.names import LABEL_SCHEDULE
from clm_operator.cluster.api import Api, ApiError, ExistsError, ForbiddenError, NotFoundError
from clm_operator.planning.notices import Notice
from clm_operator.settings import EVERY_NAMESPACE, AccountSettings
from clm_operator.snapshot import Key

Raw = dict[str, Any]
_EVENT_FIELD = 1024
_LOG = logging.getLogger(__name__)


class Cluster:
    """Kubernetes as the operator sees it."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def schedule(self, key: Key) -> Raw | None:
        """Read a TrainingSchedule; None if there is none."""
        try:
            return await self._api.get(f"{_clm(key.namespace, 'trainingschedules')}/{key.name}")
        except NotFoundError:
            return None

    async def schedules(self, namespace: str) -> list[Raw]:
        """Read all TrainingSchedules of a namespace, ``*`` of all."""
        return await self._api.list(_clm(namespace, "trainingschedules"))

    async def look(self, namespace: str) -> None:
        """Ask for a TrainingSchedule of a namespace, ``*`` of all, to see whether that works.

        Raises
        ------
        ForbiddenError, NotFoundError
            It does not.
        """
        await self._api.list(f"{_clm(namespace, 'trainingschedules')}?limit=1")

    async def keys(self, namespace: str) -> list[Key]:
        """Return the addresses of the TrainingSchedules of a namespace, ``*`` of all."""
        found = (raw["metadata"] for raw in await self.schedules(namespace))
        return [Key(meta["namespace"], meta["name"]) for meta in found]

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

    async def versions(self, key: Key) -> list[Raw]:
        """Read the ModelVersions that were made for a schedule of that name."""
        made_for = f"spec.scheduleRef.name={key.name}"
        return await self._api.list(_clm(key.namespace, "modelversions"), fields=made_for)

    async def version(self, namespace: str, name: str) -> Raw | None:
        """Read a ModelVersion; None if there is none."""
        try:
            return await self._api.get(f"{_clm(namespace, 'modelversions')}/{name}")
        except NotFoundError:
            return None

    async def create_version(self, manifest: Raw) -> Raw:
        """Create a ModelVersion; ExistsError if the name is taken."""
        namespace = manifest["metadata"]["namespace"]
        return await self._api.create(_clm(namespace, "modelversions"), manifest)

    async def delete_version(self, raw: Raw) -> None:
        """Delete a ModelVersion with its Job, unless it was changed since it was read."""
        meta = raw["metadata"]
        path = f"{_clm(meta['namespace'], 'modelversions')}/{meta['name']}"
        await self._api.delete(path, meta["uid"], meta["resourceVersion"])

    async def remove_request(self, raw: Raw) -> None:
        """Remove the request from a ModelVersion that was read."""
        meta = raw["metadata"]
        path = f"{_clm(meta['namespace'], 'modelversions')}/{meta['name']}"
        await self._api.patch(path, meta["resourceVersion"], {"spec": {"request": None}})

    async def patch_status(self, raw: Raw, patch: Raw) -> Raw:
        """Write the status of a TrainingSchedule or ModelVersion that was read."""
        meta, plural = raw["metadata"], f"{raw['kind'].lower()}s"
        path = f"{_clm(meta['namespace'], plural)}/{meta['name']}"
        return await self._api.patch_status(path, meta["resourceVersion"], patch)

    async def jobs(self, key: Key) -> list[Raw]:
        """Read the Jobs that carry the schedule's label."""
        return await self._api.list(_jobs(key.namespace), f"{LABEL_SCHEDULE}={key.name}")

    async def job(self, namespace: str, name: str) -> Raw | None:
        """Read a Job; None if there is none."""
        try:
            return await self._api.get(f"{_jobs(namespace)}/{name}")
        except NotFoundError:
            return None

    async def check_job(self, manifest: Raw) -> None:
        """Ask whether a Job could be created now: name, quota, validity.

        Raises
        ------
        ExistsError
            The name is taken.
        InvalidError
            It can't exist like this.
        ApiError
            A quota, an admission rule or webhook is against it, or gives no answer.
        """
        namespace = manifest["metadata"]["namespace"]
        await self._api.create(f"{_jobs(namespace)}?dryRun=All", manifest)

    async def create_job(self, manifest: Raw) -> Raw | None:
        """Create a Job; None if one of its name exists, which the next round looks at."""
        try:
            return await self._api.create(_jobs(manifest["metadata"]["namespace"]), manifest)
        except ExistsError:
            return None

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
        await self._api.delete(f"{_jobs(namespace)}/{name}", uid)

    async def pods(self, key: Key) -> list[Raw]:
        """Read the pods that carry the schedule's label."""
        path = f"/api/v1/namespaces/{key.namespace}/pods"
        return await self._api.list(path, f"{LABEL_SCHEDULE}={key.name}")

    async def events(self, namespace: str, uid: str) -> list[Raw]:
        """Read what others say of the object of that uid; nothing where they can't be read."""
        path = f"/api/v1/namespaces/{namespace}/events?fieldSelector=involvedObject.uid%3D{uid}"
        try:
            return await self._api.list(path)
        except ApiError as error:
            _LOG.warning("events stay unread: %s", error)
            return []

    async def post(self, notice: Notice, now: datetime) -> None:
        """Post an event; one that exists already is not posted again."""
        meta = notice.about["metadata"]
        digest = hashlib.sha256(f"{meta['uid']}/{notice.key}".encode()).hexdigest()[:16]
        time = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{meta['name']}.{digest}", "namespace": meta["namespace"]},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": notice.about["kind"],
                "name": meta["name"],
                "namespace": meta["namespace"],
                "uid": meta["uid"],
                "resourceVersion": meta["resourceVersion"],
            },
            "type": notice.type,
            "reason": str(notice.reason),
            "message": notice.message[:_EVENT_FIELD],
            "source": {"component": "clm-operator"},
            "firstTimestamp": time,
            "lastTimestamp": time,
            "count": 1,
        }
        try:
            await self._api.create(f"/api/v1/namespaces/{meta['namespace']}/events", event)
        except ExistsError:
            return


def _clm(namespace: str, plural: str) -> str:
    if namespace == EVERY_NAMESPACE:
        return f"/apis/{API_VERSION}/{plural}"
    return f"/apis/{API_VERSION}/namespaces/{namespace}/{plural}"


def _jobs(namespace: str) -> str:
    return f"/apis/batch/v1/namespaces/{namespace}/jobs"
