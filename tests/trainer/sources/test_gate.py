"""What the quality gate finds in bars, and what it lets through."""

import numpy as np
import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_trainer.sources.gate import Hole, fresh, holes_until, require, spikes
from clm_trainer.sources.ledger import Span
from tests.trainer.sources.worlds import BTC, HOUR

START = pd.Timestamp("2025-11-01", tz="UTC")
TIMES = pd.date_range(START, periods=300, freq="h")


def _walk() -> pd.Series:
    return pd.Series(100 * np.exp(np.random.default_rng(1).normal(0, 0.002, 300).cumsum()))


def test_a_spike_that_reverts_is_told_and_a_jump_that_stays_is_none() -> None:
    close = _walk()
    close[50] *= 1.2
    close[100:] *= 0.8
    assert spikes(TIMES, close, HOUR) == [TIMES[50]]


def test_a_move_across_a_hole_is_no_bars_move() -> None:
    close, kept = _walk(), np.ones(300, bool)
    close[50] *= 1.2
    kept[51:60] = False
    times, rest = TIMES[kept], close[kept].reset_index(drop=True)
    assert spikes(times, rest, HOUR) == []


@pytest.mark.parametrize("count", [0, 3])
def test_a_few_bars_have_no_spikes(count: int) -> None:
    assert spikes(TIMES[:count], _walk()[:count], HOUR) == []


def test_holes_are_counted_on_the_grid_up_to_the_end() -> None:
    times = TIMES[[2, 3, 6, 7]]
    found = holes_until(times, HOUR, TIMES[10])
    assert found == [Hole(TIMES[4], 2), Hole(TIMES[8], 2)]


@pytest.mark.parametrize(("age", "good"), [(1, True), (4, True), (5, False)], ids=str)
def test_three_bars_late_are_fresh_enough(age: int, *, good: bool) -> None:
    assert fresh(TIMES[10], TIMES[10] + age * HOUR, HOUR) == good
    assert not fresh(None, TIMES[10], HOUR)


@pytest.mark.parametrize(
    ("rows", "stop", "any_age", "reason", "said"),
    [
        ([], 10, False, "DataUnavailable", "no bars of binance spot BTC/USDT 1h"),
        ([*range(6)], 10, False, "DataUnavailable", "newest bar of binance spot BTC/USDT 1h"),
        ([*range(3), *range(6, 10)], 10, False, "DataGap", "3 bar(s) from 2025-11-01 03:00"),
        ([*range(6)], 10, True, "DataGap", "4 bar(s) from 2025-11-01 06:00"),
        ([*range(0, 80, 8)], 73, True, "DataGap", "and 4 more"),
    ],
    ids=["none", "old", "a hole", "a hole at the end", "many holes"],
)
def test_what_cannot_be_trained_on(
    rows: list[int], stop: int, reason: str, said: str, *, any_age: bool
) -> None:
    with pytest.raises(ClmError) as caught:
        require(TIMES[rows], BTC, Span(START, TIMES[stop]), 2, any_age=any_age)
    assert (caught.value.reason, said in caught.value.message) == (reason, True)


def test_a_symbol_that_was_listed_later_has_no_hole_before() -> None:
    require(TIMES[5:10], BTC, Span(START, TIMES[10]), 0, any_age=False)
