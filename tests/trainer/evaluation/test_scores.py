"""All metrics of one backtest together: what is defined, what isn't and why, what is refused."""

import numpy as np
import pytest

from clm_api.errors import ClmError
from clm_api.promotion import Criteria
from clm_api.report import Metrics
from clm_api.run import RunTrials
from clm_trainer.evaluation import backtest, metrics
from clm_trainer.evaluation.play import Play
from clm_trainer.evaluation.scores import Scores, score_of
from clm_trainer.evaluation.significance import probabilistic_sharpe_ratio
from clm_trainer.panel import Floats, Panel
from tests.trainer.evaluation.markets import column, one, real

ALWAYS = {"totalReturn", "maxDrawdown", "turnover", "exposure", "trades"}
NAMES = {field.alias or name for name, field in Metrics.model_fields.items()}


def scores(
    panel: Panel, targets: Floats, cost_bps: float = 13, trials: RunTrials | None = None
) -> Scores:
    result = backtest.run(Play(panel, targets, cost_bps))
    return score_of(result, trials or RunTrials())


def daily_switch(panel: Panel) -> Floats:
    on = (np.arange(len(panel)) // 24 % 2).astype(float)
    return np.repeat(on[:, None], len(panel.symbols), axis=1)


def test_every_name_is_either_defined_or_explained() -> None:
    for targets in (daily_switch(real(90)), np.zeros((2160, 2)), np.ones((2160, 2))):
        made = scores(real(90), targets)
        assert not set(made.metrics) & set(made.undefined)
        explained = set(made.metrics) | set(made.undefined) | {"winRateLow", "winRateHigh"}
        assert explained == NAMES
        assert set(made.metrics) >= ALWAYS


def test_the_numbers_are_those_of_the_frames() -> None:
    panel = real(90)
    targets = daily_switch(panel)
    result, made = backtest.run(Play(panel, targets, 13)), scores(panel, targets)
    m, returns = made.metrics, result.equity["net_return"]
    assert made.bars == 2160
    assert made.sr_per_bar == pytest.approx(returns.mean() / returns.std(), rel=1e-12)
    assert m["sharpe"] == pytest.approx(made.sr_per_bar * 8766**0.5, rel=1e-12)
    assert m["totalReturn"] == float(result.equity["equity"].to_numpy()[-1]) - 1
    closed = result.trades.query("closed")["net_pnl"]
    assert m["trades"] == len(closed) == 88, "44 closed a symbol, the 45th is open"
    assert m["winRate"] == (closed > 0).mean()
    assert m["winRateLow"] < m["winRate"] < m["winRateHigh"]
    standard = (returns - returns.mean()) / returns.std(ddof=0)
    assert made.kurtosis == pytest.approx((standard**4).mean(), rel=1e-9)
    assert m["score"] == m["sharpe"] - 10 * m["maxDrawdown"]
    twice = backtest.run(Play(panel, targets, 26)).equity["net_return"]
    assert m["sharpeAtDoubleCost"] == pytest.approx(twice.mean() / twice.std() * 8766**0.5)
    bench = result.equity["benchmark"].pct_change().fillna(0)
    assert m["buyAndHoldSharpe"] == pytest.approx(bench.mean() / bench.std() * 8766**0.5)


def test_break_even_is_the_cost_at_which_the_sharpe_ratio_is_0() -> None:
    panel = one([100.0, 100, 104, 104, 103, 103, 106, 106])
    targets = column(1, 0, 1, 0, 1, 0, 0, 0)
    even = scores(panel, targets).metrics["breakEvenBps"]
    there = metrics.sharpe_per_bar(backtest.net_returns(Play(panel, targets, even)))
    assert there == pytest.approx(0, abs=1e-9)


def test_a_model_that_never_trades() -> None:
    made = scores(real(90), np.zeros((2160, 2)))
    assert made.metrics["trades"] == 0
    undefined = ("sharpe", "winRate", "profitFactor", "psr", "deflatedSharpe", "score")
    assert {made.undefined[name] for name in undefined} == {"NoTrades"}
    assert made.metrics["totalReturn"] == made.metrics["maxDrawdown"] == 0
    assert made.sr_per_bar is None


def test_an_open_trade_alone_has_a_sharpe_ratio_but_no_win_rate() -> None:
    made = scores(real(90), np.ones((2160, 2)))
    assert made.metrics["trades"] == 0
    assert made.metrics["sharpe"] == pytest.approx(made.metrics["buyAndHoldSharpe"])
    assert made.undefined["winRate"] == made.undefined["profitFactor"] == "NoTrades"


def test_only_wins_leave_the_profit_factor_to_the_criterion() -> None:
    made = scores(one([100.0, 100, 110, 110]), column(1, 0, 0, 0))
    assert made.undefined["profitFactor"] == "NoLosses"
    assert made.metrics["winRate"] == 1
    assert Criteria().min_trades > made.metrics["trades"]


def test_prices_that_stand_still_have_no_variance() -> None:
    made = scores(one([100.0] * 6), column(1, 0, 1, 0, 0, 0), cost_bps=0)
    assert made.metrics["trades"] == 2
    assert made.undefined["sharpe"] == made.undefined["buyAndHoldSharpe"] == "NoVariance"


def test_a_loss_has_no_track_record_length() -> None:
    made = scores(one([100.0, 100, 90, 90]), column(1, 0, 0, 0))
    assert made.undefined["minTrackRecordDays"] == "SharpeNotPositive"
    assert made.undefined["breakEvenBps"] == "NoProfitBeforeCosts"


def test_trials_deflate() -> None:
    panel = one([100.0, 100, 110, 109, 120, 119, 130, 130])
    targets = column(1, 1, 1, 1, 1, 1, 0, 0)
    alone = scores(panel, targets)
    assert alone.metrics["deflatedSharpe"] == alone.metrics["psr"]
    many = scores(panel, targets, trials=RunTrials(count=100))
    assert many.metrics["deflatedSharpe"] < alone.metrics["psr"]
    assert alone.sr_per_bar is not None
    assert alone.skew is not None
    assert alone.kurtosis is not None
    assert alone.metrics["psr"] == probabilistic_sharpe_ratio(
        sharpe=alone.sr_per_bar, observations=8, skew=alone.skew, kurtosis=alone.kurtosis
    )


@pytest.mark.parametrize("broken", [np.nan, np.inf], ids=["NaN", "infinite"])
def test_a_price_that_is_no_number_is_refused(broken: float) -> None:
    panel = one([100.0, 100, 101, 102, 103])
    panel.close[2, 0] = broken
    with np.errstate(all="ignore"), pytest.raises(ClmError, match="not a finite number") as caught:
        scores(panel, column(1, 1, 1, 1, 1))
    assert (caught.value.reason, caught.value.exit_code) == ("MetricsRejected", 66)


def test_a_ruined_book_is_judged_and_not_undefined() -> None:
    made = scores(one([100.0, 100, 250, 90], [100.0, 100, 250, 90]), column(-1, -1, -1, -1))
    assert made.metrics["totalReturn"] == -1
    assert made.metrics["maxDrawdown"] == 1
    assert made.metrics["winRate"] == 0
