"""Builders: a RunSpec and a tear sheet with keyword overrides."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clm_api.report import FileFormat, FoldMetrics, ManifestFile, MetricsFile
from clm_api.resolve import resolve
from clm_api.run import RunSpec, RunTrials
from clm_api.training_schedule import TrainingScheduleSpec
from clm_trainer.tearsheet import Coverage, Hole, Production, TearSheet

NOW = datetime(2025, 12, 2, 6, tzinfo=UTC)
BARS = Path(__file__).parents[3] / "examples" / "data"
POD = {"image": "clm-trainer:test", "gpu": {"count": 0}, "resources": {}}


def run_spec(**overrides: Any) -> RunSpec:
    """Resolve a schedule; overrides are groups of its spec."""
    spec = {
        "interval": "6h",
        "model": {"family": "xgboost"},
        "data": {"symbols": ["BTC/USDT", "ETH/USDT"], "refresh": "Never"},
    }
    for name, group in overrides.items():
        spec[name] = {**spec.get(name, {}), **group}  # type: ignore[dict-item]
    typed = TrainingScheduleSpec.model_validate(spec)
    return resolve(typed, slot=NOW, trials=RunTrials(), pod_defaults=POD)


def equity(bars: int = 2160) -> pd.DataFrame:
    """A made-up equity curve with a drift."""
    rng = np.random.default_rng(5)
    returns = rng.normal(0.00004, 0.0018, bars)
    bench = np.cumprod(1 + rng.normal(-0.00002, 0.005, bars))
    return pd.DataFrame(
        {
            "time": pd.date_range("2025-09-03T06:00Z", periods=bars, freq="h"),
            "equity": np.cumprod(1 + returns),
            "net_return": returns,
            "gross_return": returns,
            "cost": 0.0,
            "funding": 0.0,
            "benchmark": bench,
        }
    )


def sleeves(bars: int = 2160) -> pd.DataFrame:
    """Made-up sleeves of both symbols."""
    rng = np.random.default_rng(8)
    steps = rng.normal(0.00004, 0.003, (bars, 2))
    return pd.DataFrame(np.cumprod(1 + steps, axis=0), columns=["BTC/USDT", "ETH/USDT"])


def predictions(bars: int = 2160) -> pd.DataFrame:
    """Made-up scores: a high one is followed by a higher open."""
    rng = np.random.default_rng(9)
    signal = rng.uniform(0, 1, (bars, 2))
    steps = np.roll(signal - 0.5, 2, axis=0) * 0.002 + rng.normal(0, 0.002, (bars, 2))
    times = pd.date_range("2025-09-03T06:00Z", periods=bars, freq="h")
    return pd.DataFrame(
        {
            "time": times.repeat(2),
            "symbol": ["BTC/USDT", "ETH/USDT"] * bars,
            "open": (100 * np.cumprod(1 + steps, axis=0)).ravel(),
            "signal": signal.ravel(),
        }
    )


def in_production(hours: int = 480) -> Production:
    """A made-up version in production whose window ends ``hours`` before this one's."""
    frame = equity()
    frame["time"] -= pd.Timedelta(hours=hours)
    since = datetime(2025, 11, 12, 6, tzinfo=UTC)
    return Production("btc-eth-xgboost-29382120", since, METRICS | {"sharpe": 0.9}, frame)


def trades(count: int = 70, symbol: str = "BTC/USDT") -> pd.DataFrame:
    """Made-up trades; the last one is open."""
    rng = np.random.default_rng(6)
    entry = pd.date_range("2025-09-04T06:00Z", periods=count, freq="30h")
    gross = rng.normal(0.004, 0.02, count)
    return pd.DataFrame(
        {
            "symbol": [symbol if i % 2 else "ETH/USDT" for i in range(count)],
            "side": np.ones(count, dtype="int8"),
            "entry_time": entry,
            "exit_time": entry + pd.Timedelta(hours=14),
            "entry_price": 97123.45 * np.exp(rng.normal(0, 0.1, count)),
            "exit_price": 97123.45 * np.exp(rng.normal(0, 0.1, count)),
            "weight": rng.uniform(0.3, 1, count),
            "gross_pnl": gross,
            "costs": 0.0026,
            "funding": 0.0,
            "net_pnl": gross - 0.0026,
            "bars": 14,
            "closed": np.arange(count) < count - 1,
        }
    )


METRICS = {
    "sharpe": 1.2312, "winRate": 0.57, "winRateLow": 0.46, "winRateHigh": 0.67,
    "profitFactor": 1.52, "maxDrawdown": 0.162, "trades": 69, "totalReturn": 0.081,
    "sortino": 1.9, "turnover": 212.0, "exposure": 0.34, "breakEvenBps": 24.1,
    "sharpeAtDoubleCost": 0.31, "buyAndHoldSharpe": -0.4, "psr": 0.731, "deflatedSharpe": 0.402,
    "minTrackRecordDays": 611.0, "score": -0.4,
}  # fmt: skip


def tear_sheet(**overrides: Any) -> TearSheet:
    """A sheet with everything on it."""
    rng = np.random.default_rng(7)
    shares = np.sort(rng.dirichlet(np.ones(38) * 0.6))[::-1]
    start = datetime(2023, 12, 3, 6, tzinfo=UTC)
    day = pd.Timedelta(days=30)
    first = pd.Timestamp("2025-09-03T06:00Z")
    values = {
        "title": "btc-eth-xgboost",
        "version": "btc-eth-xgboost-29410920",
        "run": "0b53b0d6-2f0c-4b7e-9a53-5a2c6a1b9f6e",
        "spec": run_spec(),
        "metrics": MetricsFile(
            metrics=METRICS, bars=2160, sr_per_bar=0.01315, skew=0.4, kurtosis=9.1,
            trained_until=datetime(2025, 12, 2, 5, tzinfo=UTC),
        ),
        "folds": tuple(
            FoldMetrics(
                fold=k, train_from=start, train_to=first + k * day - pd.Timedelta(hours=26),
                test_from=first + k * day, test_to=first + (k + 1) * day - pd.Timedelta(hours=1),
                sharpe=(1.9, -0.4, 2.2)[k], total_return=(0.05, -0.012, 0.043)[k], trades=23,
            )
            for k in range(3)
        ),
        "equity": equity(),
        "sleeves": sleeves(),
        "trades": trades(),
        "predictions": predictions(),
        "importance": {f"feature_{i}": float(s) for i, s in enumerate(shares)},
        "coverage": [
            Coverage(s, start, datetime(2025, 12, 2, 5, tzinfo=UTC), 17520, m)
            for s, m in (("BTC/USDT", 2), ("ETH/USDT", 0))
        ],
        "holes": [
            Hole("BTC/USDT", datetime(2024, 3, 24, 13, tzinfo=UTC),
                 datetime(2024, 3, 24, 14, tzinfo=UTC), 2),
        ],
        "origin": ["35038 bars from the store, none fetched (refresh Never)."],
        "data_sha256": "ab" * 32,
        "libraries": {"numpy": "2.4.1", "xgboost": "3.2.0"},
        "code_revision": "0.1.0",
        "git_revision": "4f1c" * 10,
        "production": in_production(),
        "files": [
            ManifestFile(path=f"attempts/pod/{n}", size=1234567, sha256="cd" * 32,
                         format=FileFormat.JSON)
            for n in ("metrics.json", "folds.json")
        ],
        "created_at": NOW,
    }  # fmt: skip
    return TearSheet(**{**values, **overrides})
