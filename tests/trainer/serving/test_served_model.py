"""A published model decides as the run that made it would: same features, same rules."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import clm_trainer
from clm_api.errors import ClmError
from clm_trainer.evaluation.positions import target_positions
from clm_trainer.panel import Panel
from clm_trainer.serving.model import ServedModel, load
from clm_trainer.simulation.version import past_version
from tests.support.attempts import change_json, published_run, rewrite
from tests.trainer.families.runs import context
from tests.trainer.pipeline.runs import SYMBOLS, small_run
from tests.trainer.pipeline.sheets import BARS

LATER_BARS = 24 * 12
Frames = dict[str, pd.DataFrame]


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Path:
    """A real run of the test's own."""
    shutil.copytree(published_run(tmp_path_factory.getbasetemp()), tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def model(run: Path) -> ServedModel:
    return load(f"{run}/manifest.json")


def later_bars(model: ServedModel) -> Frames:
    """The run's bars, and twelve days after them that are the year's first ones moved there."""
    frames = {}
    for name, file in SYMBOLS.items():
        frame = pd.read_parquet(BARS / f"binance-spot-{file}-1h.parquet")
        known = frame[frame["timestamp"].between(model.data_from, model.trained_until)]
        more = known.iloc[:LATER_BARS].copy()
        step = pd.Timedelta("1h")
        more["timestamp"] = model.trained_until + step * np.arange(1, LATER_BARS + 1)
        scale = known["close"].iloc[-1] / more["close"].iloc[0]
        for column in ("open", "high", "low", "close"):
            more[column] *= scale
        frames[name] = pd.concat([known, more], ignore_index=True)
    return frames


def panel_of(frames: Frames, model: ServedModel) -> Panel:
    times = pd.date_range(
        frames["BTC/USDT"]["timestamp"].iloc[0], frames["BTC/USDT"]["timestamp"].iloc[-1], freq="h"
    ).as_unit("us")
    return Panel.from_frames(frames, times, model.timeframe)


def test_it_decides_as_a_simulation_of_the_same_run_does(model: ServedModel) -> None:
    frames = later_bars(model)
    panel = panel_of(frames, model)
    known = len(panel) - LATER_BARS
    spec = small_run()
    made = past_version(panel, known, spec, model.trained_until, context(spec.model.seed))
    decided = model.decide(panel)
    np.testing.assert_array_equal(decided.percentiles[1:], made.percentiles)
    assert decided.times[0] == model.trained_until
    expected = target_positions(
        decided.percentiles, np.vstack([decided_sigma(panel, known), made.sigma]),
        panel.window(known - 1, len(panel)), spec.target,
    )  # fmt: skip
    np.testing.assert_array_equal(decided.targets, expected)
    assert decided.targets.any(), "the case has positions"


def decided_sigma(panel: Panel, known: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    from clm_trainer.features import build_features

    return build_features(panel).sigma[known - 1 : known]


def test_the_position_is_the_newest_decision_by_symbol(model: ServedModel) -> None:
    frames = later_bars(model)
    decided = model.decide(panel_of(frames, model))
    for bars in (1, 40, LATER_BARS):
        until = {name: f.iloc[: len(f) - LATER_BARS + bars] for name, f in frames.items()}
        wanted = dict(zip(decided.symbols, decided.targets[bars].tolist(), strict=True))
        assert model.position(until) == wanted


def test_it_goes_on_from_the_end_of_its_run_without_any_history(model: ServedModel) -> None:
    frames = later_bars(model)
    live = model.live()
    assert live.time == model.trained_until
    assert (
        list(live.positions.values()) == model.decide(panel_of(frames, model)).targets[0].tolist()
    )
    for bars in (1, 40, LATER_BARS):
        since = {
            name: f[f["timestamp"] > live.time].iloc[
                : bars - (live.time - model.trained_until) // pd.Timedelta("1h")
            ]
            for name, f in frames.items()
        }
        until = {name: f.iloc[: len(f) - LATER_BARS + bars] for name, f in frames.items()}
        assert live.update(since) == model.position(until)
        live = model.live_from(live.save())


def test_it_is_what_the_package_offers(run: Path, model: ServedModel) -> None:
    loaded = clm_trainer.load(f"file://{run}/manifest.json")
    assert loaded.position(later_bars(model)) == model.position(later_bars(model))


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        (lambda f: {"BTC/USDT": f["BTC/USDT"]}, "there are no bars of ETH/USDT"),
        (lambda f: {n: x.iloc[:0] for n, x in f.items()}, "there are no bars of BTC/USDT, ETH"),
        (lambda f: {n: x.iloc[-800:] for n, x in f.items()}, "the model needs them from "),
        (lambda f: {n: x.iloc[: -LATER_BARS - 1] for n, x in f.items()}, "bars end before "),
    ],
    ids=["a symbol is missing", "no bar", "too short for the warm-up", "older than the model"],
)
def test_bars_that_are_not_enough(model: ServedModel, cut: object, message: str) -> None:
    assert callable(cut)
    with pytest.raises(ClmError, match=message) as caught:
        model.position(cut(later_bars(model)))
    assert caught.value.reason == "InsufficientData"


def test_features_of_other_code_are_refused(run: Path) -> None:
    rewrite(run, "features.json", change_json(lambda f: f | {"codeHash": "0" * 64}))
    with pytest.raises(ClmError, match="other feature code") as caught:
        load(f"{run}/manifest.json")
    assert caught.value.reason == "ArtifactCorrupt"


@pytest.mark.parametrize("name", ["model/model.ubj", "run.json", "features.json"])
def test_a_changed_file_is_not_used(run: Path, name: str) -> None:
    path = next(run.rglob(name))
    path.write_bytes(path.read_bytes()[:-1] + b" ")
    with pytest.raises(ClmError, match=f"{name} is not what its manifest says") as caught:
        load(f"{run}/manifest.json")
    assert caught.value.reason == "ArtifactCorrupt"


def test_a_missing_file_is_named(run: Path) -> None:
    next(run.rglob("model.ubj")).unlink()
    with pytest.raises(ClmError, match=r"model/model.ubj is missing") as caught:
        load(f"{run}/manifest.json")
    assert caught.value.reason == "ArtifactCorrupt"


def test_a_file_that_is_no_manifest(run: Path) -> None:
    (run / "manifest.json").write_text(json.dumps({"files": []}))
    with pytest.raises(ClmError) as caught:
        load(f"{run}/manifest.json")
    assert caught.value.reason == "ArtifactCorrupt"


def test_a_hole_at_the_end_keeps_the_position(model: ServedModel) -> None:
    panel = panel_of(later_bars(model), model)
    whole = model.decide(panel)
    held = int(np.flatnonzero(whole.targets[:, 0])[0]) + 1
    end = len(panel) - len(whole.times) + held + 1
    short = panel.window(0, end)
    gap, close = short.gap.copy(), short.close.copy()
    gap[-1, 0], close[-1, 0] = True, np.nan
    decided = model.decide(replace(short, gap=gap, close=close))
    assert decided.targets[-1, 0] == decided.targets[-2, 0] != 0
    assert np.isnan(decided.percentiles[-1, 0])


def test_the_package_itself_imports_nothing_heavy() -> None:
    code = (
        "import sys, clm_trainer; "
        "print([m for m in ('numpy', 'pandas', 'torch', 'ray', 'ccxt') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
