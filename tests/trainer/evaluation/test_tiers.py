"""Interpreted or compiled: the accounting gives the same bits, and small work loads no compiler."""

import subprocess
import sys

import pandas as pd
import pytest
from hypothesis import given, settings

from clm_trainer.evaluation import backtest
from clm_trainer.evaluation.backtest import Backtest
from clm_trainer.evaluation.kernel import sleeves
from clm_trainer.evaluation.play import Play
from clm_trainer.evaluation.tiers import ENOUGH, Tiered
from tests.trainer.evaluation.markets import cases


def made(case: Play, done: int) -> Backtest:
    """Backtest as if ``done`` bars had been accounted for."""
    before, sleeves.done = sleeves.done, done
    try:
        return backtest.run(case)
    finally:
        sleeves.done = before


@settings(max_examples=300, deadline=None, derandomize=True)
@given(cases(most_bars=150, kept=0.9))
def test_both_tiers_give_the_same_bits(case: Play) -> None:
    slow, fast = made(case, done=0), made(case, done=ENOUGH)
    pd.testing.assert_frame_equal(slow.equity, fast.equity, check_exact=True)
    pd.testing.assert_frame_equal(slow.trades, fast.trades, check_exact=True)
    assert (slow.traded == fast.traded).all()
    assert (slow.exposed == fast.exposed).all()
    assert slow.ruined == fast.ruined


def twice(value: float) -> float:
    return 2 * value


@pytest.mark.parametrize(
    ("asked", "compiles"),
    [((ENOUGH - 1,), False), ((ENOUGH,), True), ((1, ENOUGH - 1), True)],
    ids=["a bar less than enough", "enough at once", "enough with the second call"],
)
def test_what_is_compiled_is_decided_by_what_was_asked_before(
    asked: tuple[int, ...], *, compiles: bool
) -> None:
    tiered = Tiered(twice)
    forms = [tiered.on(bars) for bars in asked]
    assert all(form is twice for form in forms[:-1])
    assert (forms[-1] is tiered.compiled) == compiles
    assert forms[-1](2.0) == 4.0


SMALL = """
import sys
from clm_trainer.evaluation import backtest
from clm_trainer.evaluation.play import Play
from tests.trainer.evaluation.markets import column, one
backtest.run(Play(one([100.0] * 50), column(*[0.0, 1.0] * 25), 10.0))
sys.exit("numba" in sys.modules)
"""


def test_a_process_that_backtests_little_does_not_load_numba() -> None:
    assert subprocess.run([sys.executable, "-c", SMALL], check=False).returncode == 0
