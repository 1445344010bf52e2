"""What the neural families share: training, the score, files, a process left as it was."""

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
import pytest

from clm_api.errors import ClmError
from clm_api.families import Family as FamilyName
from clm_api.parameters.neural import NhitsParameters
from clm_trainer.families import nhits, registry
from clm_trainer.families.neural.windows import Examples, examples
from clm_trainer.panel import Floats
from tests.trainer.families.fits import SMALL, family, fitted, parts
from tests.trainer.families.runs import context, run_spec
from tests.trainer.families.test_neural_windows import SIGMA, rows


def drawn(seed: int) -> Examples:
    """A random walk: nothing can be learned but the walk itself."""
    closes = np.cumsum(np.random.default_rng(seed).normal(0, SIGMA, (260, 1)), axis=0)
    return examples(rows(closes, closes), 24, 4, 1, "training span")


def trained(**parameters: Any) -> tuple[list[tuple[int, float]], float]:
    """What was told while a network learned a short walk by heart, and the loss it ends with."""
    from clm_trainer.families.neural.networks import calm
    from clm_trainer.families.neural.training import Lesson, Watch, mean_loss, train_network

    p = NhitsParameters(
        input_bars=24, learning_rate=0.02, max_steps=60, validation_every=5, batch_size=64,
        dropout=0,
    ).model_copy(update=parameters)  # fmt: skip
    told: list[tuple[int, float]] = []
    watch = Watch(lambda step, loss: told.append((step, loss)), lambda: False)
    with calm():
        network = nhits.network(p, 4, seed=1)
        train_network(network, Lesson(drawn(1), drawn(2)), p, 1, "cpu", watch)
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
        trained(learning_rate=float("inf"))
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
