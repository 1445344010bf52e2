"""The statistics against the design's test vectors and the papers' properties."""

import math

import pytest

from clm_trainer.evaluation.significance import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    minimum_track_record_length,
    probabilistic_sharpe_ratio,
)

DAILY = 2.5 / math.sqrt(250)
VARIANCE = 0.5 / 250


def test_the_best_of_100_worthless_strategies() -> None:
    assert expected_maximum_sharpe(trials=100, variance=VARIANCE) == pytest.approx(0.1132, abs=5e-5)


@pytest.mark.parametrize(
    ("trials", "skew", "kurtosis", "expected"),
    [(100, -3, 10, 0.9004), (46, -3, 10, 0.9505), (88, 0, 3, 0.9505)],
    ids=["100 trials", "46 trials", "88 trials of normal returns"],
)
def test_deflated(trials: int, skew: float, kurtosis: float, expected: float) -> None:
    got = deflated_sharpe_ratio(
        sharpe=DAILY, observations=1250, skew=skew, kurtosis=kurtosis,
        trials=trials, variance=VARIANCE,
    )  # fmt: skip
    assert got == pytest.approx(expected, abs=5e-5)


def test_one_trial_is_the_probabilistic_ratio() -> None:
    shape = {"sharpe": DAILY, "observations": 1250, "skew": -1.0, "kurtosis": 5.0}
    alone = deflated_sharpe_ratio(**shape, trials=1, variance=None)  # type: ignore[arg-type]
    assert alone == probabilistic_sharpe_ratio(**shape)  # type: ignore[arg-type]


def test_an_unknown_variance_is_that_of_worthless_strategies() -> None:
    shape = {"sharpe": DAILY, "observations": 1250, "skew": 0.0, "kurtosis": 3.0, "trials": 20}
    unknown = deflated_sharpe_ratio(**shape, variance=None)  # type: ignore[arg-type]
    assert unknown == deflated_sharpe_ratio(**shape, variance=1 / 1249)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("skew", "kurtosis", "benchmark", "edge"),
    [
        (0, 3, 0, 1 / math.sqrt(1.005)),
        (-1, 5, 0, 1 / math.sqrt(1.11)),
        (0, 3, 0.05, 0.5 / math.sqrt(1.005)),
    ],
    ids=["normal returns have kurtosis 3, not 0", "skewed and fat-tailed", "against a benchmark"],
)
def test_probabilistic_by_hand(skew: float, kurtosis: float, benchmark: float, edge: float) -> None:
    """A Sharpe ratio of 0.1 over 101 bars is 1.0 before its shape is known."""
    got = probabilistic_sharpe_ratio(
        sharpe=0.1, observations=101, skew=skew, kurtosis=kurtosis, benchmark=benchmark
    )
    assert got == pytest.approx((1 + math.erf(edge / math.sqrt(2))) / 2, abs=1e-12)


def test_no_edge_is_a_coin_toss() -> None:
    assert probabilistic_sharpe_ratio(sharpe=0, observations=99, skew=-2, kurtosis=9) == 0.5


def test_the_minimum_length_is_where_the_probability_reaches_95_percent() -> None:
    length = minimum_track_record_length(sharpe=0.1, skew=-1, kurtosis=6, benchmark=0.02)
    there = (
        probabilistic_sharpe_ratio(sharpe=0.1, observations=n, skew=-1, kurtosis=6, benchmark=0.02)
        for n in (math.floor(length), math.ceil(length))
    )
    below, above = there
    assert below < 0.95 <= above


def test_no_length_is_enough_without_an_edge() -> None:
    with pytest.raises(ValueError, match="benchmark"):
        minimum_track_record_length(sharpe=0.1, skew=0, kurtosis=3, benchmark=0.1)
