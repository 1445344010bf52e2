"""Production emptied and filled again on a real API server and store, by people and by rule."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from clm_api.timing import whole_seconds
from tests.operator.rig import Rig, condition
from tests.operator.test_promotion import (
    NAME,
    agrees,
    candidates,
    clm,
    decided,
    decisions,
    is_flat,
    pointer,
)
from tests.support.ports import eventually

Raw = dict[str, Any]


def degrade(rig: Rig, mode: str, version: str) -> None:
    """Set what follows, and say as a replay would that it found the version degraded."""
    rules = json.dumps({"spec": {"monitoring": {"performance": {"mode": mode}}}})
    rig.plane.kubectl("-n", rig.namespace, "patch", "tsched", NAME, "--type=merge", "-p", rules)
    slot = whole_seconds(datetime.now(UTC)) + timedelta(seconds=2)
    at = f"{slot:%Y-%m-%dT%H:%M:%SZ}"
    found = {
        "version": version, "verdict": "Degraded", "cause": "Drawdown", "from": at, "to": at,
        "bars": 340, "drawdown": 0.2, "maxDrawdown": 0.15, "slot": at, "since": at,
    }  # fmt: skip
    rig.write_status(NAME, {"performance": found})


def test_halted_by_hand_and_resumed_then_rolled_back_and_stood_down_by_rule(rig: Rig) -> None:
    rig.start_operator()
    first, second = candidates(rig, 2)
    for name in (first, second):
        rig.ask(name)
        eventually(lambda name=name: agrees(rig, name), f"all names {name}")  # type: ignore[misc]

    rig.ask(second, stage="ARCHIVED")
    assert decided(rig, second) == "PromotionRefused"
    said = clm(rig, "halt", NAME, "--reason", "new fees tonight")
    assert said == f"Halted: {second}: production is empty: bots hold nothing\n"
    eventually(lambda: is_flat(rig), "nothing is in production")
    status = rig.schedule(NAME)["status"]
    assert (status["halted"]["version"], status["halted"]["by"]) == (second, "admin")
    assert pointer(rig)["since"] == status["halted"]["since"]
    assert condition(status, "Halted")["reason"] == "Halted"
    assert "(empty)" in clm(rig, "history", NAME)
    assert "nothing is in production since" in clm(rig, "halt", NAME, "--reason", "again")
    said = clm(rig, "promote", second, "--reason", "fees are as before")
    assert said.startswith(f"Promoted: {second} is in production, replaces nothing")
    eventually(lambda: agrees(rig, second), f"all names {second} again")

    degrade(rig, "Rollback", second)
    eventually(lambda: agrees(rig, first), f"rolled back to {first}")
    production = rig.schedule(NAME)["status"]["production"]
    assert production["approvedBy"] == "clm-operator"
    cause = "is degraded (Drawdown) after 340 bars; drawdown 0.2, at most 0.15"
    assert production["reason"] == f"{second} {cause}"
    degrade(rig, "Rollback", first)
    eventually(lambda: is_flat(rig), "there is no version to go back to")
    halted = rig.schedule(NAME)["status"]["halted"]
    assert halted["by"] == "clm-operator"
    assert halted["reason"] == f"{first} {cause}; there is no version to go back to"

    reasons = {e["reason"] for e in rig.plane.list(rig.namespace, "events")}
    assert {"Halted", "RolledBack", "StoodDown"} <= reasons
    told = [e for e in rig.plane.list(rig.namespace, "events") if e["reason"] == "StoodDown"]
    assert {e["involvedObject"]["kind"] for e in told} == {"TrainingSchedule", "ModelVersion"}
    assert decisions(rig) == {
        "Promoted": 3, "PromotionRefused": 1, "Halted": 1, "RolledBack": 1, "StoodDown": 1,
    }  # fmt: skip
