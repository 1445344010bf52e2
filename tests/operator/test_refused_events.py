"""A namespace that takes no events: its runs go on, and all is told once the Role allows it."""

import json
from typing import Any

import pytest

from tests.operator.rig import Rig
from tests.support.ports import eventually
from tests.support.schedules import schedule

pytestmark = pytest.mark.slow
Raw = dict[str, Any]
MOST_TRIES = 6
"""After 0, 5, 15, 35, 75 and 155 seconds."""


def roles(rig: Rig) -> list[Raw]:
    """Return the roles of the namespace."""
    found = json.loads(rig.plane.kubectl("-n", rig.namespace, "get", "roles", "-o", "json"))
    return [{k: v for k, v in one.items() if k != "metadata"} | {
        "metadata": {"name": one["metadata"]["name"], "namespace": rig.namespace},
    } for one in found["items"]]  # fmt: skip


def without_events(role: Raw) -> Raw:
    """Return a role that may do nothing with events."""
    return role | {"rules": [r for r in role["rules"] if "events" not in r["resources"]]}


def told(rig: Rig, uid: str) -> dict[str, str]:
    """Return reason and time of the operator's events about an object."""
    found = rig.plane.list(rig.namespace, "events")
    mine = [e for e in found if e["source"].get("component") == "clm-operator"]
    return {e["reason"]: e["firstTimestamp"] for e in mine if e["involvedObject"]["uid"] == uid}


def test_events_that_are_forbidden_are_told_later_with_their_own_times(rig: Rig) -> None:
    before = roles(rig)
    rig.plane.apply(*map(without_events, before))
    rig.start_operator()
    rig.apply(schedule("muted", rig.namespace))
    (version,) = rig.wait_ended("muted")
    meta = version["metadata"]
    kept = rig.version(meta["name"])["status"]["untold"]
    assert {"scheduled", "started", "ended"} <= {one["id"] for one in kept}
    assert told(rig, meta["uid"]) == {}
    posts = [s for s in rig.api.seen if s.method == "POST" and s.path.endswith("/events")]
    assert 0 < len(posts) <= MOST_TRIES

    rig.plane.apply(*before)
    wanted = {one["reason"]: one["at"] for one in kept}
    eventually(lambda: told(rig, meta["uid"]) == wanted, "all is told")
    eventually(lambda: "untold" not in rig.version(meta["name"])["status"], "nothing is left")
