"""Training of one policy per seed, whatever the algorithm: watched, stoppable, reproducible."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback

from clm_api.parameters.rl import Episodes
from clm_api.run import RunSpec
from clm_trainer.devices import choose_device
from clm_trainer.environments.market import Market, observed
from clm_trainer.environments.trading import TradingEnvironments
from clm_trainer.evaluation.positions import PercentileMap
from clm_trainer.families.base import Dataset, FitContext, interrupted
from clm_trainer.families.rl.fitted import RlFitted
from clm_trainer.families.rl.policy import Activation, Policy
from clm_trainer.families.torch_state import own_torch_state

_LOOKS = 20
"""Progress lines of one seed, at most."""
Build = Callable[[TradingEnvironments, int, str], BaseAlgorithm]
Export = Callable[[Any], list[torch.nn.Linear]]


@dataclass(frozen=True)
class Algorithm:
    """How a family makes a policy.

    Parameters
    ----------
    name
        The family, for the log: in a blend the run's own is another.
    total_steps
        Decisions that it learns from, over all environments.
    build
        Makes the learner from environments, seed and device.
    export
        Returns the dense layers that lead from an observation to the actions' values.
    activation
        What stands between those layers.
    """

    name: str
    total_steps: int
    build: Build
    export: Export
    activation: Activation


def fit_seeds(
    train: Dataset,
    valid: Dataset,
    context: FitContext,
    spec: RunSpec,
    parameters: Episodes,
    algorithm: Algorithm,
) -> RlFitted:
    """Train a policy for each seed and rank its scores on the calibration tail.

    Raises
    ------
    ClmError
        Interrupted, InsufficientData, DeviceUnavailable.
    """
    if context.device == "cuda":
        choose_device(1)
    market = Market.of(train, spec, parameters.step_bars * parameters.episode_steps)
    name, policies = algorithm.name, []
    for number in range(parameters.seeds):
        seed = context.seed + 1000 * number
        with own_torch_state():
            environments = TradingEnvironments(
                market, parameters.environments, parameters.step_bars,
                parameters.episode_steps, seed,
            )  # fmt: skip
            model = algorithm.build(environments, seed, context.device)
            watch = _Watch(context, name, number, parameters.seeds, algorithm.total_steps)
            model.learn(algorithm.total_steps, callback=watch)
            if context.should_stop():
                raise interrupted()
            policies.append(_policy(algorithm.export(model), algorithm.activation))
    tail = observed(valid)[valid.usable]
    ranks = tuple(PercentileMap.fit(p.preference(tail, market.shorts)) for p in policies)
    made = RlFitted(algorithm.activation, tuple(policies), ranks, train.names, market.shorts)
    spread = f"  spread of percentiles {made.spread(valid):.3f}" if len(policies) > 1 else ""
    context.progress(1.0, f"{name} {len(policies)} seed(s) trained{spread}")
    return made


def _policy(layers: list[torch.nn.Linear], activation: Activation) -> Policy:
    arrays = [
        tuple(part.detach().cpu().numpy().astype(np.float64) for part in (one.weight, one.bias))
        for one in layers
    ]
    return Policy(activation, tuple(w for w, _ in arrays), tuple(b for _, b in arrays))


class _Watch(BaseCallback):  # type: ignore[misc]
    """Reports progress, and ends the training when told to."""

    def __init__(
        self, context: FitContext, name: str, number: int, seeds: int, total_steps: int
    ) -> None:
        super().__init__()
        self._context, self._name, self._number = context, name, number
        self._seeds, self._total = seeds, total_steps
        self._next, self._sum, self._count = 0.0, 0.0, 0

    def _on_step(self) -> bool:
        if self._context.should_stop():
            return False
        rewards = self.locals["rewards"]
        self._sum, self._count = self._sum + float(rewards.sum()), self._count + len(rewards)
        done = min(self.num_timesteps / self._total, 1.0)
        if done >= self._next:
            self._next = done + 1 / _LOOKS
            self._context.progress(
                (self._number + 0.99 * done) / self._seeds,
                f"{self._name} seed {self._number + 1}/{self._seeds}  steps "
                f"{self.num_timesteps}/{self._total}  reward {self._sum / self._count:z.4f}",
            )
            self._sum, self._count = 0.0, 0
        return not self._context.should_stop()
