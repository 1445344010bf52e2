"""What memory a run needs, what its pod asks for, and what is refused: pure, by the data's size."""

from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clm_api.families import Family
from clm_api.memory import in_words, least_bytes, needed_bytes
from clm_api.quantities import amount
from clm_api.sizing import note, sized, too_large, too_small
from clm_api.training_schedule import TrainingScheduleSpec

Raw = dict[str, Any]
USUAL = {"requests": {"memory": "1Gi"}, "limits": {"memory": "4Gi"}}
MOST = "512Gi"


def spec(
    symbols: int = 2, timeframe: str = "1h", days: int = 730, family: str = "xgboost", **more: Any
) -> TrainingScheduleSpec:
    """Build a spec of some size."""
    data = {
        "symbols": [f"S{number}/USDT" for number in range(symbols)],
        "timeframe": timeframe,
        "lookbackDays": days,
    }
    model = {"family": family, **more.pop("model", {})}
    return TrainingScheduleSpec.model_validate(
        {"interval": "6h", "model": model, "data": data | more.pop("data", {}), **more}
    )


FINE = spec(5, "5m")
LARGE = spec(50, "1m")
"""Fifty symbols of one-minute bars for two years."""
BLEND = {"blend": {"members": [{"family": "xgboost"}, {"family": "nhits"}]}}
OWN = {"features": {"set": "mypackage.momentum"}}
CUSTOM = {"custom": {"name": "mypackage.linear"}}


@dataclass(frozen=True)
class Case:
    name: str
    spec: TrainingScheduleSpec
    need: str
    measured_mb: int | None = None
    """Largest resident memory of a whole run, where one was measured (``python -m bench.runs``)."""


CASES = [
    Case("two symbols, two years of hourly bars", spec(), "512Mi", 463),
    Case("the same with a network", spec(family="nhits"), "1344Mi"),
    Case("five symbols, two years of 5m bars", FINE, "896Mi", 745),
    Case("the same with lightgbm", spec(5, "5m", family="lightgbm"), "1152Mi", 992),
    Case("the same with a network", spec(5, "5m", family="nhits"), "1920Mi", 1714),
    Case("the same with a policy", spec(5, "5m", family="rl-v3"), "1792Mi", 1692),
    Case("twenty symbols, two years of 5m bars", spec(20, "5m"), "2Gi", 1700),
    Case("twelve symbols, 270 days of 1m bars", spec(12, "1m", 270), "2240Mi", 1858),
    Case("twelve symbols of 5m bars, 500 days judged",
         spec(12, "5m", evaluation={"periodDays": 500}), "1792Mi", 1503),
    Case("fifty symbols, two years of 1m bars", LARGE, "17Gi"),
    Case("the same, every bar learned", spec(50, "1m", model={"xgboost": {"rowStride": 1}}),
         "44800Mi"),
    Case("the same with a blend", spec(50, "1m", family="blend", model=BLEND), "38144Mi"),
    Case("the same with an own set", spec(50, "1m", model=OWN), "17600Mi"),
    Case("the same with an own model", spec(50, "1m", family="custom", model=CUSTOM), "77248Mi"),
    Case("ten years", spec(50, "1m", 3650), "79168Mi"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_a_runs_memory_follows_from_its_data(case: Case) -> None:
    need = needed_bytes(case.spec)
    assert in_words(need) == case.need
    if case.measured_mb is not None:
        assert 1.05 < need / (case.measured_mb * 1e6) < 1.3


MORE = [
    ("more columns beside the bars", {"data": {"columns": ["takerBuyVolume", "tradeCount"]}}),
    ("labels that end when a barrier is touched", {"target": {"kind": "tripleBarrier"}}),
    ("weights of labels", {"target": {"uniquenessWeights": True}}),
    ("every bar learned", {"model": {"xgboost": {"rowStride": 1}}}),
    ("deep trees of small leaves", {"model": {"xgboost": {"maxDepth": 12, "minChildFraction": 0}}}),
    ("an own feature set", {"model": OWN}),
    ("a longer evaluation", {"evaluation": {"periodDays": 400}}),
]


@pytest.mark.parametrize("more", [row[1] for row in MORE], ids=[row[0] for row in MORE])
def test_what_a_run_holds_besides_is_counted(more: Raw) -> None:
    assert needed_bytes(spec(5, "5m", **more)) > needed_bytes(FINE)


@given(
    st.sampled_from([f for f in Family if not f.row.needs_parameters]),
    st.integers(1, 49),
    st.integers(270, 3000),
    st.sampled_from(["1m", "5m", "1h", "1d"]),
)
def test_more_data_never_need_less(family: Family, symbols: int, days: int, frame: str) -> None:
    small, large = (spec(symbols + k, frame, days + k, family) for k in (0, 1))
    assert least_bytes(small) <= needed_bytes(small) <= needed_bytes(large)
    assert least_bytes(small) <= least_bytes(large)


def test_a_batch_that_may_lie_on_a_gpu_is_asked_for_and_refuses_nothing() -> None:
    wide = {"hiddenSize": 512, "heads": 16, "layers": 4, "batchSize": 16384}
    made = spec(family="patchtst", model={"patchtst": wide})
    plain = spec(family="patchtst")
    assert least_bytes(made) == least_bytes(plain) <= needed_bytes(plain) < needed_bytes(made)


def test_of_own_code_the_least_is_known_alone() -> None:
    for made in (spec(5, "5m", model=OWN), spec(5, "5m", family="custom", model=CUSTOM)):
        assert least_bytes(made) < needed_bytes(made)


@dataclass(frozen=True)
class Asked:
    name: str
    spec: TrainingScheduleSpec
    request: str
    limit: str
    said: Raw = field(default_factory=dict)
    most: str = MOST


SIZES = [
    Asked("a small run has what it always had", spec(), "1Gi", "4Gi"),
    Asked("so has the largest that fits", FINE, "1Gi", "4Gi"),
    Asked("a larger one requests its need", spec(20, "5m"), "2Gi", "4Gi"),
    Asked("of a large one the limit is twice its need", LARGE, "17Gi", "34752Mi"),
    Asked("room ends where the policy does", LARGE, "17Gi", "20Gi", most="20Gi"),
    Asked("and is not rounded beyond it", LARGE, "17400Mi", "17400Mi", most="17400Mi"),
    Asked("a limit stays", LARGE, "17Gi", "18Gi", {"limits": {"memory": "18Gi"}}),
    Asked("a limit below the usual request lowers that", spec(), "600Mi", "600Mi",
          {"limits": {"memory": "600Mi"}}),
    Asked("a request stays", LARGE, "40Gi", "40Gi", {"requests": {"memory": "40Gi"}}),
    Asked("a request below a limit stays", LARGE, "1Gi", "18Gi",
          {"requests": {"memory": "1Gi"}, "limits": {"memory": "18Gi"}}),
    Asked("CPUs say nothing", LARGE, "17Gi", "34752Mi", {"limits": {"cpu": "2"}}),
]  # fmt: skip


@pytest.mark.parametrize("asked", SIZES, ids=attrgetter("name"))
def test_a_pod_asks_for_the_memory_of_its_data(asked: Asked) -> None:
    made = sized(asked.said, USUAL, asked.most, asked.spec)
    assert made == {"requests": {"memory": asked.request}, "limits": {"memory": asked.limit}}


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ({}, None),
        ({"limits": {"memory": "16Gi"}}, "limits"),
        ({"limits": {"memory": "17Gi"}}, None),
        ({"requests": {"memory": "16Gi"}}, "requests"),
        ({"requests": {"memory": "1Gi"}, "limits": {"memory": "17Gi"}}, None),
        ({"requests": {"memory": "17Gi"}, "limits": {"cpu": "2"}}, None),
    ],
    ids=["nothing", "a low limit", "a limit of the need", "a low request alone",
         "a low request below a limit", "a request of the need"],
)  # fmt: skip
def test_memory_that_cannot_hold_a_run_is_refused(said: Raw, part: str | None) -> None:
    found = too_small(said, LARGE)
    assert (found and found[0]) == part
    if found is not None:
        assert (
            "16Gi is less than the 17Gi that xgboost on 730 days of 1m bars of 50 sym" in found[1]
        )
        assert ": set 17Gi or more, or nothing, or train on fewer days" in found[1]


def test_a_run_that_fits_no_pod_is_refused_with_its_size() -> None:
    assert too_large("17Gi", LARGE) is None
    told = too_large("16Gi", LARGE)
    assert told is not None
    assert "needs 17Gi, and 16Gi is the most that jobPolicy.maximum.memory" in told


def test_who_says_nothing_hears_what_will_be_asked_for() -> None:
    assert note(FINE) is None
    assert note(spec(50, "1m", job={"resources": {"limits": {"memory": "18Gi"}}})) is None
    assert "needs 17Gi of memory: the operator asks for that" in (note(LARGE) or "")


@given(st.integers(1, 2**50))
def test_a_size_in_words_is_rounded_up_to_64_mebibytes(size: int) -> None:
    assert 0 <= amount(in_words(size)) - size < 64 * 2**20
