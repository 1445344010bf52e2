"""The recipe finds a signal that is there, and makes nothing of noise (recipes, section 4)."""

import numpy as np
import pytest
from tools.study.mirrored import mirrored

from clm_api.promotion import Criteria
from tests.trainer.evaluation.markets import real
from tests.trainer.families.runs import run, run_spec

SEEDS = (11, 12, 13, 14)
"""Fixed before the first look."""


def judged(seed: int, strength: float) -> tuple[bool, float, float]:
    """Whether the five criteria pass, the Sharpe ratio, and the correlation with the latent."""
    panel, latent = mirrored(real(730), seed, strength)
    _, trained, evaluated = run(panel, run_spec())
    m, need = evaluated.scores.metrics, Criteria()
    passed = (
        m["sharpe"] >= need.min_sharpe
        and m["winRate"] >= need.min_win_rate
        and m.get("profitFactor", np.inf) >= need.min_profit_factor
        and m["maxDrawdown"] <= need.max_drawdown
        and m["trades"] >= need.min_trades
    )
    start, stop = trained.walk.window
    ranks = trained.percentiles.mean(axis=1)
    return passed, m["sharpe"], float(np.corrcoef(ranks, latent[start:stop])[0, 1])


def test_a_planted_signal_is_learned() -> None:
    made = [judged(seed, 0.1) for seed in SEEDS]
    assert np.mean([sharpe for _, sharpe, _ in made]) > 2
    assert min(correlation for *_, correlation in made) > 0.3
    assert sum(passed for passed, *_ in made) >= 2


def test_noise_is_not_passed() -> None:
    made = [judged(seed, 0.0) for seed in SEEDS]
    assert sum(passed for passed, *_ in made) <= 1
    assert np.mean([sharpe for _, sharpe, _ in made]) < 1


def test_mirroring_keeps_what_it_should() -> None:
    panel = real(60)
    made, _ = mirrored(panel, seed=1)
    moves, theirs = (np.abs(np.diff(np.log(p.close), axis=0)) for p in (panel, made))
    np.testing.assert_allclose(theirs, moves, atol=1e-12)
    body = np.maximum(made.open, made.close)
    assert (made.high >= body * (1 - 1e-12)).all()
    assert (made.low <= np.minimum(made.open, made.close) * (1 + 1e-12)).all()
    np.testing.assert_allclose(np.log(made.high / made.low), np.log(panel.high / panel.low))


@pytest.mark.parametrize("strength", [0.0, 0.1], ids=["noise", "planted"])
def test_up_bars_follow_the_latent_as_often_as_planted(strength: float) -> None:
    panel, latent = mirrored(real(730), seed=5, strength=strength)
    change = np.diff(np.log(panel.close), axis=0).mean(axis=1)
    agree = (np.sign(change) == np.sign(latent[:-1]))[50:]
    expected = 0.5 + strength * np.abs(latent[50:-1]).mean()
    assert agree.mean() == pytest.approx(expected, abs=0.012)
