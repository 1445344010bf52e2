"""A replay was called an evaluation: what was stored in those words is read in today's."""

from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import pytest

from clm_api.schedule_status import TrainingScheduleStatus

SLOT = {"name": "btc-29460240-e", "slot": "2026-01-05T12:00:00Z"}
NEWER = {"name": "btc-29460600-e", "slot": "2026-01-05T18:00:00Z", "phase": "Running"}
RUNNING = SLOT | {"phase": "Running"}


@dataclass(frozen=True)
class Case:
    name: str
    stored: dict[str, Any]
    replay: dict[str, Any] | None


CASES = [
    Case("one that runs", {"evaluation": RUNNING}, RUNNING),
    Case("one that found what it was asked for",
         {"evaluation": SLOT | {"phase": "Succeeded", "reason": "Evaluated"}},
         SLOT | {"phase": "Succeeded", "reason": "Replayed"}),
    Case("one that had nothing left to do",
         {"evaluation": SLOT | {"phase": "Failed", "reason": "NothingToEvaluate"}},
         SLOT | {"phase": "Failed", "reason": "NothingToReplay"}),
    Case("a reason that kept its name",
         {"evaluation": SLOT | {"phase": "Failed", "reason": "JobLost"}},
         SLOT | {"phase": "Failed", "reason": "JobLost"}),
    Case("today's word stands where both are there", {"evaluation": RUNNING, "replay": NEWER},
         NEWER),
    Case("today's word alone", {"replay": NEWER}, NEWER),
    Case("a null is as if it were absent", {"evaluation": None}, None),
    Case("neither", {}, None),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_the_newest_replay_of_a_stored_status(case: Case) -> None:
    written = TrainingScheduleStatus.model_validate(case.stored).to_json_dict()
    found = written.get("replay")
    assert (found and {k: v for k, v in found.items() if v}) == case.replay
    assert "evaluation" not in written, "the next write moves it"
