"""Which past slots a schedule would have had."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

import pytest

from clm_api.training_schedule import TrainingScheduleSpec
from clm_trainer.simulation.run import past_slots


@dataclass(frozen=True)
class Case:
    name: str
    slots: list[str]
    spec: dict[str, Any] = field(default_factory=dict)


CASES = [
    Case("an interval counts from the start, the end is exclusive",
         ["2025-01-01", "2025-01-08", "2025-01-15", "2025-01-22"]),
    Case("without runOnCreate the first slot is one interval later",
         ["2025-01-08", "2025-01-15", "2025-01-22"], {"runOnCreate": False}),
    Case("cron", ["2025-01-05", "2025-01-12", "2025-01-19", "2025-01-26"],
         {"interval": None, "schedule": "0 0 * * 0", "runOnCreate": False}),
    Case("an interval longer than the range has the initial run only", ["2025-01-01"],
         {"interval": "60d"}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_past_slots(case: Case) -> None:
    raw = {
        "interval": "7d", "model": {"family": "xgboost"}, "data": {"symbols": ["BTC/USDT"]},
    } | case.spec  # fmt: skip
    spec = TrainingScheduleSpec.model_validate(raw)
    start, stop = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 29, tzinfo=UTC)
    assert [f"{slot:%Y-%m-%d}" for slot in past_slots(spec, start, stop)] == case.slots
