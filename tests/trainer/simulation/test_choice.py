"""What choosing among a simulation's versions is worth, on the bars that all of them share."""

import numpy as np
import pytest

from clm_trainer.evaluation import backtest
from clm_trainer.evaluation.play import Play
from clm_trainer.evaluation.significance import probability_of_backtest_overfitting
from clm_trainer.simulation.choice import Choice, Chosen
from clm_trainer.simulation.replay import positions
from clm_trainer.simulation.version import PastVersion
from tests.trainer.families.runs import run_spec
from tests.trainer.simulation.past import BARS, PANEL, failed, version

SPEC = run_spec(evaluation={"periodDays": 14, "folds": 1})
SHARED = 14 * 24


def some(count: int, begin: int = 100) -> list[PastVersion]:
    rng = np.random.default_rng(5)
    return [version(begin + i, rng.random((BARS - begin - i, 2))) for i in range(count)]


def choice_of(versions: list[PastVersion]) -> Choice:
    chosen = Chosen(PANEL, SPEC, None)
    for one in versions:
        chosen.add(one)
    return chosen.choice()


def test_it_is_that_of_their_returns_on_the_shared_bars() -> None:
    versions = some(12)
    window = PANEL.window(BARS - SHARED, BARS)
    targets = [
        positions(v.percentiles[-SHARED:], v.sigma[-SHARED:], window, SPEC) for v in versions
    ]
    returns = [backtest.net_returns(Play(window, decided, 13.0)) for decided in targets]
    wanted = probability_of_backtest_overfitting(np.stack(returns, axis=1)).probability
    assert 0 < wanted < 1
    assert choice_of(versions) == Choice(wanted, 12)


@pytest.mark.parametrize(
    ("versions", "known"),
    [
        (some(9), 9),
        ([*some(9), failed(50)], 9),
        ([*some(9), version(BARS - SHARED + 1)], 9),
    ],
    ids=["nine versions", "a failed one has no signals", "one began after the shared bars"],
)
def test_fewer_than_ten_versions_say_so(versions: list[PastVersion], known: int) -> None:
    made = choice_of(versions)
    assert (made.probability, made.versions) == (None, known)
    assert made.reason == "9 versions share the last 336 bars; 10 are needed"


def test_versions_that_never_trade_leave_nothing_to_choose() -> None:
    made = choice_of([version(100 + i, 0.1) for i in range(10)])
    assert made.probability is None
    assert "no version has a return that varies" in made.reason
