"""Judged in order, promoted by the rules, traded until the next change."""

import math
from statistics import NormalDist

import numpy as np
import pytest

from clm_api.run import RunSpec
from clm_trainer.evaluation import backtest, significance
from clm_trainer.evaluation.metrics import sharpe_per_bar
from clm_trainer.evaluation.play import Play
from clm_trainer.simulation.choice import Choice
from clm_trainer.simulation.replay import positions, replay
from clm_trainer.simulation.summary import summary
from tests.trainer.families.runs import run_spec
from tests.trainer.simulation.past import BARS, PANEL, failed, metrics, version

COST_BPS = 13.0


def spec(**groups: object) -> RunSpec:
    return run_spec(evaluation={"periodDays": 7, "folds": 1}, **groups)


def test_a_candidate_is_traded_from_its_slot_until_the_next_one() -> None:
    first = version(100)
    rejected = version(200, 0.99, file=metrics(sharpe=0.2))
    second = version(300, 0.1)
    made = replay([first, rejected, failed(250), second], PANEL, spec())
    assert [v.stage for v in made.versions] == ["CANDIDATE", "REJECTED", "FAILED", "CANDIDATE"]
    assert [(p.slot, p.replaced) for p in made.promotions] == [
        (first.slot, None), (second.slot, first.slot),
    ]  # fmt: skip
    ranks = np.full((BARS, 2), np.nan)
    ranks[100:300], ranks[300:] = 0.9, 0.1
    targets = positions(ranks, np.full((BARS, 2), 0.004), PANEL, spec())
    expected = backtest.run(Play(PANEL, targets, COST_BPS))
    np.testing.assert_array_equal(
        made.production.equity["equity"].to_numpy(), expected.equity["equity"].to_numpy()
    )
    assert (made.production.equity["equity"].iloc[:101] == 1.0).all(), "flat before the first one"
    assert made.production.trades["entry_time"].min() == PANEL.times[101]


def test_nothing_passed_nothing_traded() -> None:
    made = replay([version(100, file=metrics(trades=10.0))], PANEL, spec())
    assert made.promotions == ()
    assert len(made.production.trades) == 0
    facts = summary(made, Choice(None, 1, "one version"))
    assert (facts["passed"], facts["passedShare"], facts["promotions"]) == (0, 0.0, [])


def test_a_gate_on_significance_keeps_candidates_out() -> None:
    gated = spec(promotion={"significance": {"minDeflatedSharpe": 0.95}})
    made = replay([version(100, file=metrics(deflatedSharpe=0.99))], PANEL, gated)
    assert made.versions[0].stage == "REJECTED", "0.99 was said as a first trial of another kind"


def test_each_version_counts_the_trials_before_it() -> None:
    sharpes = {100: 1.5, 150: 1.2, 200: 1.5}
    made = replay([version(b, file=metrics(sharpe=s)) for b, s in sharpes.items()], PANEL, spec())
    found = [v.metrics["deflatedSharpe"] for v in made.versions]
    alone = NormalDist().cdf(0.016 * math.sqrt(719) / math.sqrt(1 + 0.5 * 0.016**2))
    assert found[0] == pytest.approx(alone, abs=1e-12)
    assert found[1] < found[0]
    third = significance.deflated_sharpe_ratio(
        sharpe=0.016, observations=720, skew=0.0, kurtosis=3.0, trials=3, variance=0.045 / 8766
    )
    assert found[2] == pytest.approx(third, abs=1e-12)


def test_each_seed_of_a_version_is_a_trial_and_a_failed_run_is_none() -> None:
    three = run_spec(
        model={"family": "nhits", "nhits": {"seeds": 3}}, evaluation={"periodDays": 7, "folds": 1}
    )
    versions = [version(100), failed(120), version(150)]
    made = replay(versions, PANEL, three)
    last = significance.deflated_sharpe_ratio(
        sharpe=0.016, observations=720, skew=0.0, kurtosis=3.0, trials=6, variance=None
    )
    assert made.versions[-1].metrics["deflatedSharpe"] == pytest.approx(last, abs=1e-12)
    scores = made.scores
    assert scores.sr_per_bar is not None
    assert scores.skew is not None
    assert scores.kurtosis is not None
    whole = significance.deflated_sharpe_ratio(
        sharpe=scores.sr_per_bar, observations=scores.bars, skew=scores.skew,
        kurtosis=scores.kurtosis, trials=6, variance=None,
    )  # fmt: skip
    assert scores.metrics["deflatedSharpe"] == pytest.approx(whole, abs=1e-12)


def test_the_next_period_is_the_versions_own_trades() -> None:
    ranks = np.random.default_rng(3).random((BARS - 100, 2))
    one = version(100, ranks)
    (past,) = replay([one], PANEL, spec()).versions
    window = PANEL.window(100, 100 + 7 * 24)
    targets = positions(ranks[: 7 * 24], one.sigma[: 7 * 24], window, spec())
    returns = backtest.net_returns(Play(window, targets, COST_BPS))
    assert past.next_return == pytest.approx(np.prod(1 + returns) - 1, abs=1e-12)
    per_bar = sharpe_per_bar(returns)
    assert per_bar is not None
    assert past.next_sharpe == pytest.approx(per_bar * np.sqrt(8766), abs=1e-9)


def test_a_period_that_the_bars_do_not_reach_is_unknown() -> None:
    (past,) = replay([version(BARS - 7 * 24 + 1)], PANEL, spec()).versions
    assert (past.next_sharpe, past.next_return) == (None, None)
    (whole,) = replay([version(BARS - 7 * 24)], PANEL, spec()).versions
    assert whole.next_return is not None
