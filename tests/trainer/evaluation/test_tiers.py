"""Interpreted or compiled: the accounting gives the same bits, and small work loads no compiler."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pandas as pd
import pytest
from hypothesis import given, settings

from clm_trainer.evaluation import backtest, tiers
from clm_trainer.evaluation.backtest import Backtest
from clm_trainer.evaluation.kernel import sleeves
from clm_trainer.evaluation.play import Play
from clm_trainer.evaluation.tiers import ENOUGH, Tiered
from tests.trainer.evaluation.markets import cases


def made(case: Play, form: Callable[..., Any]) -> Backtest:
    """Backtest with one form of the kernel."""
    with patch.object(sleeves, "on", lambda _: form):
        return backtest.run(case)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(cases(most_bars=150, kept=0.9))
def test_both_tiers_give_the_same_bits(case: Play) -> None:
    slow, fast = made(case, sleeves.interpreted), made(case, sleeves.compiled)
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
    asked: tuple[int, ...], monkeypatch: pytest.MonkeyPatch, *, compiles: bool
) -> None:
    monkeypatch.setattr(tiers, "numba_is_loaded", lambda: False)
    tiered = Tiered(twice)
    forms = [tiered.on(bars) for bars in asked]
    assert all(form is twice for form in forms[:-1])
    assert (forms[-1] is tiered.compiled) == compiles
    assert forms[-1](2.0) == 4.0


def test_a_process_that_has_loaded_numba_compiles_at_once() -> None:
    assert tiers.numba_is_loaded()
    tiered = Tiered(twice)
    assert tiered.on(1) is tiered.compiled


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
