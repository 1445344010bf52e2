"""The operator is away for slots, and cut off or contradicted at its writes: no slot is lost."""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from tests.operator.rig import Rig, forbid
from tests.support.operator_process import OperatorProcess
from tests.support.ports import eventually
from tests.support.proxy import Seen, Verdict, let_pass
from tests.support.schedules import schedule
from tests.support.shifted_operator import AHEAD

NAME, EVERY = "away", timedelta(minutes=15)
AWAY = timedelta(minutes=65)
FAULTS: tuple[Verdict | int, ...] = (Verdict.SWALLOW, 409)
"""The operator is killed once the write has arrived; the write is refused as a conflict."""


@dataclass
class FaultAtWrite:
    """Contradicts the operator's write number ``number`` about its objects, or kills it there."""

    rig: Rig
    number: int
    fault: Verdict | int
    count: int = 0
    fired: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def judge(self, seen: Seen) -> Verdict | int:
        if seen.method == "GET" or "/clm.dev/" not in seen.path:
            return Verdict.PASS
        with self._lock:
            self.count += 1
            if self.fired or self.count != self.number:
                return Verdict.REFUSE if self.fired and self.kills else Verdict.PASS
            self.fired = True
        return self.fault

    @property
    def kills(self) -> bool:
        return isinstance(self.fault, Verdict)

    def after(self, _: Seen) -> None:
        if self.kills:
            self.rig.operators[-1].kill()


def start(rig: Rig, ahead: Path) -> None:
    """Start the operator on a clock that is ahead."""
    keys = rig.plane.account_kubeconfig(rig.namespace, "clm-operator", rig.api.url)
    environment = rig.minio.environment() | {AHEAD: str(ahead)}
    module = "tests.support.shifted_operator"
    made = OperatorProcess.start(rig.folder, rig.config(), keys, environment, module)
    rig.operators.append(made)


def slots_until(rig: Rig, latest: datetime) -> list[datetime]:
    """Return creation + k times the interval."""
    created = datetime.fromisoformat(rig.schedule(NAME)["metadata"]["creationTimestamp"])
    slot, found = created.replace(second=0) + EVERY, []
    while slot <= latest:
        found.append(slot)
        slot += EVERY
    return found


def accounts(rig: Rig) -> Counter[datetime]:
    """Return how often each slot has a version or a record."""
    found = Counter(datetime.fromisoformat(v["spec"]["slot"]) for v in rig.versions(NAME))
    for record in rig.schedule(NAME)["status"].get("skipped", ()):
        slot = datetime.fromisoformat(record["from"])
        for _ in range(record["count"]):
            found[slot] += 1
            slot += EVERY
        assert slot - EVERY == datetime.fromisoformat(record["to"])
    return found


def caught_up(rig: Rig, slot: datetime) -> bool:
    """Whether the schedule's status has come to a slot."""
    last = rig.schedule(NAME)["status"].get("lastScheduleTime")
    return last is not None and datetime.fromisoformat(last) >= slot


@pytest.mark.slow
def test_no_slot_is_lost_whatever_write_is_cut_off_or_refused(rig: Rig, tmp_path: Path) -> None:
    ahead = tmp_path / "ahead"
    ahead.write_text("0")
    forbid(rig, "jobs.batch")  # the slots are looked at, not the runs
    asked = {"interval": "15m", "runOnCreate": False, "concurrencyPolicy": "Allow"}
    rig.apply(schedule(NAME, rig.namespace, **asked))
    start(rig, ahead)
    rig.wait_status(NAME, lambda s: s.get("nextScheduleTime"), "it is armed")
    moved = timedelta(0)
    for number, fault in product((1, 2, 3), FAULTS):
        rig.operators[-1].kill()
        moved += AWAY
        ahead.write_text(str(moved.total_seconds()))
        newest = slots_until(rig, datetime.fromtimestamp(time.time()).astimezone() + moved)[-1]
        trouble = FaultAtWrite(rig, number, fault)
        rig.api.judge, rig.api.after = trouble.judge, trouble.after
        start(rig, ahead)
        eventually(partial(getattr, trouble, "fired"), f"write {number} meets {fault}", 60)
        if trouble.kills:
            eventually(lambda: rig.operators[-1].ended, "it is killed", 60)
            rig.api.judge = let_pass
            start(rig, ahead)
        eventually(partial(caught_up, rig, newest), f"slots after write {number}, {fault}", 60)
    rig.api.judge = let_pass
    last = datetime.fromisoformat(rig.schedule(NAME)["status"]["lastScheduleTime"])
    assert accounts(rig) == Counter(slots_until(rig, last))
