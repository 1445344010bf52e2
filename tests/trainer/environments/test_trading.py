"""The environment pays what the backtest would: same fills, same costs, same holes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from clm_trainer.environments.market import Market
from clm_trainer.environments.trading import REWARD_SCALE, TradingEnvironments
from clm_trainer.evaluation import backtest
from clm_trainer.evaluation.play import Play
from clm_trainer.families.base import Dataset
from clm_trainer.panel import Floats, Panel
from clm_trainer.stages.features import dataset
from clm_trainer.targets.returns import Return
from tests.trainer.evaluation.markets import real, with_holes
from tests.trainer.families.runs import run_spec

DAYS, STEP_BARS, STEPS, ENVIRONMENTS = 60, 4, 30, 12
BARS = STEP_BARS * STEPS
LONG_FLAT: dict[str, Any] = {}
LONG_SHORT = {"data": {"market": "usdm"}, "target": {"positions": "longFlatShort"}}


def panel(holes: float) -> Panel:
    gap = np.random.default_rng(8).random((DAYS * 24, 2)) < holes
    return with_holes(real(DAYS), gap)


def market(made: Panel, rows: Dataset, **groups: Any) -> Market:
    return Market.of(rows, run_spec(**groups), BARS)


def played(
    env: TradingEnvironments, seed: int
) -> tuple[Floats, Floats, Floats, list[tuple[int, int]]]:
    """Play one episode of each environment; return rewards, growth, targets by bar, starts."""
    env.reset()
    starts = list(zip(env.symbol.tolist(), env.row.tolist(), strict=True))
    random = np.random.default_rng(seed)
    rewards, growth = np.zeros((2, STEPS, ENVIRONMENTS))
    targets = np.zeros((BARS + 1, ENVIRONMENTS))
    for step in range(STEPS):
        env.step_async(random.integers(0, env.action_space.n, ENVIRONMENTS))
        # The last step starts new episodes, so the targets are noted before it is taken.
        side = np.where(
            env.market.gap[env.symbol, env.row], env.side, np.array([0, 1, -1])[env._actions]
        )
        entered = side * env.market.weight[env.symbol, env.row]
        wanted = np.where(side != env.side, entered, env.wanted)
        targets[step * STEP_BARS : (step + 1) * STEP_BARS] = wanted
        rewards[step], growth[step] = env.step_wait()[1], env.grown
    return rewards, growth, targets, starts


@pytest.mark.parametrize("groups", [LONG_FLAT, LONG_SHORT], ids=["long and flat", "with shorts"])
@pytest.mark.parametrize("holes", [0.0, 0.1], ids=["complete bars", "a tenth is missing"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_reward_is_the_backtests_net_log_return(
    groups: dict[str, Any], holes: float, seed: int
) -> None:
    made = panel(holes)
    rows = dataset(made, Return(24))
    env = TradingEnvironments(market(made, rows, **groups), ENVIRONMENTS, STEP_BARS, STEPS, seed)
    rewards, growth, targets, starts = played(env, seed)
    spec = run_spec(**groups)
    for i, (symbol, row) in enumerate(starts):
        window = made.window(row, row + BARS + 1)
        one = replace(
            window, symbols=(made.symbols[symbol],),
            **{n: getattr(window, n)[:, [symbol]] for n in
               ("open", "high", "low", "close", "volume", "gap")},
        )  # fmt: skip
        net = backtest.net_returns(Play(one, targets[:, [i]], spec.cost_bps))
        wanted = np.log1p(net[1:]).reshape(STEPS, STEP_BARS).sum(axis=1)
        np.testing.assert_allclose(growth[:, i], wanted, rtol=0, atol=1e-12)
        np.testing.assert_allclose(rewards[:, i], REWARD_SCALE * wanted, rtol=1e-6, atol=1e-6)
    assert (targets < 0).any() == bool(groups)
    assert (targets > 0).any()


def test_an_episode_ends_as_a_truncation_with_its_last_observation() -> None:
    made = panel(0.0)
    env = TradingEnvironments(market(made, dataset(made, Return(24))), 3, STEP_BARS, STEPS, 1)
    env.reset()
    env.steps[:] = [STEPS - 1, 0, STEPS - 2]
    env.side[0] = 1.0
    row = int(env.row[0])
    features = env.market.observed[env.symbol[0], row + STEP_BARS]
    observed, _, done, infos = env.step(np.array([1, 1, 1]))
    assert done.tolist() == [True, False, False]
    assert infos[0]["TimeLimit.truncated"]
    np.testing.assert_array_equal(infos[0]["terminal_observation"][:-2], features)
    assert infos[0]["terminal_observation"][-2] == 1, "the position that it ended with"
    assert observed[0, -2:].tolist() == [0, 0], "the next episode begins flat"
    assert infos[1] == {}


def test_what_is_observed_besides_features_is_side_and_age() -> None:
    made = panel(0.0)
    env = TradingEnvironments(market(made, dataset(made, Return(24)), **LONG_SHORT), 1, 4, STEPS, 1)
    env.reset()
    seen = [env.step(np.array([a]))[0][0, -2:].tolist() for a in (1, 1, 2, 0)]
    assert seen == [[1, pytest.approx(4 / 24)], [1, pytest.approx(8 / 24)],
                    [-1, pytest.approx(4 / 24)], [0, 0]]  # fmt: skip


def test_episodes_start_where_bars_are_usable_and_stay_inside_the_rows() -> None:
    made = panel(0.1)
    rows = dataset(made, Return(24))
    starts = market(made, rows).starts
    assert rows.usable[starts[:, 1], starts[:, 0]].all()
    assert np.isfinite(rows.target[starts[:, 1], starts[:, 0]]).all()
    assert starts[:, 1].max() < len(rows) - BARS
