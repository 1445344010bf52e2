"""Double DQN's targets, what a policy's files may hold, and that training leaves no trace."""

import json
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from clm_api.errors import ClmError
from clm_api.families import Family as FamilyName
from clm_trainer.environments.market import Market
from clm_trainer.environments.trading import TradingEnvironments
from clm_trainer.families.base import Dataset
from clm_trainer.families.rl.double_dqn import DoubleDqn
from clm_trainer.families.rl.policy import Policy
from tests.trainer.families.fits import family, fitted, parts
from tests.trainer.families.runs import run_spec

POLICIES = (FamilyName.RL_V2, FamilyName.RL_V3)
both = pytest.mark.parametrize("name", POLICIES, ids=str)


def environments(rows: Dataset) -> TradingEnvironments:
    return TradingEnvironments(Market.of(rows, run_spec(), 96), 4, 4, 24, 1)


def test_the_online_network_chooses_and_the_target_network_values() -> None:
    model = DoubleDqn("MlpPolicy", environments(parts()[0]), seed=1, gamma=0.9, device="cpu")
    following = torch.zeros((3, 17))
    following[:, 0] = torch.tensor([1.0, 2.0, 3.0])

    def linear(flat: float, long: float) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda seen: torch.stack([flat * seen[:, 0], long * seen[:, 0]], dim=1)

    model.q_net.forward = linear(0.0, 1.0)  # long is best, so long is chosen
    model.q_net_target.forward = linear(5.0, 2.0)  # and valued 2 a unit, not the larger 5
    made = model.targets(following, torch.full((3, 1), 10.0), torch.tensor([[0.0], [0.0], [1.0]]))
    assert made.flatten().tolist() == pytest.approx([10 + 0.9 * 2, 10 + 0.9 * 4, 10])


def test_each_environment_explores_for_itself() -> None:
    model = DoubleDqn("MlpPolicy", environments(parts()[0]), seed=1, device="cpu")
    seen = np.zeros((2000, 17), dtype=np.float32)
    greedy = model.predict(seen, deterministic=True)[0]
    model.exploration_rate = 0.5
    other = (model.predict(seen)[0] != greedy).mean()
    assert other == pytest.approx(0.25, abs=0.05), (
        "half explore, and half of those choose the other"
    )
    model.exploration_rate = 0.0
    np.testing.assert_array_equal(model.predict(seen)[0], greedy)


def test_a_preference_is_long_over_flat_or_over_short() -> None:
    weight, bias = np.zeros((3, 17)), np.array([1.0, 5.0, 2.0])
    policy = Policy("relu", (weight,), (bias,))
    rows = np.zeros((2, 15), dtype=np.float32)
    assert policy.preference(rows, False).tolist() == [4.0, 4.0]
    assert policy.preference(rows, True).tolist() == [3.0, 3.0]


@both
def test_training_leaves_the_global_generators_as_they_were(name: FamilyName) -> None:
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    wanted = random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002
    torch.manual_seed(5)
    threads = torch.get_num_threads()
    fitted(name)
    assert (random.random(), np.random.rand(), torch.rand(1).item()) == wanted  # noqa: NPY002
    assert torch.get_num_threads() == threads


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def without(field: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        meta = json.loads(path.read_text())
        del meta[field]
        path.write_text(json.dumps(meta))

    return change


def more_seeds(path: Path) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seeds": 9}))


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("model.safetensors", cut, "model.safetensors can't be read"),
        ("model.safetensors", Path.unlink, "model.safetensors can't be read"),
        ("model.json", cut, "model.json can't be read"),
        ("model.json", without("seeds"), "model.json lacks seeds"),
        ("model.json", more_seeds, "model.safetensors can't be read"),
    ],
    ids=["weights cut off", "no weights", "JSON cut off", "a field missing", "seeds missing"],
)
def test_a_damaged_model_is_refused(
    file: str, damage: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    fitted(FamilyName.RL_V2).save(tmp_path)
    damage(tmp_path / file)
    with pytest.raises(ClmError, match=message) as caught:
        family(FamilyName.RL_V2).load(tmp_path, parts()[2].names)
    assert caught.value.reason == "ArtifactCorrupt"


def test_a_policy_of_the_other_family_is_refused(tmp_path: Path) -> None:
    fitted(FamilyName.RL_V2).save(tmp_path)
    with pytest.raises(ClmError, match="of another family"):
        family(FamilyName.RL_V3).load(tmp_path, parts()[2].names)


@pytest.mark.parametrize(
    ("families", "forbidden"),
    [
        (("rl_v2", "rl_v3", "rl.training", "rl.double_dqn"), ("neuralforecast", "ray", "ccxt")),
        (("xgboost", "lightgbm"), ("torch", "ray", "ccxt", "stable_baselines3")),
    ],
    ids=["RL", "boosting"],
)
def test_a_run_imports_no_other_familys_library(
    families: tuple[str, ...], forbidden: tuple[str, ...]
) -> None:
    modules = ", ".join(f"clm_trainer.families.{name}" for name in families)
    code = (
        f"import sys, clm_trainer.stages.train, {modules}; "
        f"print([m for m in {forbidden} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


SERVE = """
import json, sys
from pathlib import Path
from clm_trainer.families.rl import fitted
folder = Path(sys.argv[1])
meta = json.loads((folder / "model.json").read_text())
fitted.load(folder, tuple(meta["features"]), meta["activation"])
print([m for m in ("torch", "stable_baselines3", "gymnasium") if m in sys.modules])
"""


@both
def test_serving_needs_neither_torch_nor_the_library(name: FamilyName, tmp_path: Path) -> None:
    fitted(name).save(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", SERVE, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
