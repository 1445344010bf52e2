"""kopf watches; any event only means "look at this key"."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import kopf

from clm_api import GROUP, VERSION
from clm_operator.building.names import LABEL_SCHEDULE
from clm_operator.cluster.api import USER_AGENT
from clm_operator.handlers.endless import EndlessJitter
from clm_operator.metrics import Metrics
from clm_operator.snapshot import Key

_WATCHING = "kopf._cogs.clients.watching"
Wake = Callable[[Key], None]


Labelled = Callable[[str, Mapping[str, str] | None], None]


class _RefusalsAreToldOnce(logging.Filter):
    """Drops the library's error for each try of each watch in a namespace that refuses."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "APIForbiddenError" not in record.getMessage()


class _Connection(kopf.ConnectionInfo):
    """Shows the API server the operator's name instead of the library's."""

    def as_http_headers(self) -> dict[str, str]:
        return {**super().as_http_headers(), "User-Agent": USER_AGENT}


def _names_a_schedule(value: str | None, **_: Any) -> bool:
    """Whether a label's value is a name: an empty one would address all schedules."""
    return bool(value)


def registry(
    wake: Wake, metrics: Metrics, labelled: Labelled | None = None
) -> kopf.OperatorRegistry:
    """Return kopf's handlers: one kind of event each, all waking a schedule's key.

    Parameters
    ----------
    labelled
        Told the labels of every namespace, and None when one is gone.
    """
    handlers = kopf.OperatorRegistry()
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
    async def schedule_seen(namespace: str | None, name: str | None, **_: Any) -> None:
        metrics.event("TrainingSchedule", time.time())
        wake(Key(str(namespace), str(name)))

    @kopf.on.event(GROUP, VERSION, "modelversions", registry=handlers)
    async def version_seen(namespace: str | None, spec: kopf.Spec, **_: Any) -> None:
        metrics.event("ModelVersion", time.time())
        wake(Key(str(namespace), spec["scheduleRef"]["name"]))

    def dependant(kind: str) -> Callable[..., Any]:
        async def seen(namespace: str | None, labels: kopf.Labels, **_: Any) -> None:
            metrics.event(kind, time.time())
            wake(Key(str(namespace), labels[LABEL_SCHEDULE]))

        return seen

    named = {LABEL_SCHEDULE: _names_a_schedule}
    kopf.on.event("batch", "v1", "jobs", labels=named, registry=handlers)(dependant("Job"))
    kopf.on.event("v1", "pods", labels=named, registry=handlers)(dependant("Pod"))

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
    chosen.posting.enabled = False
    chosen.peering.standalone = True
    chosen.scanning.disabled = True
    return chosen
