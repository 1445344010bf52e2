"""Which past slots a schedule would have had, on which bars, and who trains them."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_api.past import covering_run, past_slots, share
from clm_api.training_schedule import TrainingScheduleSpec


@dataclass(frozen=True)
class Case:
    name: str
    slots: list[str]
    spec: dict[str, Any] = field(default_factory=dict)


START, STOP = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 29, tzinfo=UTC)
POD = {"image": "clm-trainer:test", "gpu": {"count": 0}, "resources": {}}


def schedule(**fields: Any) -> TrainingScheduleSpec:
    raw = {"interval": "7d", "model": {"family": "xgboost"}, "data": {"symbols": ["BTC/USDT"]}}
    return TrainingScheduleSpec.model_validate(raw | fields)


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
    slots = past_slots(schedule(**case.spec), START, STOP)
    assert [f"{slot:%Y-%m-%d}" for slot in slots] == case.slots


@pytest.mark.parametrize("minutes", [0, 30], ids=["on a bar", "between two bars"])
def test_its_run_covers_the_data_of_the_first_slot_and_ends_with_the_simulation(
    minutes: int,
) -> None:
    spec = schedule(data={"symbols": ["BTC/USDT"], "lookbackDays": 300})
    run = covering_run(spec, START + timedelta(minutes=minutes), STOP, POD)
    assert (run.data.from_, run.data.to) == (START - timedelta(days=300), STOP)


@given(st.integers(0, 40), st.integers(1, 12))
def test_each_slot_is_trained_by_one_pod_and_shares_differ_by_one(many: int, pods: int) -> None:
    slots = [START + timedelta(days=n) for n in range(many)]
    shares = [share(slots, index, pods) for index in range(pods)]
    assert sorted(slot for one in shares for slot in one) == slots
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
