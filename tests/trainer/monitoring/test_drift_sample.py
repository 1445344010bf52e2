"""A long history is compared by some of its bars; a short one by all, as ever."""

import numpy as np
import pytest

from clm_trainer.monitoring import drift_sample
from clm_trainer.monitoring.drift_null import Windows, null_of, null_sample, statistics_of
from clm_trainer.monitoring.drift_sample import Sample, sample_of
from clm_trainer.monitoring.drift_windows import edges_of

WINDOWS = Windows(168, 3, 4)
BARS = 30_000


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    random = np.random.default_rng(4)
    return random.normal(size=(BARS, 2)) + 0.3 * np.sin(np.arange(BARS) / 500)[:, None]


def test_the_bundled_bars_are_compared_whole() -> None:
    assert len(null_sample(4 * 365 * 24, 3, WINDOWS).bars) == 4 * 365 * 24


def test_a_long_history_has_every_bar_of_the_windows_and_evenly_spread_ones() -> None:
    ends = np.array([[5_000, 5_100], [90_000, 90_100]])
    sample = sample_of(1_000_000, 5, ends, 168)
    for end in ends.ravel():
        assert np.isin(np.arange(end - 168, end), sample.bars).all()
    even = sample.bars[sample.even]
    assert np.ptp(np.diff(even)) == 0
    assert 0.9 * drift_sample.ROWS < 5 * len(even) <= drift_sample.ROWS
    assert len(sample.bars) < len(even) + 2 * 268


def test_a_sample_that_is_whole_gives_what_all_bars_give(values: np.ndarray) -> None:
    edges, ends = {"x": edges_of(values)}, np.array([9_000, 29_000, BARS])
    np.testing.assert_array_equal(
        statistics_of({"x": values}, edges, 28_000, ends, 168),
        statistics_of({"x": values}, edges, 28_000, ends, 168, Sample.whole(BARS)),
    )


def test_a_sampled_history_has_nearly_the_same_null(
    values: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    edges = {"x": edges_of(values)}
    whole = null_of({"x": values}, edges, BARS, WINDOWS)
    monkeypatch.setattr(drift_sample, "ROWS", 8_000)
    sample = null_sample(BARS, 2, WINDOWS)
    assert len(sample.bars) < BARS
    some = null_of({"x": values[sample.bars]}, edges, BARS, WINDOWS, sample)
    assert whole
    assert some
    assert some.blocks == whole.blocks
    np.testing.assert_allclose(some.usual.quantiles, whole.usual.quantiles, rtol=0.15)
