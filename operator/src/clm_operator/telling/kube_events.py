"""Kubernetes events: where people look first."""

import asyncio
import hashlib
from datetime import datetime
from typing import Any

from clm_api import API_VERSION
from clm_api.happening import Happening
from clm_operator.cluster.api import Api, ApiError, ExistsError

Raw = dict[str, Any]
_PATIENCE_S = 5.0
"""An event is news: no round waits for it as long as for a write."""


class KubeEvents:
    """Posts happenings as events."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def post(self, about: Raw, happening: Happening, now: datetime) -> None:
        """Post an event about an object; one that exists already is not posted again.

        Parameters
        ----------
        now
            The time of an event that has none of its own.
        """
        meta = about["metadata"]
        digest = hashlib.sha256(f"{meta['uid']}/{happening.id}".encode()).hexdigest()[:16]
        time = (happening.at or now).strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{meta['name']}.{digest}", "namespace": meta["namespace"]},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": about["kind"],
                "name": meta["name"],
                "namespace": meta["namespace"],
                "uid": meta["uid"],
                "resourceVersion": meta["resourceVersion"],
            },
            "type": happening.type,
            "reason": happening.reason,
            "message": happening.message,
            "source": {"component": "clm-operator"},
            "firstTimestamp": time,
            "lastTimestamp": time,
            "count": happening.count or 1,
        }
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._api.create(f"/api/v1/namespaces/{meta['namespace']}/events", event)
        except ExistsError:
            return
        except TimeoutError as error:
            raise ApiError(0, f"no answer within {_PATIENCE_S:g} s") from error
