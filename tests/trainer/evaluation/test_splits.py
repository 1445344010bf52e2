"""Walk-forward spans: folds tile the window, and no label that is learned touches a test block."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from clm_api.errors import ClmError
from clm_api.run import RunEvaluation, RunTarget
from clm_trainer.evaluation.splits import History, Walk, walk_forward
from clm_trainer.targets.base import Ints

USUAL: dict[str, Any] = {
    "bars": 17520, "bars_per_day": 24.0, "period_days": 90, "folds": 3, "purge_bars": 25,
    "embargo_bars": 0, "horizon_bars": 24, "calibration_days": 90, "warm_up_bars": 720,
    "entry_percentile": 0.75,
}  # fmt: skip


def reaching(bars: int, horizon: int) -> Ints:
    """Labels that all end at the open ``horizon`` bars after the next one."""
    return np.arange(bars, dtype=np.int64) + 1 + horizon


def walk(**overrides: Any) -> Walk:
    given = {**USUAL, **overrides}

    def of(names: Iterable[str]) -> dict[str, Any]:
        return {name: given[name] for name in names if name in given}

    given.setdefault("reach", reaching(given["bars"], given["horizon_bars"]))
    history = History(**of(field.name for field in fields(History)))
    evaluation = RunEvaluation(**of(RunEvaluation.model_fields))
    target = RunTarget(**of(RunTarget.model_fields))
    return walk_forward(history, evaluation, target, given["warm_up_bars"])


def test_the_default_recipe() -> None:
    made = walk()
    assert made.window == (15360, 17520)
    assert [f.test for f in made.folds] == [(15360, 16080), (16080, 16800), (16800, 17520)]
    assert made.folds[0].calibration == (13175, 15335), "ends 25 bars before the block"
    assert made.folds[0].fit == (0, 13150), "ends 25 bars before the tail"
    assert made.final.calibration == (15360, 17520), "up to the last closed bar"
    assert made.final.fit == (0, 15335)
    assert made.final.test == (17520, 17520)


def test_an_embargo_moves_the_training_span_back() -> None:
    made = walk(embargo_bars=10)
    assert made.folds[0].calibration == (13165, 15325)
    assert made.folds[0].fit == (0, 13140)
    assert made.final == walk().final, "nothing is tested after the final fit"


def test_a_span_ends_before_the_first_label_that_reaches_what_comes_after() -> None:
    reach, tail = reaching(17520, 24), 90 * 24
    reach[15000] = 15360
    made = walk(reach=reach)
    assert made.folds[0].calibration == (15000 - tail, 15000), "row 15000 reaches the first block"
    assert made.folds[0].fit == (0, 15000 - tail - 25)
    assert made.folds[1:] == walk().folds[1:], "and not the second"
    assert made.final.fit == (0, 15000), "its tail begins where the first block does"
    reach[15000], reach[12000] = 15359, 13175
    made = walk(reach=reach)
    assert made.folds[0].calibration == (13175, 15335), "row 15000 ends just before the block"
    assert made.folds[0].fit == (0, 12000), "row 12000 reaches the tail"
    assert made.folds[1:] == walk().folds[1:]


@pytest.mark.parametrize(
    ("purge", "horizon", "gap"), [(25, 1, 25), (0, 24, 25), (2, 1, 2), (0, 0, 1)],
    ids=["the purge is longer", "the labels are longer", "both are as long", "neither is long"],
)  # fmt: skip
def test_the_longer_of_purge_and_labels_is_dropped(purge: int, horizon: int, gap: int) -> None:
    made = walk(purge_bars=purge, reach=reaching(17520, horizon))
    assert made.folds[0].calibration[1] == 15360 - gap
    assert made.folds[0].fit[1] == 15360 - gap - 90 * 24 - gap


def test_labels_that_never_end_leave_nothing_to_fit() -> None:
    reach = reaching(17520, 24)
    reach[2800] = 10**6
    with pytest.raises(ClmError, match="looks 997200 bars ahead") as caught:
        walk(reach=reach)
    assert caught.value.reason == "InsufficientData"


def test_a_fold_count_that_does_not_divide_the_window() -> None:
    tests = [f.test for f in walk(folds=7).folds]
    assert [end - begin for begin, end in tests] == [308, 309, 308, 309, 308, 309, 309]
    assert tests == [(15360 + k * 2160 // 7, 15360 + (k + 1) * 2160 // 7) for k in range(7)]


def test_training_starts_at_the_first_bar_there_is() -> None:
    made = walk(first_bar=3000, youngest=3000)
    assert {f.fit[0] for f in (*made.folds, made.final)} == {3000}


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.fixed_dictionaries({
        "bars": st.integers(300, 30000),
        "bars_per_day": st.sampled_from([1.0, 6.0, 24.0, 48.0]),
        "period_days": st.integers(7, 200),
        "folds": st.integers(1, 50),
        "purge_bars": st.integers(0, 60),
        "embargo_bars": st.integers(0, 60),
        "horizon_bars": st.integers(1, 60),
        "calibration_days": st.integers(14, 120),
        "warm_up_bars": st.sampled_from([0, 720]),
    })
)  # fmt: skip
def test_no_label_reaches_what_comes_after(settings: dict[str, Any]) -> None:
    try:
        made = walk(**settings)
    except ClmError:
        assume(False)
    h, window = settings["horizon_bars"], made.window
    edges = [row for fold in made.folds for row in fold.test]
    assert (edges[0], edges[-1]) == window
    assert edges[1:-1:2] == edges[2::2], "blocks follow each other without a hole"
    for span in (*made.folds, made.final):
        fit, tail, test = span.fit, span.calibration, span.test
        assert fit[0] < fit[1] < tail[0] < tail[1] <= test[0]
        last_label = fit[1] - 1 + 1 + h
        assert last_label < tail[0]
        if span is not made.final:
            assert tail[1] - 1 + 1 + h < test[0]
            purge = max(settings["purge_bars"], h + 1)
            assert tail[1] == test[0] - purge - settings["embargo_bars"]


@pytest.mark.parametrize(
    ("overrides", "enough"),
    [
        ({"bars": 270 * 24}, True),
        ({"bars": 270 * 24 - 1}, False),
        ({"youngest": 17520 - 270 * 24}, True),
        ({"youngest": 17520 - 270 * 24 + 1}, False),
        ({"bars": 290 * 24, "calibration_days": 180}, False),
        ({"bars": 400, "bars_per_day": 1.0, "calibration_days": 14}, False),
    ],
    ids=[
        "the period and 180 days are enough", "a bar less isn't",
        "the youngest symbol has the period and 180 days", "the youngest symbol lacks a bar",
        "a long calibration tail leaves nothing to fit",
        "on daily bars the warm-up of 720 bars is two years",
    ],
)  # fmt: skip
def test_enough_history(overrides: dict[str, Any], *, enough: bool) -> None:
    if enough:
        assert walk(**overrides).folds
        return
    with pytest.raises(ClmError, match="days of bars; evaluation needs at least") as caught:
        walk(**overrides)
    assert (caught.value.reason, caught.value.exit_code) == ("InsufficientData", 65)
