"""A happening as a CloudEvent 1.0: all of it from what is stored, so that it never differs."""

import json
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import quote

from cloudevents.core.v1.event import CloudEvent

from clm_api.events import schema_of, type_of
from clm_api.happening import Happening
from clm_operator.mirror.objects import Raw

CONTENT_TYPE = "application/json"


class NoEventError(Exception):
    """What is stored makes no CloudEvent: somebody else has written it."""


@dataclass(frozen=True)
class Told:
    """An event on its way to a sink.

    Parameters
    ----------
    id
        The same whenever it is told, of this event alone in all clusters.
    namespace, schedule, event
        Where it happened, and what: ``run.ended``.
    body
        The data as stored, which is JSON.
    """

    id: str
    namespace: str
    schedule: str
    event: str
    body: bytes
    whole: CloudEvent


def told(about: Raw, happening: Happening, cluster: str) -> Told:
    """Return an object's happening as a CloudEvent.

    Parameters
    ----------
    cluster
        Names this installation.

    Raises
    ------
    NoEventError
        The happening has no event, no time, or data that are no JSON object.
    """
    meta, event, at = about["metadata"], happening.event, happening.at
    if event is None or at is None:
        raise NoEventError(f"{happening.id} has no event or no time")
    namespace, name = str(meta["namespace"]), str(meta["name"])
    of_version = about["kind"] == "ModelVersion"
    schedule = str(about["spec"]["scheduleRef"]["name"]) if of_version else name
    identity = f"{meta['uid']}/{quote(happening.id, safe='')}"
    text = happening.data or ""
    attributes = {
        "specversion": "1.0",
        "id": identity,
        "type": type_of(event),
        "source": f"/clm/{cluster}/namespaces/{namespace}/trainingschedules/{schedule}",
        "subject": name,
        "time": at,
        "datacontenttype": CONTENT_TYPE,
        "dataschema": schema_of(event),
    }
    whole = CloudEvent(attributes, _object(text, happening.id))
    return Told(identity, namespace, schedule, event, text.encode(), whole)


def _object(text: str, identity: str) -> dict[str, Any]:
    try:
        found = json.loads(text, parse_constant=_no_number)
    except ValueError as error:
        raise NoEventError(f"{identity} has data that are no JSON: {error}") from error
    if not isinstance(found, dict):
        raise NoEventError(f"{identity} has data that are no JSON object")
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")
