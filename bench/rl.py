"""Both sides of the RL rows, in the project's environment and on one market.

The rival is what a user of the library would write: a gymnasium environment for one episode, eight
of them in a DummyVecEnv, and PPO with the library's defaults. ``python -m bench.rl`` compares what
both sides have learned.
"""

from datetime import UTC, datetime
from functools import cache
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv
from tools.study.mirrored import mirrored

from bench.boosting import panel
from bench.serve import Result, Task
from clm_api.parameters.rl import RlV3Parameters
from clm_api.resolve import resolve
from clm_api.run import RunSpec, RunTrials
from clm_api.training_schedule import TrainingScheduleSpec
from clm_trainer.environments.market import OBSERVED_LIMIT, Market
from clm_trainer.environments.trading import (
    AGE_BARS,
    AGE_LIMIT,
    REWARD_SCALE,
    TradingEnvironments,
)
from clm_trainer.families.rl_v3 import algorithm
from clm_trainer.stages.features import dataset
from clm_trainer.targets.returns import Return

P = RlV3Parameters()
STRENGTH, SEEDS, RIVALS = 0.1, 5, 8
STEPS_TIMED = 40_000
"""Environment steps of one timed run of either side."""


@cache
def spec() -> RunSpec:
    schedule = {
        "interval": "4h",
        "model": {"family": "rl-v3"},
        "data": {"symbols": list(panel().symbols), "refresh": "Never"},
    }
    return resolve(
        TrainingScheduleSpec.model_validate(schedule), slot=datetime(2026, 1, 1, tzinfo=UTC),
        trials=RunTrials(), pod_defaults={"image": "bench", "gpu": {"count": 0}, "resources": {}},
    )  # fmt: skip


@cache
def market() -> Market:
    rows = dataset(mirrored(panel(), 0, STRENGTH)[0], Return(24))
    return Market.of(rows, spec(), P.step_bars * P.episode_steps)


class PlainEnvironment(gymnasium.Env[Any, Any]):  # type: ignore[misc]
    """One episode at a time in plain Python: flat or long, fills at the next open."""

    def __init__(self, shared: Market, seed: int) -> None:
        self.market, self.random = shared, np.random.default_rng(seed)
        limit = np.full(shared.observed.shape[2] + 2, OBSERVED_LIMIT, dtype=np.float32)
        self.observation_space, self.action_space = spaces.Box(-limit, limit), spaces.Discrete(2)
        self.place(0, 0)

    def place(self, symbol: int, row: int) -> None:
        self.symbol, self.row, self.steps, self.age = symbol, row, 0, 0
        self.side, self.wanted, self.now = 0.0, 0.0, 0.0
        self.cash, self.units, self.equity = 1.0, 0.0, 1.0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        del seed, options
        symbol, row = self.market.starts[self.random.integers(len(self.market.starts))]
        self.place(int(symbol), int(row))
        return self._observe(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        m, s = self.market, self.symbol
        side = self.side if m.gap[s, self.row] else float(action)
        if side != self.side:
            self.wanted, self.age = side * float(m.weight[s, self.row]), 0
        self.age = self.age + P.step_bars if side else 0
        self.side, before, rate = side, self.equity, m.cost_rate
        for t in range(self.row + 1, self.row + 1 + P.step_bars):
            if m.gap[s, t]:
                continue
            if self.wanted != self.now:
                price = float(m.open[s, t])
                value = self.cash + self.units * price
                share = self.units * price / value
                sign = 1.0 if self.wanted >= share else -1.0
                value *= (1 + sign * rate * share) / (1 + sign * rate * self.wanted)
                self.units = self.wanted * value / price
                self.cash = value - self.units * price
                self.now = self.wanted
            self.equity = self.cash + self.units * float(m.close[s, t])
        self.row += P.step_bars
        self.steps += 1
        reward = REWARD_SCALE * float(np.log(self.equity / before))
        return self._observe(), reward, False, self.steps >= P.episode_steps, {}

    def _observe(self) -> Any:
        extra = [self.side, min(self.age / AGE_BARS, AGE_LIMIT)]
        return np.append(self.market.observed[self.symbol, self.row], extra).astype(np.float32)


def plain(seed: int) -> DummyVecEnv:
    return DummyVecEnv([lambda i=i: PlainEnvironment(market(), seed + i) for i in range(RIVALS)])


def ours(seed: int) -> TradingEnvironments:
    return TradingEnvironments(market(), P.environments, P.step_bars, P.episode_steps, seed)


def _same_starts(env: VecEnv) -> None:
    """Place the first environments of either side on the same bars."""
    for i in range(RIVALS):
        symbol, row = (int(x) for x in market().starts[1000 * (i + 1) % len(market().starts)])
        if isinstance(env, TradingEnvironments):
            env.symbol[i], env.row[i], env.steps[i] = symbol, row, 0
        else:
            env.envs[i].unwrapped.place(symbol, row)


def steps(side: str) -> Task:
    """Step environments with drawn actions; the rewards of the first hundred are compared."""
    env = ours(1) if side == "ours" else plain(1)
    count = STEPS_TIMED // env.num_envs
    actions = np.random.default_rng(3).integers(0, 2, (count, env.num_envs))
    shared = np.random.default_rng(4).integers(0, 2, (100, RIVALS))
    env.reset()
    _same_starts(env)
    first = []
    for row in shared:
        env.step_async(np.resize(row, env.num_envs))
        first.append(env.step_wait()[1][:RIVALS])

    def task() -> Result:
        for row in actions:
            env.step_async(row)
            env.step_wait()
        return {"rewards": np.array(first, dtype=np.float64)}

    return task


def training(side: str) -> Task:
    """Train for the same number of environment steps; the market is compared, not the luck."""

    def task() -> Result:
        if side == "ours":
            model = algorithm(P, ours(1), 1, "cpu")
        else:
            model = PPO("MlpPolicy", plain(1), seed=1, device="cpu")
        model.learn(STEPS_TIMED)
        return {"market": market().close}

    return task


def returns(side: str, seed: int) -> float:
    """Return the mean reward a step of a fully trained policy, acting greedily on new bars."""
    if side == "ours":
        model = algorithm(P, ours(seed), seed, "cpu")
    else:
        model = PPO("MlpPolicy", plain(seed), seed=seed, device="cpu")
    model.learn(P.total_steps)
    rows = dataset(mirrored(panel(), 100 + seed, STRENGTH)[0], Return(24))
    unseen = Market.of(rows, spec(), P.step_bars * P.episode_steps)
    env = TradingEnvironments(unseen, 64, P.step_bars, P.episode_steps, 9)
    seen, total = env.reset(), 0.0
    for _ in range(P.episode_steps):
        seen, reward, _, _ = env.step(model.predict(seen, deterministic=True)[0])
        total += float(reward.mean())
    return total / P.episode_steps


if __name__ == "__main__":
    for number in range(SEEDS):
        found = [f"{side} {returns(side, number):+.5f}" for side in ("ours", "library")]
        print(f"seed {number}  mean reward a step on new bars  {'  '.join(found)}", flush=True)
