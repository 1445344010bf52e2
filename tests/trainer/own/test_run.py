"""A run with an own feature set, from its package to a model that is served."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from clm_api.errors import ClmError
from clm_api.report import Manifest
from clm_trainer.environments.market import observed
from clm_trainer.features import STANDARD, registry
from clm_trainer.panel import Panel
from clm_trainer.serving.model import ServedModel, load
from clm_trainer.stages.features import dataset
from clm_trainer.storage import Storage
from tests.cli.app import app
from tests.support.own_packages import lay, on_the_path, write
from tests.support.schedules import schedule
from tests.trainer.evaluation.markets import real
from tests.trainer.families.runs import run_spec
from tests.trainer.own.planted import leaking, planted
from tests.trainer.pipeline.runs import SYMBOLS, import_bars, run_here, small_run
from tests.trainer.pipeline.sheets import BARS
from tests.trainer.serving.test_live import frames_of

PACKAGE = {
    "quantdesk/__init__.py": "",
    "quantdesk/momentum.py": """
        from pydantic import BaseModel

        from clm_trainer.own.features import features
        from quantdesk.ratios import change


        class Momentum(BaseModel):
            window_bars: int = 24


        @features(lookback_bars=lambda p: 2 * p.window_bars, params=Momentum, extends="standard")
        def momentum(bars, params):
            n = params.window_bars
            close = bars["close"]
            return {"momentum": change(close, n), "before": change(close.shift(n), n)}


        @features(lookback_bars=200, params=Momentum)
        def alone(bars, params):
            moved = change(bars["close"], params.window_bars)
            return {"momentum": moved, "usual": moved / moved.rolling(168).std()}
        """,
    "quantdesk/ratios.py": """
        def change(values, bars):
            return values / values.shift(bars) - 1
        """,
}
ENTRIES = """
[clm.features]
quantdesk.momentum = quantdesk.momentum:momentum
quantdesk.alone = quantdesk.momentum:alone
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


LATER_BARS = 60
SMALL: dict[str, Any] = {
    "data": {"symbols": [*SYMBOLS], "lookbackDays": 260, "refresh": "Never"},
    "evaluation": {"periodDays": 30, "folds": 2},
    "target": {"calibrationDays": 30},
}


@pytest.fixture(scope="module")
def published(site: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run's manifest, made by ``clm local run``."""
    folder = tmp_path_factory.mktemp("run")
    import_bars(Storage(str(folder / "store")), folder)
    own = {"set": "quantdesk.momentum", "params": {"windowBars": 12}}
    file = folder / "schedule.yaml"
    file.write_text(
        yaml.safe_dump(
            schedule("own", "default", **SMALL, model={"family": "xgboost", "features": own})
        )
    )
    with on_the_path(site):
        done = CliRunner().invoke(app, ["local", "run", str(file), "--store", f"{folder}/store"])
    assert done.exit_code == 0, done.output
    return Path(done.stdout.splitlines()[-1].removeprefix("file://")).parent


def test_a_run_says_which_set_and_whose_code_it_had(published: Path) -> None:
    manifest = Manifest.model_validate_json((published / "manifest.json").read_bytes())
    (own,) = manifest.packages.items()
    assert (own[0], own[1].version) == ("quantdesk", "1.0")

    def content(name: str) -> bytes:
        return (published / manifest.file(name).path).read_bytes()

    features = json.loads(content("features.json"))
    assert features["set"] == "quantdesk.momentum"
    assert features["packages"] == {"quantdesk": own[1].to_json_dict()}
    assert features["names"] == [*STANDARD.names, "momentum", "before"]
    assert features["warmUpBars"] == STANDARD.warm_up_bars
    assert {"momentum", "before"} < set(json.loads(content("reference_stats.json"))["quantiles"])
    page = content("report.html").decode()
    assert "quantdesk.momentum" in page
    assert own[1].sha256 in page


def test_the_model_is_served_with_the_same_code_and_refused_with_other(
    published: Path, site: Path
) -> None:
    uri = f"{published}/manifest.json"
    with on_the_path(site) as forget:
        model = load(uri)
        assert model.features.names == (*STANDARD.names, "momentum", "before")
        write(site, {"quantdesk/ratios.py": PACKAGE["quantdesk/ratios.py"] + "# changed\n"})
        forget()
        with pytest.raises(ClmError, match="was made by other code of quantdesk") as caught:
            load(uri)
        assert caught.value.reason == "ArtifactCorrupt"
        write(site, {"quantdesk/ratios.py": PACKAGE["quantdesk/ratios.py"]})
    with pytest.raises(ClmError, match=r"made with quantdesk 1.0, which is not installed here"):
        load(uri)


def test_it_holds_live_what_all_bars_together_say_also_after_a_restart(
    published: Path, site: Path
) -> None:
    uri = f"{published}/manifest.json"
    with on_the_path(site):
        model = load(uri)
        panel = later_panel(model)
        decided = model.decide(panel)
        live = model.live(frames_of(panel, 0, len(panel) - LATER_BARS))
        for bars in range(LATER_BARS, 0, -1):
            row = len(panel) - bars
            held = live.update(frames_of(panel, row, row + 1))
            assert [*held.values()] == decided.targets[-bars].tolist(), panel.times[row]
            if bars % 20 == 0:
                live = load(uri).live_from(live.save())
    assert decided.targets.any(), "the case has positions"


def later_panel(model: ServedModel) -> Panel:
    """The run's bars, and some after them that are the first ones moved there."""
    frames = {}
    for name, file in SYMBOLS.items():
        frame = pd.read_parquet(BARS / f"binance-spot-{file}-1h.parquet")
        known = frame[frame["timestamp"].between(model.data_from, model.trained_until)]
        more = known.iloc[:LATER_BARS].copy()
        more["timestamp"] = model.trained_until + model.timeframe * np.arange(1, LATER_BARS + 1)
        frames[name] = pd.concat([known, more], ignore_index=True)
    times = pd.DatetimeIndex(frames["BTC/USDT"]["timestamp"]).as_unit("us")
    return Panel.from_frames(frames, times, model.timeframe)


def test_a_leak_ends_the_run_before_it_trains(tmp_path: Path, stored: Storage) -> None:
    with planted(leaking('bars["close"].shift(-1)'), tmp_path) as run:
        spec = small_run(model={"features": run.model.features.to_json_dict()})
        with pytest.raises(ClmError, match="look-ahead in feature set") as caught:
            run_here(stored, spec)
    assert (caught.value.reason, caught.value.exit_code) == ("MetricsRejected", 66)


def test_the_agents_of_reinforcement_learning_observe_all_of_an_own_set(site: Path) -> None:
    own = {"set": "quantdesk.alone"}
    with on_the_path(site):
        features = registry.create(run_spec(model={"family": "rl-v3", "features": own}))
        rows = dataset(real(40), None, features)
    assert observed(rows).shape == (40 * 24, 2, 2)
    assert observed(rows)[200:].any(axis=(0, 1)).all()
