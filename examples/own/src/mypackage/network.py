"""A torch module as a family: it trains, scores, and writes and reads files of its own."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, Field
from torch import Tensor, nn

from clm_trainer.devices import choose_device
from clm_trainer.families.base import Dataset, FitContext, interrupted
from clm_trainer.families.boosting import training_rows
from clm_trainer.families.torch_state import own_torch_state
from clm_trainer.own.blocks import score_in_blocks
from clm_trainer.own.door import Offer
from clm_trainer.own.values import read_values, write_values
from clm_trainer.panel import Floats


class Network(BaseModel):
    """What a schedule may set in ``spec.model.custom.params``."""

    hidden: int = Field(default=16, ge=1, le=1024)
    steps: int = Field(default=300, ge=1, le=100_000)
    batch_rows: int = Field(default=256, ge=1, le=65_536)
    learning_rate: float = Field(default=0.003, gt=0, lt=1)
    seeds: int = Field(default=1, ge=1)
    """Set by ``spec.model.custom.seeds``: each module that is averaged counts as a trial."""


class Module(nn.Module):
    """Standardises the features; one hidden layer."""

    mean: Tensor
    scale: Tensor

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.layers = nn.Sequential(nn.Linear(features, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def forward(self, rows: Tensor) -> Tensor:
        """Return the expected label of each row."""
        expected: Tensor = self.layers((rows - self.mean) / self.scale)[:, 0]
        return expected


@dataclass(frozen=True)
class NetworkFamily:
    """Trains modules; a run has one of these, and calls ``fit`` once for each fold."""

    params: Network

    def fit(self, train: Dataset, valid: Dataset, context: FitContext) -> "NetworkFitted":
        """Train on the rows of a span; what is random follows from the seed alone."""
        del valid  # the calibration tail is for early stopping
        device = choose_device(1) if context.device == "cuda" else "cpu"
        known = training_rows(train, stride=1)
        rows, labels = (np.float32(part) for part in known[:2])
        seeds = np.random.SeedSequence(context.seed).generate_state(self.params.seeds)
        with own_torch_state():
            modules = [
                self._module(rows, labels, (number, int(seed)), device, context)
                for number, seed in enumerate(seeds)
            ]
        return NetworkFitted(nn.ModuleList(modules), self._meta(train.names))

    def _module(
        self, rows: Any, labels: Any, seed: tuple[int, int], device: str, context: FitContext
    ) -> Module:
        params, draw = self.params, np.random.default_rng(seed[1])
        torch.manual_seed(seed[1])
        module = Module(rows.shape[1], params.hidden)
        module.mean[:] = torch.from_numpy(rows.mean(axis=0))
        module.scale[:] = torch.from_numpy(rows.std(axis=0) + 1e-6)
        module.to(device)
        optimizer = torch.optim.AdamW(module.parameters(), params.learning_rate)
        for step in range(params.steps):
            if context.should_stop():
                raise interrupted()
            some = draw.integers(len(rows), size=params.batch_rows)
            inputs, wanted = (torch.from_numpy(x[some]).to(device) for x in (rows, labels))
            loss = nn.functional.mse_loss(module(inputs), wanted)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            done = (seed[0] + (step + 1) / params.steps) / params.seeds
            context.progress(done, f"step {step + 1}/{params.steps}  loss {loss:.4f}")
        return module.to("cpu")

    def load(self, folder: Path, names: tuple[str, ...]) -> "NetworkFitted":
        """Read what ``NetworkFitted.save`` wrote; other features or parameters are an error."""
        sizes = (len(names), self.params.hidden)
        modules = nn.ModuleList(Module(*sizes) for _ in range(self.params.seeds))
        kept = read_values(folder, self._meta(names), tuple(modules.state_dict()))
        modules.load_state_dict({name: torch.from_numpy(value) for name, value in kept.items()})
        return NetworkFitted(modules, self._meta(names))

    def _meta(self, names: tuple[str, ...]) -> dict[str, Any]:
        return {"features": list(names), "parameters": self.params.model_dump()}


@dataclass(frozen=True, eq=False)
class NetworkFitted:
    """Trained modules, and what their files belong to."""

    modules: nn.ModuleList
    meta: dict[str, Any]

    def score(self, window: Dataset) -> Floats:
        """Return the mean of what the modules expect, shape (bars, symbols); NaN where unusable."""

        def predict(rows: Floats) -> Floats:
            with own_torch_state(), torch.inference_mode():
                inputs = torch.from_numpy(np.float32(rows))
                mean: Floats = torch.stack([one(inputs) for one in self.modules]).mean(0).numpy()
            return mean

        return score_in_blocks(window, predict)

    def save(self, folder: Path) -> None:
        """Write the weights as safetensors, and JSON beside them."""
        weights = {name: tensor.numpy() for name, tensor in self.modules.state_dict().items()}
        write_values(folder, self.meta, weights)

    def importance(self) -> dict[str, float]:
        """Return nothing: a network has no shares of gain."""
        return {}


OFFER = Offer(Network, lambda params, _run: NetworkFamily(params))
