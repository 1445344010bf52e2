"""``python -m clm_trainer.warm_up``: a small run, so that an image brings compiled code.

It trains the first family whose libraries are there, on bars of a random walk, and decides once on
what it made.
"""

import tempfile
from datetime import UTC, datetime
from importlib.util import find_spec

import numpy as np
import pandas as pd
from pydantic.alias_generators import to_camel

from clm_api.families import Family
from clm_api.layout import RunLayout
from clm_api.resolve import resolve
from clm_api.run import RunSpec, RunTrials
from clm_api.training_schedule import TrainingScheduleSpec
from clm_trainer import pipeline
from clm_trainer.host import Host
from clm_trainer.serving.model import load
from clm_trainer.sources.bars import BarKey
from clm_trainer.sources.cache import BarCache
from clm_trainer.storage import Storage

_SYMBOLS, _BARS = ("BTC/USDT", "ETH/USDT"), 24 * 220


def main() -> None:
    """Run once."""
    family = next(filter(_is_here, Family))
    spec, bars = _spec(family), _bars()
    with tempfile.TemporaryDirectory() as folder:
        store = Storage(folder)
        for symbol in _SYMBOLS:
            BarCache(store).write(BarKey("binance", "spot", symbol, "1h"), bars, "warm-up")
        layout = RunLayout("local", "warm-up", "run")
        host = Host(store, lambda: datetime.now(UTC), lambda: False)
        made = pipeline.run(spec, pipeline.Identity(layout, "warm-up", "build"), host)
        load(store.address(made)).position(dict.fromkeys(_SYMBOLS, bars))


def _is_here(family: Family) -> bool:
    """Whether this image has what a family needs, and the family needs nothing else."""
    libraries = family.row.libraries
    named = (name.replace("-", "_") for name in libraries)
    return bool(libraries) and all(map(find_spec, named))


def _spec(family: Family) -> RunSpec:
    schedule = TrainingScheduleSpec.model_validate(
        {
            "interval": "6h",
            "model": {"family": family, to_camel(family.field): family.row.quick},
            "data": {"symbols": list(_SYMBOLS), "lookbackDays": 210, "refresh": "Never"},
            "target": {"calibrationDays": 14, "entryPercentile": 0.6},
            "evaluation": {"periodDays": 14, "folds": 1},
        }
    )
    pod = {"image": "warm-up", "gpu": {"count": 0}, "resources": {}}
    return resolve(schedule, slot=datetime.now(UTC), trials=RunTrials(), pod_defaults=pod)


def _bars() -> pd.DataFrame:
    random = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, _BARS)))
    opened = np.concatenate([[100.0], close[:-1]])
    end = pd.Timestamp.now("UTC").floor("h") - pd.Timedelta("1h")
    return pd.DataFrame(
        {
            "timestamp": pd.date_range(end=end, periods=_BARS, freq="h").as_unit("us"),
            "open": opened,
            "high": np.maximum(opened, close) * 1.002,
            "low": np.minimum(opened, close) * 0.998,
            "close": close,
            "volume": random.uniform(1, 2, _BARS),
        }
    )


if __name__ == "__main__":
    main()
