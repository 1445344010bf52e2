"""``DataAvailable``: what the newest run got, or why it got nothing."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from clm_api.lifecycle import Stage
from clm_api.model_version import DataStatus, ModelVersionStatus, Phase
from clm_api.reasons import Reason
from clm_api.schedule_status import TrialsStatus
from clm_operator.round.schedule_status import Parts, schedule_status
from clm_operator.slots.admit import Slots
from clm_operator.stages.pointer import Pointer
from tests.operator.units.builders import facts, schedule_object, seen, version

NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
DATA = DataStatus(from_=NOW, to=NOW, bars=17520, gaps=2, sha256="ab" * 32)
HALTED: dict[str, Any] = {
    "phase": Phase.SUCCEEDED,
    "stage": Stage.REJECTED,
    "data": DATA.having(message="ETH/USDT: nobody traded for 96 bars"),
}
GOOD: dict[str, Any] = {"phase": Phase.SUCCEEDED, "stage": Stage.REJECTED, "data": DATA}


def _failed(reason: Reason) -> dict[str, Any]:
    return {"phase": Phase.FAILED, "stage": Stage.FAILED, "reason": reason, "message": "why"}


@pytest.mark.parametrize(
    ("runs", "status", "reason", "message"),
    [
        ([GOOD], "True", "DataReady", "17520 bars until 2026-01-05 12:00 UTC, 2 missing"),
        ([GOOD, _failed(Reason.DATA_GAP)], "False", "DataGap", "why"),
        ([_failed(Reason.EXCHANGE_BANNED), GOOD], "True", "DataReady", "17520 bars"),
        ([GOOD, _failed(Reason.OOM_KILLED)], "True", "DataReady", "17520 bars"),
        ([_failed(Reason.EXCHANGE_DENIED)], "False", "ExchangeDenied", "why"),
        ([HALTED], "True", "DataReady", "2 missing; ETH/USDT: nobody traded for 96 bars"),
        ([], None, "", ""),
    ],
    ids=["bars", "a gap after bars", "bars after a ban", "a failure that is not of the data",
         "a refusal", "a halt, which names its symbol", "no run"],
)  # fmt: skip
def test_the_newest_run_that_got_as_far_decides(
    runs: list[dict[str, Any]], status: str | None, reason: str, message: str
) -> None:
    schedule = schedule_object()
    versions = [
        replace(version(name=f"v{i}"), status=ModelVersionStatus(**run))
        for i, run in enumerate(runs)
    ]
    found_out = facts(seen(schedule=schedule, now=NOW))
    parts = Parts(versions, Slots(), TrialsStatus(), Pointer(None, []))
    made = schedule_status(found_out, parts).conditions
    found = {c.type: c for c in made}.get("DataAvailable")
    if status is None:
        assert found is None
        return
    assert found is not None
    assert (found.status, found.reason) == (status, reason)
    assert message in found.message
