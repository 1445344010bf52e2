"""A variant's patch: RFC 7386 to the letter, and faults told at their fields."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_api.errors import SpecError
from clm_api.simulation import Variant
from clm_api.training_schedule import TrainingScheduleSpec
from clm_api.variants import merge_patch, patched
from tests.support.schedules import schedule_spec

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner),
    max_leaves=8,
)
BASE = TrainingScheduleSpec.model_validate(schedule_spec())

# The table of RFC 7386, appendix A.
RFC: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "expected"), RFC, ids=[str(row) for row in RFC])
def test_a_patch_is_laid_over_as_the_rfc_says(target: Any, patch: Any, expected: Any) -> None:
    assert merge_patch(target, patch) == expected


@given(JSON, JSON)
def test_a_patch_laid_twice_changes_no_more(target: Any, patch: Any) -> None:
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once


def test_an_empty_patch_is_the_schedule_as_it_is() -> None:
    assert patched(BASE, Variant(name="as-is")) == BASE


def test_only_what_is_named_changes_and_what_is_removed_has_its_default_again() -> None:
    patch = {"data": {"lookbackDays": 365}, "job": None, "model": {"xgboost": None, "seed": 8}}
    made = patched(BASE, Variant(name="longer", patch=patch))
    raw = schedule_spec(job=None)
    raw["data"] |= {"lookbackDays": 365}
    raw["model"] = {"family": "xgboost", "seed": 8}
    assert made == TrainingScheduleSpec.model_validate(raw)


FAULTS: list[tuple[str, dict[str, Any], str]] = [
    ("an unknown family", {"model": {"family": "xgbost", "xgboost": None}},
     'spec.variants[bad].patch.model.family: is refused: input should be "xgboost"'),
    ("a family with the other's parameters", {"model": {"family": "lightgbm"}},
     "spec.variants[bad].patch.model: xgboost holds parameters of family xgboost, and family"),
    ("data that are removed", {"data": None}, "spec.variants[bad].patch.data: is missing"),
    ("a misspelt field", {"data": {"symbol": "A/B"}},
     "spec.variants[bad].patch.data.symbol: is no field"),
    ("a field in Python's spelling", {"data": {"lookback_days": 300}},
     "spec.variants[bad].patch.data.lookback_days: is no field"),
    ("a symbol in a list", {"data": {"symbols": ["A/B", "btc-usdt"]}},
     "spec.variants[bad].patch.data.symbols[1]: is refused: string should match"),
    ("a text for a number", {"data": {"lookbackDays": "300"}},
     "spec.variants[bad].patch.data.lookbackDays: is refused: input should be a valid int"),
    ("two clocks", {"schedule": "0 0 * * *"},
     "spec.variants[bad].patch: set exactly one of spec.schedule and spec.interval"),
    ("a cron line that is none", {"interval": None, "schedule": "61 * * * *"},
     'spec.variants[bad].patch.schedule: "61 * * * *" is not a cron expression'),
    ("a zone of no world", {"timeZone": "Mars/Base"},
     'spec.variants[bad].patch.timeZone: "Mars/Base" is not an IANA time zone'),
    ("memory that holds no run", {"job": {"resources": {"limits": {"memory": "64Mi"}}}},
     "spec.variants[bad].patch.job.resources.limits.memory: 64Mi is less than"),
]  # fmt: skip


@pytest.mark.parametrize(("patch", "said"), [r[1:] for r in FAULTS], ids=[r[0] for r in FAULTS])
def test_a_bad_patch_is_refused_at_its_field(patch: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError) as refused:
        patched(BASE, Variant(name="bad", patch=patch))
    assert refused.value.message.replace("'", '"').startswith(said)
    assert refused.value.message.startswith(f"{refused.value.field}: ")


def test_all_faults_of_a_patch_are_told() -> None:
    patch = {"data": {"symbols": [], "lookbackDays": 1}}
    with pytest.raises(SpecError) as refused:
        patched(BASE, Variant(name="bad", patch=patch))
    assert refused.value.field == "spec.variants[bad].patch.data.symbols"
    assert "; spec.variants[bad].patch.data.lookbackDays: is refused:" in refused.value.message
