"""A look at the newest windows: what is usual in the training's own history, and what is not."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from tools.study.changes import correlation_broken
from tools.study.stationary import stationary

from clm_api.drift import DriftVerdict, MarketFault, MarketFaultKind
from clm_api.monitoring import DriftSpec
from clm_trainer.monitoring.drift import Watched, look
from clm_trainer.monitoring.drift_columns import MarketColumns
from clm_trainer.monitoring.drift_reference import read_reference, reference_stats
from clm_trainer.outcome import as_json
from clm_trainer.panel import Floats, Panel
from clm_trainer.stages.features import dataset

TRAINED, ALL = 365 * 24, 420 * 24
NEEDED = 168 + 3 * 6
"""Bars of four windows of a week, their ends a quarter of a day apart."""


@cache
def market() -> Panel:
    return stationary(seed=3, bars=ALL)


def score_of(panel: Panel) -> Floats:
    """A model's score that any bar decides."""
    moves: Floats = np.log(panel.close / panel.open)
    return moves


@cache
def unchanged() -> Watched:
    return watched(market())


def watched(panel: Panel, trained: int = TRAINED, shift: float = 0.0) -> Watched:
    """A version trained on the first bars; ``shift`` is added to all later scores, in sds."""
    rows, scores = dataset(panel), score_of(panel)
    moved = scores + shift * scores[:trained].std() * (np.arange(len(panel)) >= trained)[:, None]
    before = panel.window(0, trained)
    columns = MarketColumns(before, dataset(before), scores[:trained])
    reference = read_reference(as_json(reference_stats(columns, trained, panel.bars_per_day)))
    return Watched("v1", panel, rows, moved, trained, reference)


def without_the_newest(made: Watched, bars: int) -> Watched:
    """None of the newest bars has a value."""
    known = (np.arange(ALL) < ALL - bars)[:, None]
    return replace(made, rows=replace(made.rows, usable=made.rows.usable & known))


def test_a_market_that_stays_is_steady_and_names_its_furthest_features() -> None:
    found = look(unchanged(), DriftSpec())
    assert found.verdict is DriftVerdict.STEADY
    assert (found.exceeded, found.of, found.window_bars) == (0, 4, 168)
    assert found.limit is not None
    assert found.statistic == max(one.statistic for one in found.worst) < found.limit
    assert found.to == market().times[-1]
    assert found.from_ == market().times[-168]


def test_a_moved_score_is_drift_and_is_named_first() -> None:
    found = look(watched(market(), shift=1.0), DriftSpec())
    assert found.verdict is DriftVerdict.DRIFTED
    assert found.exceeded == 4
    assert found.worst[0].name == "score"
    assert found.worst[0].ks == pytest.approx(0.38, abs=0.1)  # of two normals a sd apart
    assert "score" in found.message


def test_symbols_that_part_are_drift_though_no_feature_of_either_changed() -> None:
    parted = correlation_broken(market(), TRAINED, np.random.default_rng(1))
    found = look(watched(parted), DriftSpec())
    assert found.verdict is DriftVerdict.DRIFTED
    assert found.worst[0].name == "comovement"


def test_nothing_after_the_training_moves_the_reference() -> None:
    later = replace(
        market(), volume=np.where(np.arange(ALL)[:, None] < TRAINED, market().volume, 7.0)
    )
    before, after = unchanged().reference, watched(later).reference
    assert before is not None
    assert after is not None
    assert all(np.array_equal(before.edges[n], after.edges[n]) for n in before.edges)


def test_equal_runs_store_equal_bytes_of_bounded_size() -> None:
    first, second = (
        as_json(reference_stats(MarketColumns(p, dataset(p), score_of(p)), len(p), p.bars_per_day))
        for p in (market().window(0, TRAINED), market().window(0, TRAINED))
    )
    assert first == second
    assert len(first) < 100_000


@pytest.mark.parametrize(
    ("change", "spec", "verdict", "says"),
    [
        (lambda w: replace(w, reference=None), {}, "NoReference", "train a new version"),
        (lambda w: replace(w, panel=w.panel.window(0, TRAINED + NEEDED - 1)), {}, "TooEarly",
         f"{NEEDED - 1} bars have closed since the training, {NEEDED} are needed"),
        (lambda w: w, {"windowBars": 1100}, "NoReference", "lower spec.monitoring.drift"),
        (lambda w: w, {"windowBars": 48}, "Steady", "windows of 48 bars"),
        (lambda w: w, {"windows": 1, "of": 1}, "Steady", "0 of the newest 1 windows"),
        (lambda w: without_the_newest(w, 90), {}, "TooEarly", "there are holes"),
    ],
    ids=[
        "a release of before stored no reference",
        "one bar too few since the training",
        "windows too long for the training",
        "windows of two days",
        "one window alone",
        "half of the newest window is missing",
    ],
)  # fmt: skip
def test_what_can_be_said(
    change: Callable[[Watched], Watched], spec: dict[str, int], verdict: str, says: str
) -> None:
    found = look(change(unchanged()), DriftSpec.model_validate(spec))
    assert found.verdict == verdict
    assert says in found.message


def test_a_fault_is_drift_whatever_the_windows_say() -> None:
    fault = MarketFault(
        symbol="BBB/USDT",
        kind=MarketFaultKind.VOLUME_GONE,
        since=market().times[-20],
        message="BBB/USDT moves without any volume",
    )
    early = watched(market().window(0, TRAINED + 20))
    found = look(early, DriftSpec(), [fault])
    assert found.verdict is DriftVerdict.DRIFTED
    assert found.faults == [fault]
    assert found.message == fault.message


def test_files_of_before_are_no_reference() -> None:
    assert read_reference(None) is None
    former = {"rows": 3, "features": {"ret1": [0.0] * 11}, "score": [0.0] * 11}
    assert read_reference(as_json(former)) is None
