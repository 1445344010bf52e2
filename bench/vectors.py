"""Backtests by vectorbt, kept as test vectors: ``bench/.venv/bin/python -m bench.vectors``.

CLM's tests compare the kernel with them without having vectorbt installed.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import vectorbt as vbt

FILE = Path(__file__).parents[1] / "tests" / "trainer" / "evaluation" / "vectorbt.json"
BARS = 240
CASES = (
    ("long and flat, no costs", (0.0, 1.0), 0.0),
    ("long and flat", (0.0, 1.0), 13.0),
    ("long, flat and short, with flips", (-1.0, 0.0, 1.0), 8.0),
    ("always in the market", (-1.0, 1.0), 25.0),
)


def case(seed: int, name: str, choices: tuple[float, ...], fee_bps: float) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, BARS)))
    open_ = close * np.exp(rng.normal(0, 0.005, BARS))
    targets = np.repeat(rng.choice(choices, BARS // 6), 6)
    filled = np.concatenate([[0.0], targets[:-1]])  # decided on a close, filled at the next open
    before = np.concatenate([[0.0], filled[:-1]])
    changed = filled != before
    index = pd.date_range("2024-01-01", periods=BARS, freq="h")
    folio = vbt.Portfolio.from_signals(
        pd.Series(close, index),
        entries=changed & (filled == 1),
        exits=changed & (filled == 0) & (before == 1),
        short_entries=changed & (filled == -1),
        short_exits=changed & (filled == 0) & (before == -1),
        price=pd.Series(open_, index),
        size=np.inf,
        fees=fee_bps / 1e4,
        init_cash=1.0,
        upon_opposite_entry="reverse",
        freq="1h",
    )
    trades = folio.trades.closed.records_readable
    return {
        "name": name,
        "feeBps": fee_bps,
        "open": open_.tolist(),
        "close": close.tolist(),
        "targets": targets.tolist(),
        "equity": folio.value().tolist(),
        "entryPrices": trades["Avg Entry Price"].tolist(),
        "exitPrices": trades["Avg Exit Price"].tolist(),
        "totalReturn": float(folio.total_return()),
        "maxDrawdown": float(-folio.max_drawdown()),
        "trades": int(folio.trades.closed.count()),
        "winRate": float(folio.trades.closed.win_rate()),
    }


if __name__ == "__main__":
    made = [case(seed, *one) for seed, one in enumerate(CASES)]
    FILE.write_text(json.dumps({"vectorbt": vbt.__version__, "cases": made}) + "\n")
