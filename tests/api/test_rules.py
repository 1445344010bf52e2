"""What a model says of a broken rule; that both readings agree stands in tests/contract."""

from typing import Any

import pytest
from pydantic import ValidationError

from clm_api.data_spec import DataSpec
from clm_api.parameters.neural import PatchtstParameters
from clm_api.rules import BROKEN, Ruled
from clm_api.training_schedule import TrainingScheduleSpec
from tests.support.schedules import schedule_spec

PERPETUAL = DataSpec(market="usdm", symbols=["BTC/USDT:USDT"])


def said(error: ValidationError) -> list[tuple[str, str]]:
    return [(".".join(map(str, e["loc"])), e["msg"]) for e in error.errors()]


TOLD = [
    ("a rule of the whole", {"interval": None},
     [("", "set exactly one of spec.schedule and spec.interval")]),
    ("a rule of a part", {"model": {"family": "nhits", "rlV2": {}}},
     [("model", "rlV2 holds parameters of family rl-v2, and family names another")]),
    ("a rule of a field", {"interval": None, "schedule": "TZ=UTC 0 * * * *"},
     [("schedule", "a zone inside the schedule is refused: set spec.timeZone")]),
    ("two rules of one part",
     {"model": {"family": "patchtst", "patchtst": {"heads": 5, "patchBars": 256, "inputBars": 32}}},
     [("model.patchtst", "hiddenSize is no multiple of heads"),
      ("model.patchtst", "patchBars is more than inputBars")]),
    ("a value twice", {"data": {"symbols": ["A/B", "A/B"]}},
     [("data.symbols", "holds a value twice")]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "expected"), [t[1:] for t in TOLD], ids=[t[0] for t in TOLD])
def test_a_broken_rule_is_told_at_its_field_in_its_own_words(
    changes: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    with pytest.raises(ValidationError) as caught:
        TrainingScheduleSpec.model_validate(schedule_spec(**changes))
    assert said(caught.value) == expected
    assert {e["type"] for e in caught.value.errors()} == {BROKEN}


KEPT: list[tuple[str, Ruled, dict[str, Any], bool]] = [
    ("two fields that fit only together", PERPETUAL,
     {"market": "spot", "symbols": ["BTC/USDT"]}, True),
    ("one of them alone", PERPETUAL, {"market": "spot"}, False),
    ("a name that is no field", PERPETUAL, {"markets": "spot"}, False),
    ("sizes that fit only together", PatchtstParameters(), {"heads": 5, "hidden_size": 20}, True),
    ("one of the sizes", PatchtstParameters(), {"heads": 5}, False),
]  # fmt: skip


@pytest.mark.parametrize(("model", "changes", "holds"), [k[1:] for k in KEPT],
                         ids=[k[0] for k in KEPT])  # fmt: skip
def test_a_copy_keeps_the_rules(model: Ruled, changes: dict[str, Any], *, holds: bool) -> None:
    if holds:
        made = model.having(**changes)
        assert {name: getattr(made, name) for name in changes} == changes
    else:
        with pytest.raises(ValidationError):
            model.having(**changes)
