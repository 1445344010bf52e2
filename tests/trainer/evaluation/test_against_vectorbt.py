"""The kernel gives vectorbt's numbers where both models agree: no funding, holes or fractions.

``bench/vectors.py`` made the file; each target is a whole sleeve, and the fee is the only cost.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clm_trainer.evaluation import backtest
from clm_trainer.evaluation.metrics import max_drawdown
from clm_trainer.evaluation.play import Play
from clm_trainer.panel import Panel

CASES = json.loads(Path(__file__).with_name("vectorbt.json").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_every_number_that_both_have_is_the_same(case: dict[str, Any]) -> None:
    open_, close, targets = (np.array(case[n])[:, None] for n in ("open", "close", "targets"))
    panel = Panel(
        times=pd.date_range("2024-01-01", periods=len(close), freq="h", tz="UTC"),
        symbols=("BTC/USDT",),
        timeframe=pd.Timedelta("1h"),
        open=open_,
        high=np.maximum(open_, close),
        low=np.minimum(open_, close),
        close=close,
        volume=np.ones_like(close),
        gap=np.zeros(close.shape, dtype=bool),
    )
    made = backtest.run(Play(panel, targets, case["feeBps"]))
    equity, closed = made.equity["equity"].to_numpy(), made.trades[made.trades["closed"]]
    np.testing.assert_allclose(equity, case["equity"], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(closed["entry_price"], case["entryPrices"], rtol=1e-9)
    np.testing.assert_allclose(closed["exit_price"], case["exitPrices"], rtol=1e-9)
    assert len(closed) == case["trades"] >= 8
    found = (equity[-1] - 1, max_drawdown(equity), (closed["net_pnl"] > 0).mean())
    wanted = (case["totalReturn"], case["maxDrawdown"], case["winRate"])
    assert found == pytest.approx(wanted, abs=1e-9)
