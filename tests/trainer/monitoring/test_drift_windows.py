"""PSI and KS from counts of codes, beside the plain formulas and scipy."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from clm_trainer.monitoring.drift_null import Windows, statistics_of
from clm_trainer.monitoring.drift_tail import tail_of
from clm_trainer.monitoring.drift_windows import BINS, Cuts, codes_of, edges_of, ks, psi

DRAWN = np.random.default_rng(5).normal(size=(5000, 2))


@pytest.mark.parametrize("shift", [0.0, 0.4, 1.0])
def test_the_distance_is_scipys_to_a_fiftieth(shift: float) -> None:
    later = DRAWN[:168] * 1.1 + shift
    edges = edges_of(DRAWN)
    window = codes_of(later, edges)
    found = ks(_all(window), _all(codes_of(DRAWN, edges)))[0]
    exact = ks_2samp(later.ravel(), DRAWN.ravel()).statistic
    assert exact - 1 / BINS <= found <= exact


def test_the_index_is_the_formula_over_tenths() -> None:
    edges = edges_of(DRAWN)
    later = DRAWN[:168] + 0.5
    cuts = np.concatenate([[-np.inf], edges[4::5], [np.inf]])
    new, old = (np.histogram(x, cuts)[0] / x.size for x in (later, DRAWN))
    new = np.maximum(new, 1e-3)
    expected = ((new - old) * np.log(new / old)).sum()
    found = psi(_all(codes_of(later, edges)), _all(codes_of(DRAWN, edges)))[0]
    assert found == pytest.approx(expected, rel=1e-9)


def test_a_window_counts_its_rows_and_holes_nowhere() -> None:
    values = np.where(np.random.default_rng(2).random(DRAWN.shape) < 0.1, np.nan, DRAWN)
    codes = codes_of(values, edges_of(values))
    starts, stops = np.array([0, 10, 10, 4000]), np.array([10, 300, 178, 5000])
    (found,) = Cuts(len(codes), (starts, stops)).tally(codes)
    for row, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        some = codes[start:stop]
        assert found[row].tolist() == np.bincount(some[some >= 0], minlength=BINS).tolist()


def test_a_window_is_held_against_the_rest_of_the_training_its_newest_half_five_times() -> None:
    edges, end = {"x": edges_of(DRAWN)}, 1000
    found = statistics_of({"x": DRAWN}, edges, 4000, np.array([end]), 168)[0, :, 0]
    window, rest = DRAWN[end - 168 : end], np.delete(DRAWN[:4000], np.s_[end - 168 : end], axis=0)
    weighed = np.concatenate([window[:84], *[window[84:]] * 5])
    new, old = (_all(codes_of(values, edges["x"])) for values in (weighed, rest))
    assert found.tolist() == pytest.approx([psi(new, old)[0], ks(new, old)[0]])


def test_a_later_window_is_held_against_the_whole_training() -> None:
    edges = {"x": edges_of(DRAWN)}
    found = statistics_of({"x": DRAWN}, edges, 4000, np.array([5000]), 168)[0, :, 0]
    weighed = np.concatenate([DRAWN[4832:4916], *[DRAWN[4916:]] * 5])
    new, old = (_all(codes_of(values, edges["x"])) for values in (weighed, DRAWN[:4000]))
    assert found.tolist() == pytest.approx([psi(new, old)[0], ks(new, old)[0]])


@pytest.mark.parametrize(
    ("bars", "spacing"),
    [(168, 6), (24, 1), (10000, 357)],
    ids=["a week of hours", "the shortest", "the longest"],
)
def test_windows_end_a_twenty_eighth_of_their_length_apart(bars: int, spacing: int) -> None:
    windows = Windows(bars, 3, 4)
    assert windows.spacing == spacing
    assert np.diff(windows.ending(20000)).tolist() == [spacing] * 3
    assert windows.ending(20000)[-1] == 20000


def test_a_decision_is_what_three_of_four_windows_reach() -> None:
    reached = Windows(168, 3, 4).decided(np.array([9.0, 1.0, 5.0, 3.0, 4.0, 8.0]))
    assert reached.tolist() == [3.0, 3.0, 4.0]


def test_the_fit_finds_the_distribution_that_maxima_were_drawn_from() -> None:
    tail = tail_of(np.random.default_rng(1).gumbel(2.0, 0.7, 20000))
    assert (tail.location, tail.scale) == pytest.approx((2.0, 0.7), rel=0.02)


@pytest.mark.parametrize(("confidence", "blocks"), [(0.5, 1.0), (0.99, 4.3), (0.9999, 150.0)])
def test_a_limit_is_kept_with_its_confidence(confidence: float, blocks: float) -> None:
    tail = tail_of(np.random.default_rng(1).gumbel(2.0, 0.7, 500))
    below = np.exp(-np.exp(-(tail.limit(confidence, blocks) - tail.location) / tail.scale))
    assert below**blocks == pytest.approx(confidence)


def _all(codes: np.ndarray) -> np.ndarray:
    return Cuts(len(codes), (np.array([0]), np.array([len(codes)]))).tally(codes)[0]
