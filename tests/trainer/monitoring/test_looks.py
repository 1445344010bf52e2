"""The looks at a shadow test: fixed beforehand, paired with the champion, never changed."""

from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import numpy as np
import pandas as pd
import pytest

from clm_api.promotion import ShadowSpec
from clm_api.replay import Look, ReplayTask
from clm_trainer.evaluation.bootstrap import paired_bootstrap
from clm_trainer.evaluation.metrics import annual_sharpe
from clm_trainer.monitoring.looks import incomparable, lengths, look, reached
from clm_trainer.monitoring.stretch import Track
from clm_trainer.serving.model import load
from clm_trainer.serving.newest import newest_bars
from clm_trainer.storage import Storage
from tests.trainer.monitoring.published import (
    CHALLENGER_UNTIL,
    layout_of,
    report_of,
    task_of,
    tiny_run,
)


@dataclass(frozen=True)
class Lengths:
    name: str
    min_bars: int
    max_days: int
    bars_per_day: float
    looks: tuple[int, ...]


LENGTHS = [
    Lengths("the default: hourly, 30 days", 168, 30, 24, (168, 336, 672)),
    Lengths("the last one just fits", 180, 30, 24, (180, 360, 720)),
    Lengths("the first alone, longer than the test may be", 800, 30, 24, (800,)),
    Lengths("minutes", 168, 30, 1440, tuple(168 * 2**k for k in range(9))),
    Lengths("never more than sixteen", 1, 365, 1440, tuple(2**k for k in range(16))),
]


@pytest.mark.parametrize("case", LENGTHS, ids=attrgetter("name"))
def test_lengths(case: Lengths) -> None:
    spec = ShadowSpec(min_bars=case.min_bars, max_days=case.max_days)
    assert lengths(spec, case.bars_per_day) == case.looks


def track(store: Storage, name: str, task: ReplayTask) -> Track:
    model = load(store.address(layout_of(name).manifest))
    return Track(name, "0" * 64, model, newest_bars(model, store, pd.Timestamp(task.slot)))


def looks_at(store: Storage, bars: int, **changes: Any) -> list[Look]:
    """What a replay after so many bars says."""
    task = task_of(store, bars=bars, **changes)
    own, other = track(store, "challenger", task), track(store, "champion", task)
    return reached(own, other, task, lengths(task.shadow, 24))


def test_a_look_that_is_reached_never_changes(store: Storage) -> None:
    spec = {"minBars": 100, "maxDays": 20}
    early, then, later, latest = (looks_at(store, n, shadow=spec) for n in (99, 100, 120, 680))
    assert early == []
    assert [one.bars for one in latest] == [100, 200, 400]
    assert then == later == latest[:1], "to the last digit"
    assert then[0].p_not_worse is not None
    assert latest[1].metrics != latest[0].metrics


def test_looks_planned_are_all_that_may_come(store: Storage) -> None:
    shadow = report_of(store, task_of(store, bars=15)).shadow
    assert shadow is not None
    assert (shadow.looks_planned, [one.bars for one in shadow.looks]) == (3, [12])


def test_a_look_is_the_paired_bootstrap_of_its_own_bars(store: Storage) -> None:
    task = task_of(store, bars=120, comparison={"margin": 0.4})
    own, other = track(store, "challenger", task), track(store, "champion", task)
    made = look(own, other, "", 96, task)
    start = pd.Timestamp(CHALLENGER_UNTIL)
    first, second = own.stretch(start, 96), other.stretch(start, 96)
    held = [*first.result.trades["bars"], *second.result.trades["bars"]]
    assert len(held) > 3
    expected = paired_bootstrap(
        first.returns, second.returns, block_bars=float(np.mean(held)),
        margin=0.4 / 8766, seed=own.model.spec.model.seed,
    )  # fmt: skip
    assert (made.p_not_worse, made.p_worse) == (expected.p_not_worse, expected.p_worse)
    assert made.champion_sharpe == annual_sharpe(second.returns, 8766)
    assert made.metrics == first.scores().metrics
    assert made.problem == ""


def test_the_margin_and_the_seed_matter(store: Storage) -> None:
    task = task_of(store, bars=96)
    own, other = track(store, "challenger", task), track(store, "champion", task)
    wide = task_of(store, bars=96, comparison={"margin": 50.0})
    spec = own.model.spec
    reseeded = spec.having(model=spec.model.having(seed=99))
    seeded = replace(own, model=replace(own.model, spec=reseeded))
    usual, lenient = look(own, other, "", 96, task), look(own, other, "", 96, wide)
    assert usual.p_not_worse is not None
    assert lenient.p_not_worse is not None
    assert lenient.p_not_worse < usual.p_not_worse
    assert look(seeded, other, "", 96, task).p_not_worse != usual.p_not_worse


def test_too_few_blocks_is_a_problem_and_no_p_value(store: Storage) -> None:
    (made,) = looks_at(store, 25, shadow={"minBars": 24, "maxDays": 4})
    assert "24 bars are fewer than 5 blocks" in made.problem
    assert (made.p_not_worse, made.p_worse) == (None, None)
    assert made.champion_sharpe is not None


def test_a_champion_that_was_trained_later_moves_the_first_bar_of_both(store: Storage) -> None:
    task = task_of(store)
    newer, older = track(store, "challenger", task), track(store, "champion", task)
    made = reached(older, newer, task, lengths(task.shadow, 24))
    assert [one.bars for one in made] == [12, 24]
    expected = older.stretch(pd.Timestamp(CHALLENGER_UNTIL), 24)
    assert made[1].metrics == expected.scores().metrics


@dataclass(frozen=True)
class Pair:
    name: str
    champion: dict[str, Any]
    said: str


PAIRS = [
    Pair("the same market", {}, ""),
    Pair("the same symbols in another order", {"symbols": ["ETH/USDT", "BTC/USDT"]}, ""),
    Pair("more history is no other market", {"lookbackDays": 300}, ""),
    Pair("another timeframe", {"timeframe": "4h"}, "timeframe 1h instead of 4h"),
    Pair("fewer symbols", {"symbols": ["BTC/USDT"]}, "symbols ['BTC/USDT', 'ETH/USDT'] instead"),
    Pair("perpetuals", {"market": "usdm"}, "market spot instead of usdm; symbols"),
    Pair("another exchange", {"exchange": "kraken"}, "exchange binance instead of kraken"),
]


@pytest.mark.parametrize("case", PAIRS, ids=attrgetter("name"))
def test_versions_are_compared_on_the_same_bars_or_not_at_all(case: Pair) -> None:
    said = incomparable(tiny_run().data, tiny_run(data=case.champion).data)
    assert case.said in said
    assert bool(said) == bool(case.said)
