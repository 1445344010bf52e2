"""Many episodes side by side in arrays: no loop over environments outside the compiled kernel."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from clm_trainer.environments.arrays import Observations, look
from clm_trainer.environments.market import OBSERVED_LIMIT, Market
from clm_trainer.evaluation.kernel import advance

REWARD_SCALE = 100.0
AGE_BARS, AGE_LIMIT = 24.0, 2.0
"""A position's age is observed in units of 24 bars, up to two of them."""
SIDES = np.array([0.0, 1.0, -1.0])
"""Side of each action: flat, long, short."""
_NOTHING: dict[str, Any] = {}
Step = tuple[Observations, NDArray[np.float32], NDArray[np.bool_], list[dict[str, Any]]]


class TradingEnvironments(VecEnv):  # type: ignore[misc]
    """Episodes on random symbols from random bars on, each a sleeve of its own.

    An action on a bar's close fills at the next open. The reward is 100 × the log growth of the
    sleeve over the step, net of costs, by the backtest's accounting. A position keeps the units
    that it was entered with. An action on a missing bar is not read. Episodes are cut off, never
    lost: their end is a truncation.

    Parameters
    ----------
    step_bars
        Bars between two decisions.
    episode_steps
        Decisions in an episode.

    Attributes
    ----------
    grown
        Log growth of each sleeve over the last step, shape (environments,).
    """

    def __init__(
        self, market: Market, environments: int, step_bars: int, episode_steps: int, seed: int
    ) -> None:
        self.market, self.step_bars, self.episode_steps = market, step_bars, episode_steps
        self.random = np.random.default_rng(seed)
        limit = np.full(market.observed.shape[2] + 2, OBSERVED_LIMIT, dtype=np.float32)
        actions = spaces.Discrete(3 if market.shorts else 2)
        super().__init__(environments, spaces.Box(-limit, limit), actions)
        self._places = np.zeros((4, environments), dtype=np.int64)
        self.symbol, self.row, self.age, self.steps = self._places
        self._held = np.zeros((6, environments))
        self.side, self.wanted, self.now, self.cash, self.units, self.equity = self._held
        self.grown = np.zeros(environments)
        self._actions = np.zeros(environments, dtype=np.int64)
        self._infos = [_NOTHING] * environments

    def reset(self) -> Observations:
        """Start all episodes; they end together, so that few steps start new ones."""
        self._start(np.arange(self.num_envs))
        return self._observe()[0]

    def step_async(self, actions: NDArray[np.int64]) -> None:
        """Take over the actions, shape (environments,)."""
        self._actions = actions

    def step_wait(self) -> Step:
        """Move every episode on by one step."""
        m = self.market
        self.grown = advance.compiled(
            self._actions, SIDES, m.weight, self._places, self._held, self.step_bars, m.open,
            m.close, m.gap, m.cost_rate,
        )  # fmt: skip
        seen, rewards = self._observe()
        done, infos = self.steps >= self.episode_steps, self._infos
        if done.any():
            infos = list(infos)
            for i in np.flatnonzero(done):
                infos[i] = {"terminal_observation": seen[i], "TimeLimit.truncated": True}
            self._start(np.flatnonzero(done))
            seen, _ = self._observe()
        return seen, rewards, done, infos

    def close(self) -> None:
        """Nothing is held."""

    def get_attr(self, attr_name: str, indices: object = None) -> list[Any]:
        """Return an attribute once for each environment asked for."""
        return [getattr(self, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: object, indices: object = None) -> None:
        """Refuse: the environments share their state."""
        raise NotImplementedError(f"{attr_name} can't be set to {value} for {indices}")

    def env_method(self, method_name: str, *_: object, **__: object) -> list[Any]:
        """Refuse: there is no object for a single environment."""
        raise NotImplementedError(f"{method_name}: no environment is an object of its own")

    def env_is_wrapped(self, wrapper_class: type, indices: object = None) -> Sequence[bool]:
        """Return False for each environment asked for."""
        del wrapper_class
        return [False] * len(list(self._get_indices(indices)))

    @property
    def render_mode(self) -> None:
        """Nothing is drawn."""

    @render_mode.setter
    def render_mode(self, mode: None) -> None:
        del mode

    def _start(self, which: NDArray[np.int64]) -> None:
        chosen = self.market.starts[self.random.integers(0, len(self.market.starts), len(which))]
        self.symbol[which], self.row[which] = chosen[:, 0], chosen[:, 1]
        for state in (self.age, self.steps, self.side, self.wanted, self.now, self.units):
            state[which] = 0
        self.cash[which] = self.equity[which] = 1.0

    def _observe(self) -> tuple[Observations, NDArray[np.float32]]:
        """Return what each episode sees, and the reward of its last step."""
        seen = np.empty((self.num_envs, self.market.observed.shape[2] + 2), dtype=np.float32)
        rewards = np.empty(self.num_envs, dtype=np.float32)
        look(
            self.market.observed, self._places, self.side, AGE_BARS, AGE_LIMIT, self.grown,
            REWARD_SCALE, seen, rewards,
        )  # fmt: skip
        return seen, rewards
