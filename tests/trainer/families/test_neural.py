"""What the neural families share: windows and paths by hand, training, files, a calm process."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clm_api.errors import ClmError, SpecError
from clm_api.families import Family as FamilyName
from clm_api.parameters.neural import NhitsParameters
from clm_trainer.families import nhits, registry
from clm_trainer.families.base import Dataset
from clm_trainer.families.neural.windows import Examples, Windows, examples
from clm_trainer.panel import Floats
from tests.trainer.evaluation.markets import NAN, column
from tests.trainer.families.fits import SMALL, family, fitted, parts
from tests.trainer.families.runs import context, run_spec

SIGMA = 0.01


def rows(log_open: Floats, log_close: Floats, usable: list[int] | None = None) -> Dataset:
    """Rows with the given prices; what is more of closes than of opens is history."""
    bars, symbols = log_open.shape
    known = np.isin(np.arange(bars), range(bars) if usable is None else usable)
    return Dataset(
        times=pd.date_range("2024-01-01", periods=bars, freq="h", tz="UTC"),
        timeframe=pd.Timedelta("1h"),
        symbols=tuple(f"S{i}/USDT" for i in range(symbols)),
        names=("ret1",),
        features=np.zeros((bars, symbols, 1)),
        target=np.zeros((bars, symbols)),
        sigma=np.full((bars, symbols), SIGMA),
        usable=np.repeat(known[:, None], symbols, axis=1),
        open=np.exp(log_open),
        log_close=log_close,
    )


def at(windows: Windows, row: int) -> list[float]:
    inputs = windows.at((np.array([row]), np.array([0])))
    return [round(float(x), 4) for x in inputs[0]]


ROOT24 = np.sqrt(24)


def test_a_window_is_the_closes_up_to_the_last_one_in_units_of_volatility() -> None:
    closes = column(1.0, 1.02, 1.01, 1.05)
    windows = Windows.of(rows(closes, closes), 3)
    expected = np.array([-0.03, -0.04, 0.0]) / (SIGMA * ROOT24)
    assert at(windows, 3) == [round(x, 4) for x in expected]


def test_a_window_reaches_into_the_history() -> None:
    closes = column(1.0, 1.02, 1.01, 1.05)
    windows = Windows.of(rows(closes[3:], closes), 3)
    assert at(windows, 0) == at(Windows.of(rows(closes, closes), 3), 3)


def test_before_the_first_close_there_is_nothing() -> None:
    closes = column(1.0, 1.01)
    first, second, third = at(Windows.of(rows(closes, closes), 3), 1)
    assert np.isnan(first)
    assert (second, third) == (round(-0.01 / (SIGMA * ROOT24), 4), 0)


def test_a_jump_is_cut_off_at_8() -> None:
    closes = column(0.0, 5.0, 0.0)
    assert at(Windows.of(rows(closes, closes), 3), 2) == [0, 8, 0]


def paths(made: Dataset, horizon: int = 2, stride: int = 1) -> Examples:
    return examples(made, 1, horizon, stride, "training span")


def test_a_path_runs_from_the_next_open_in_units_of_volatility_over_the_horizon() -> None:
    opens = column(1.0, 1.0, 1.01, 1.03, 1.0)
    made = paths(rows(opens, opens))
    assert made.places[0].tolist() == [0, 1], "row 2 would need the open after the last one"
    expected = np.array([[0.01, 0.03], [0.02, -0.01]]) / (SIGMA * np.sqrt(2))
    np.testing.assert_allclose(made.paths, expected, rtol=1e-5)


def test_a_hole_in_a_path_is_unknown_and_the_rest_is_not() -> None:
    opens = column(1.0, 1.0, NAN, 1.02)
    np.testing.assert_allclose(
        paths(rows(opens, opens)).paths, [[NAN, 0.02 / (SIGMA * np.sqrt(2))]], rtol=1e-5
    )


def test_a_path_is_cut_off_at_3() -> None:
    opens = column(1.0, 1.0, 9.0, -9.0)
    assert paths(rows(opens, opens)).paths.tolist() == [[3, -3]]


def test_rows_are_learned_that_are_usable_labelled_and_of_the_stride() -> None:
    opens = np.zeros((12, 1))
    made = rows(opens, opens, usable=[0, 1, 2, 4, 5, 6, 9])
    made.target[4] = NAN
    assert paths(made).places[0].tolist() == [0, 1, 2, 5, 6], "row 9's path ends after the span"
    assert paths(made, stride=2).places[0].tolist() == [0, 2, 6]


def test_a_span_shorter_than_the_horizon_teaches_nothing() -> None:
    opens = np.zeros((3, 1))
    with pytest.raises(ClmError, match="calibrationDays") as caught:
        paths(rows(opens, opens))
    assert caught.value.reason == "InsufficientData"


def drawn(seed: int) -> Examples:
    """A random walk: nothing can be learned but the walk itself."""
    closes = np.cumsum(np.random.default_rng(seed).normal(0, SIGMA, (260, 1)), axis=0)
    return examples(rows(closes, closes), 24, 4, 1, "training span")


def trained(**parameters: Any) -> tuple[list[tuple[int, float]], float]:
    """What was told while a network learned a short walk by heart, and the loss it ends with."""
    from clm_trainer.families.neural.networks import calm
    from clm_trainer.families.neural.training import Watch, mean_loss, train_network

    p = NhitsParameters(
        input_bars=24, learning_rate=0.02, max_steps=60, validation_every=5, batch_size=64,
        dropout=0,
    ).model_copy(update=parameters)  # fmt: skip
    told: list[tuple[int, float]] = []
    watch = Watch(lambda step, loss: told.append((step, loss)), lambda: False)
    with calm(threads=1):
        network = nhits.network(p, 4, seed=1)
        train_network(network, drawn(1), drawn(2), p, 1, "cpu", watch)
        return told, mean_loss(network, drawn(2), "cpu")


def test_the_best_weights_are_kept() -> None:
    told, loss = trained(patience_steps=1000)
    losses = [loss for _, loss in told]
    assert told[-1][0] == 60, "without patience it goes on to the end"
    assert np.argmin(losses) < len(losses) - 1, "the case overfits"
    assert loss == min(losses)


def test_without_a_better_loss_it_stops_after_its_patience() -> None:
    told, _ = trained(patience_steps=10)
    steps, losses = zip(*told, strict=True)
    assert steps[-1] == steps[int(np.argmin(losses))] + 10 < 60


def test_a_training_that_diverges_is_an_error() -> None:
    with pytest.raises(ClmError, match="learningRate") as caught:
        trained(learning_rate=NAN)
    assert (caught.value.reason, caught.value.exit_code) == ("MetricsRejected", 66)


@dataclass
class Spoiled:
    name: str
    file: str
    change: Callable[[bytes], bytes]
    match: str = "can't be read"


def changed(**fields: Any) -> Callable[[bytes], bytes]:
    return lambda content: json.dumps({**json.loads(content), **fields}).encode()


def unsorted(content: bytes) -> bytes:
    quantiles = [one[::-1] for one in json.loads(content)["quantiles"]]
    return changed(quantiles=quantiles)(content)


def without_a_tensor(content: bytes) -> bytes:
    from safetensors.torch import load, save

    return save(dict([*load(content).items()][1:]))


def of_another_shape(content: bytes) -> bytes:
    from safetensors.torch import load, save

    return save({name: tensor.reshape(-1) for name, tensor in load(content).items()})


SPOILED = [
    Spoiled("weights: cut off", "model.safetensors", lambda c: c[:-100]),
    Spoiled("weights: empty", "model.safetensors", lambda _: b""),
    Spoiled("weights: a pickle", "model.safetensors", lambda _: b"\x80\x04N."),
    Spoiled("weights: a tensor is missing", "model.safetensors", without_a_tensor, "other tensors"),
    Spoiled("weights: other shapes", "model.safetensors", of_another_shape, "does not fit"),
    Spoiled("meta: cut off", "model.json", lambda c: c[:-10]),
    Spoiled("meta: not text", "model.json", lambda _: b"\xff\xfe"),
    Spoiled("meta: a list", "model.json", lambda _: b"[]"),
    Spoiled("another family", "model.json", changed(family="patchtst"), "other family"),
    Spoiled("another library", "model.json", changed(neuralforecastVersion="3.0"), "Version"),
    Spoiled("other parameters", "model.json", changed(parameters={}), "other parameters"),
    Spoiled("another horizon", "model.json", changed(horizonBars=12), "other horizonBars"),
    Spoiled("no quantiles", "model.json", changed(quantiles=[[], []]), "quantiles"),
    Spoiled("quantiles that fall", "model.json", unsorted, "quantiles"),
]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    fitted(FamilyName.NHITS).save(folder)
    return folder


@pytest.mark.parametrize("case", SPOILED, ids=attrgetter("name"))
def test_a_spoiled_file_is_refused_by_its_name(case: Spoiled, stored: Path, tmp_path: Path) -> None:
    for path in stored.iterdir():
        content = path.read_bytes()
        (tmp_path / path.name).write_bytes(
            case.change(content) if path.name == case.file else content
        )
    with pytest.raises(ClmError, match=case.match) as caught:
        family(FamilyName.NHITS).load(tmp_path, parts()[2].names)
    assert caught.value.reason == "ArtifactCorrupt"
    assert caught.value.message.startswith(case.file)


@pytest.mark.parametrize("name", ["model.safetensors", "model.json"])
def test_a_missing_file_is_named(name: str, stored: Path, tmp_path: Path) -> None:
    for path in stored.iterdir():
        if path.name != name:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ClmError, match=name) as caught:
        family(FamilyName.NHITS).load(tmp_path, parts()[2].names)
    assert caught.value.reason == "ArtifactCorrupt"


def test_the_score_is_the_mean_of_the_networks_percentiles() -> None:
    made, test = fitted(FamilyName.NHITS), parts()[2]
    alone: list[Floats] = [replace(made, members=(one,)).score(test) for one in made.members]  # type: ignore[type-var, attr-defined]
    assert len(alone) == 2
    np.testing.assert_array_equal(made.score(test), np.mean(alone, axis=0))
    assert not np.array_equal(alone[0], alone[1], equal_nan=True)
    for ranks in alone:
        assert ((ranks >= 0) & (ranks <= 1))[test.usable].all()


def test_progress_says_seed_step_and_loss_and_at_last_the_spread() -> None:
    lines: list[str] = []
    fitted(FamilyName.NHITS, progress=lambda _, line: lines.append(line))
    assert lines[0].startswith("nhits seed 1/2  step 2/8  valid 0.")
    assert lines[-1].startswith("nhits 2 seeds  spread of percentiles 0.")


def state() -> list[Any]:
    """Everything global that a network may touch."""
    import torch

    numbers: Any = np.random.get_state()  # noqa: NPY002 - it is the one that is seeded
    return [
        random.getstate(), numbers[1].tolist(), torch.get_rng_state().tolist(),
        torch.get_num_threads(), dict(os.environ),
    ]  # fmt: skip


def test_a_fit_leaves_the_process_as_it_was() -> None:
    before = state()
    fitted(FamilyName.NHITS)
    assert state() == before


def test_a_fit_that_is_stopped_leaves_the_process_as_it_was() -> None:
    before, seen = state(), list[str]()
    with pytest.raises(ClmError, match="told to stop"):
        fitted(FamilyName.NHITS, progress=lambda _, x: seen.append(x), should_stop=lambda: seen)
    assert state() == before


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"hiddenSize": 18, "heads": 4}, "spec.model.patchtst.hiddenSize"),
        ({"patchBars": 48, "inputBars": 24}, "spec.model.patchtst.patchBars"),
    ],
    ids=["a width that the heads can't share", "a patch longer than the input"],
)
def test_parameters_that_contradict_each_other(parameters: dict[str, int], field: str) -> None:
    with pytest.raises(SpecError) as caught:
        registry.create(run_spec(model={"family": "patchtst", "patchtst": parameters}))
    assert caught.value.field == field


@pytest.mark.parametrize("name", [FamilyName.NHITS, FamilyName.PATCHTST])
@pytest.mark.parametrize("horizon", [1, 5, 100], ids=lambda h: f"horizon {h}")
def test_other_horizons(name: FamilyName, horizon: int) -> None:
    train, valid, test = parts()
    model = {"family": name, name.value: {**SMALL[name], "seeds": 1, "maxSteps": 1}}
    maker = registry.create(run_spec(model=model, target={"horizonBars": horizon}))
    scores = maker.fit(train, valid, context()).score(test)
    np.testing.assert_array_equal(np.isfinite(scores), test.usable)


@pytest.mark.parametrize(
    ("modules", "absent"),
    [
        ("nhits patchtst neural.windows", ["torch", "neuralforecast", "xgboost"]),
        (
            "nhits neural.training neural.fitted neural.files",
            ["xgboost", "lightgbm", "stable_baselines3", "gymnasium"],
        ),
    ],
    ids=["to name a family takes no torch", "to fit one takes no other family's library"],
)
def test_what_is_imported(modules: str, absent: list[str]) -> None:
    imports = "; ".join(f"import clm_trainer.families.{one}" for one in modules.split())
    code = f"import sys; {imports}; print([m for m in {absent} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
