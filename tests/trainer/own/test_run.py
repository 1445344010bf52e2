"""A run with an own feature set, from its package to a model that is served."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_api.report import Manifest
from clm_trainer.serving.model import load
from clm_trainer.storage import Storage
from tests.support.own_packages import lay, on_the_path, write
from tests.trainer.pipeline.runs import LAYOUT, SYMBOLS, content_of, import_bars, manifest_of, run_here, small_run
from tests.trainer.pipeline.sheets import BARS

PACKAGE = {
    "mypackage/__init__.py": "",
    "mypackage/momentum.py": '''
        from pydantic import BaseModel

        from clm_trainer.own.features import features
        from mypackage.ratios import change


        class Momentum(BaseModel):
            window_bars: int = 24


        @features(lookback_bars=lambda p: 2 * p.window_bars, params=Momentum, extends="standard")
        def momentum(bars, params):
            n = params.window_bars
            return {"momentum": change(bars["close"], n), "before": change(bars["close"].shift(n), n)}


        @features(lookback_bars=200, params=Momentum)
        def alone(bars, params):
            moved = change(bars["close"], params.window_bars)
            return {"momentum": moved, "usual": moved / moved.rolling(168).std()}
        ''',
    "mypackage/ratios.py": '''
        def change(values, bars):
            return values / values.shift(bars) - 1
        ''',
}
ENTRIES = """
[clm.features]
mypackage.momentum = mypackage.momentum:momentum
mypackage.alone = mypackage.momentum:alone
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, installed."""
    folder = tmp_path_factory.mktemp("site")
    lay(folder, PACKAGE, ENTRIES, record=True)
    return folder


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    folder = tmp_path_factory.mktemp("own")
    store = Storage(str(folder / "store"))
    import_bars(store, folder)
    return store


def run(store: Storage, name: str, family: str = "xgboost") -> Manifest:
    model = {"family": family, "features": {"set": name, "params": {"windowBars": 12}}}
    run_here(store, small_run(model=model))
    return manifest_of(store)
