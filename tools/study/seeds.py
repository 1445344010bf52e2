"""One seed of a set: a market drawn anew, a version trained and judged on it, its next 90 days."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from clm_api.errors import ClmError
from clm_api.promotion import judge
from clm_api.resolve import resolve
from clm_api.run import RunSpec, RunTrials
from clm_api.training_schedule import TrainingScheduleSpec
from clm_trainer.families.base import FitContext
from clm_trainer.features import STANDARD, FeatureSet
from clm_trainer.features.base import FeatureStream, Saved
from clm_trainer.features.standard import StandardFeatures
from clm_trainer.panel import Floats, Panel
from clm_trainer.simulation.replay import next_period
from clm_trainer.simulation.version import PastVersion
from clm_trainer.stages.backtest import evaluate
from clm_trainer.stages.develop import Developed, develop
from clm_trainer.stages.features import dataset
from tools.study.mirrored import mirrored
from tools.study.models import STUDIED

BARS = Path(__file__).parents[2] / "examples" / "data"
SYMBOLS = {"BTC/USDT": "btcusdt", "ETH/USDT": "ethusdt"}
SHAPES = ("2022-01-01", "2025-01-01")
"""The years whose bar sizes are used; what came later was looked at once (recipes)."""
LOOKBACK_DAYS, NEXT_DAYS, EVERY_DAYS = 730, 90, 30
MODES = ("longFlat", "longFlatShort")
STRENGTHS = {"noise": 0.0, "planted": 0.1}
_SHOWN = ("sharpe", "winRate", "profitFactor", "maxDrawdown", "trades", "psr")


@cache
def shapes() -> Panel:
    """Return the real bars of the years that are used, twice in a row: six years of bar sizes."""
    read = {s: pd.read_parquet(BARS / f"binance-spot-{n}-1h.parquet") for s, n in SYMBOLS.items()}
    start, stop = (pd.Timestamp(day, tz="UTC") for day in SHAPES)
    grid = pd.date_range(start, stop, freq="h", inclusive="left").as_unit("us")
    hour = pd.Timedelta(hours=1)
    filled = {
        symbol: frame.set_index("timestamp").reindex(grid).ffill().rename_axis("timestamp")
        for symbol, frame in read.items()
    }
    frames = {symbol: frame.reset_index() for symbol, frame in filled.items()}
    once = Panel.from_frames(frames, grid, hour)
    # The second round goes on at the level where the first one ends.
    step = once.close[-1] / once.open[0]
    twice: dict[str, Any] = {
        name: np.concatenate([getattr(once, name), getattr(once, name) * step])
        for name in ("open", "high", "low", "close")
    }
    twice["volume"], twice["gap"] = (np.concatenate([a, a]) for a in (once.volume, once.gap))
    times = pd.date_range(start, periods=2 * len(once), freq="h").as_unit("us")
    return replace(once, times=times, **twice)


def market(strength: float, seed: int) -> Panel:
    """Return a drawn market: the run's data, then the days in which its version is held.

    Every seed draws its own directions; its bar sizes begin 30 days after those of the one before.
    """
    sizes, bars = shapes(), (LOOKBACK_DAYS + NEXT_DAYS) * 24
    begin = seed * EVERY_DAYS * 24 % (len(sizes) - bars)
    return mirrored(sizes.window(begin, begin + bars), seed, strength)[0]


def run_spec(family: str, mode: str) -> RunSpec:
    """Return the product's own defaults for a model: spot long/flat, perpetual long/short."""
    short = mode == "longFlatShort"
    spec = {
        "interval": "1d",
        "model": STUDIED[family].model,
        "data": {
            "symbols": list(SYMBOLS),
            "lookbackDays": LOOKBACK_DAYS,
            "refresh": "Never",
            "market": "usdm" if short else "spot",
        },
        "target": {"positions": mode},
        "costs": {"funding": "None"},
    }
    return resolve(
        TrainingScheduleSpec.model_validate(spec),
        slot=datetime(2025, 1, 1, tzinfo=UTC),
        trials=RunTrials(),
        pod_defaults={"image": "study", "gpu": {"count": 0}, "resources": {}},
    )


def context(seed: int) -> FitContext:
    """Return a fit's circumstances: one thread, nobody listens."""
    return FitContext(seed, "cpu", 1, lambda *_: None, lambda: False)


@dataclass(frozen=True)
class Seed:
    """Which market: the name of its set and its number."""

    family: str
    set_name: str
    number: int

    def judged(self) -> dict[str, Any]:
        """Return verdict, metrics and next 90 days for each mode."""
        panel = market(STRENGTHS[self.set_name], self.number)
        known = LOOKBACK_DAYS * 24
        specs = {mode: run_spec(self.family, mode) for mode in MODES}
        first = specs[MODES[0]]
        told = STUDIED[self.family].features(first)
        developed = develop(panel.window(0, known), first, context(first.model.seed), features=told)
        rows = dataset(panel, None, developed.features).rows(known, len(panel))
        trained = developed.trained
        ranks = trained.ranks.rank(trained.model.score(rows))
        version = PastVersion(datetime(2025, 1, 1, tzinfo=UTC), None, ranks, rows.sigma)
        return {
            "seed": self.number,
            **{mode: _mode(developed, version, panel, spec) for mode, spec in specs.items()},
        }


def _mode(
    developed: Developed, version: PastVersion, panel: Panel, spec: RunSpec
) -> dict[str, Any]:
    """Judge one way of turning the same scores into positions."""
    scored = evaluate(developed.panel, developed.rows, developed.trained, spec).scores
    verdict = judge(
        scored.metrics, scored.undefined, spec.promotion.criteria, spec.promotion.significance
    )
    sharpe, gained = next_period(version, panel.window(LOOKBACK_DAYS * 24, len(panel)), spec)
    return {
        "stage": verdict.stage,
        **{name: _rounded(scored.metrics.get(name)) for name in _SHOWN},
        "nextSharpe": _rounded(sharpe),
        "nextReturn": _rounded(gained),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 6)


@dataclass(frozen=True)
class Changed(StandardFeatures):
    """The usual features, changed in place by a function of each block's bars."""

    change: Callable[[Panel, Floats], None] = field(kw_only=True)

    def begin(self, symbols: tuple[str, ...], timeframe: pd.Timedelta) -> FeatureStream:
        """Return the state before the first bar."""
        return _ChangedStream(STANDARD.begin(symbols, timeframe), self.change)

    def resume(
        self, symbols: tuple[str, ...], timeframe: pd.Timedelta, saved: Saved
    ) -> FeatureStream:
        """Return the state that ``save`` returned."""
        return _ChangedStream(STANDARD.resume(symbols, timeframe, saved), self.change)


@dataclass(frozen=True)
class _ChangedStream:
    inner: FeatureStream
    change: Callable[[Panel, Floats], None]

    def advance(self, bars: Panel) -> Floats:
        values = self.inner.advance(bars)
        self.change(bars, values)
        return values

    def save(self) -> Saved:
        return self.inner.save()


def _next_return(bars: Panel, values: Floats) -> None:
    values[:-1, :, 0] = np.diff(np.log(bars.close), axis=0)


LEAKING = Changed(change=_next_return)
"""The first feature is the next bar's return."""


def leak_is_refused(family: str, seed: int, features: FeatureSet) -> bool:
    """Whether a run on noise with that feature set ends in MetricsRejected."""
    spec = run_spec(family, MODES[0])
    panel = market(0.0, seed).window(0, LOOKBACK_DAYS * 24)
    try:
        develop(panel, spec, context(spec.model.seed), features=features)
    except ClmError as error:
        return error.reason == "MetricsRejected"
    return False
