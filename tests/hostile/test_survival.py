"""One operator, hostile schedules that the API server takes, and a good one beside them."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from clm_api import layout
from tests.operator.conftest import rig
from tests.operator.rig import Rig, condition
from tests.support.schedules import schedule

__all__ = ["rig"]
Raw = dict[str, Any]
TOKEN = "clm.dev/run-now"


@dataclass(frozen=True)
class Case:
    name: str
    says: str
    """The reason of its last run, or that of its condition Ready."""
    spec: Raw = field(default_factory=dict)
    notes: Raw = field(default_factory=dict)


HOSTILE = [
    Case("evicts", "SpecInvalid", {"job": {"priorityClassName": "system-node-critical"}}),
    Case("zone-file", "SpecInvalid",
         {"interval": None, "schedule": "0 0 * * *", "timeZone": "/etc/passwd"}),
    Case("escapes", "DataUnavailable", {"runOnCreate": False, "data": {"symbols": ["../.."]}},
         {TOKEN: "\x1b[2J\u202e" * 1000}),
]  # fmt: skip


def _ended(case: Case, status: Raw) -> bool:
    last = status.get("lastRun", {}).get("reason")
    return case.says in (last, condition(status, "Ready").get("reason"))


def test_a_good_schedule_is_judged_beside_hostile_ones(rig: Rig) -> None:
    for case in HOSTILE:
        made = schedule(case.name, rig.namespace, **case.spec)
        made["metadata"]["annotations"] = case.notes
        rig.apply(made)
    for venue in ("binance", "kraken"):
        rig.storage.put(layout.bans(venue), b"[" * 100_000)
    operator = rig.start_operator()
    rig.apply(schedule("good", rig.namespace))
    (version,) = rig.wait_ended("good")
    assert version["status"]["phase"] == "Succeeded"
    for case in HOSTILE:
        rig.wait_status(case.name, partial(_ended, case), case.says)
    assert not operator.ended
    assert "Traceback" not in operator.log.read_text()
