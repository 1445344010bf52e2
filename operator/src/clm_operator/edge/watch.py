"""kopf runs the operator, and brings schedules and namespaces."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import kopf

from clm_api import GROUP, VERSION
from clm_operator.cluster.api import USER_AGENT
from clm_operator.edge.endless import EndlessJitter
from clm_operator.edge.keeps_nothing import NoDiffBase, NoProgress
from clm_operator.edge.list_watch import Changed
from clm_operator.mirror.world import Mirror

_WATCHING = "kopf._cogs.clients.watching"
Labelled = Callable[[str, Mapping[str, str] | None], None]


class _RefusalsAreToldOnce(logging.Filter):
    """Drops the library's error for each try of each watch in a namespace that refuses."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "APIForbiddenError" not in record.getMessage()


class _Connection(kopf.ConnectionInfo):
    """Shows the API server the operator's name instead of the library's."""

    def as_http_headers(self) -> dict[str, str]:
        return {**super().as_http_headers(), "User-Agent": USER_AGENT}


class Listings:
    """Tells kopf's first list of a watch from one that comes again.

    What stands in a list is told without a type, and once in each.
    """

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def comes_again(self, kind: str | None, uid: str) -> bool:
        """Whether an event shows that a list has come again.

        Parameters
        ----------
        kind
            The event's type.
        """
        again = kind is None and uid in self._seen
        if kind == "DELETED":
            self._seen.discard(uid)
        else:
            self._seen.add(uid)
        return again


def registry(
    mirror: Mirror,
    changed: Changed,
    listed: Callable[[], None],
    labelled: Labelled | None = None,
) -> kopf.OperatorRegistry:
    """Return kopf's handlers.

    Parameters
    ----------
    changed
        Told of news, and whose they are.
    listed
        Told that kopf lists again: what was deleted while its watch was down, it does not tell.
    labelled
        Told the labels of every namespace, and None when one is gone.
    """
    handlers, listings = kopf.OperatorRegistry(), Listings()
    if labelled is not None:

        @kopf.on.event("v1", "namespaces", registry=handlers)
        async def namespace_seen(
            type: str | None,  # noqa: A002  kopf's name for it
            name: str | None,
            labels: kopf.Labels,
            **_: Any,
        ) -> None:
            labelled(str(name), None if type == "DELETED" else labels)

    @kopf.on.event(GROUP, VERSION, "trainingschedules", registry=handlers)
    async def schedule_seen(event: kopf.RawEvent, **_: Any) -> None:
        raw: dict[str, Any] = dict(event["object"])
        if listings.comes_again(event["type"], str(raw["metadata"]["uid"])):
            listed()
        if event["type"] == "DELETED":
            meta = raw["metadata"]
            key = mirror.drop("TrainingSchedule", meta["namespace"], meta["name"], meta["uid"])
        else:
            key = mirror.put("TrainingSchedule", raw)
        if key is not None:
            changed("TrainingSchedule", key)

    @kopf.on.login(registry=handlers)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        """Called again after every 401: the pod's token file is read anew."""
        found = kopf.login_with_service_account(**kwargs) or kopf.login_with_kubeconfig(**kwargs)
        return found and _Connection(**vars(found))

    return handlers


def settings() -> kopf.OperatorSettings:
    """Return kopf's settings: it never gives up on the API server, and never writes."""
    logging.getLogger(_WATCHING).addFilter(_RefusalsAreToldOnce())
    chosen = kopf.OperatorSettings()
    chosen.networking.error_backoffs = EndlessJitter(1, 30)
    chosen.networking.request_timeout = 60
    chosen.networking.connect_timeout = 10
    chosen.watching.server_timeout = 300
    chosen.watching.client_timeout = 310
    chosen.watching.inactivity_timeout = 70
    chosen.watching.reconnect_backoff = 2
    chosen.watching.chunk_size = 500
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    chosen.scanning.disabled = True
    chosen.persistence.diffbase_storage = NoDiffBase()
    chosen.persistence.progress_storage = NoProgress()
    return chosen
