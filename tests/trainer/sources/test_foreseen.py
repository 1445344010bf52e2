"""Series that hold the returns to come are refused; honest ones, however good, are not."""

import numpy as np
import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_trainer.panel import Floats, Panel
from clm_trainer.sources.asof import Rows
from clm_trainer.sources.foreseen import require_not_foreseen
from tests.trainer.evaluation.markets import panel_of

DAYS, DAY = 200, 24
_HOUR_US = 3_600_000_000


def walk(seed: int) -> Panel:
    """Hourly bars of two symbols that go nowhere in particular."""
    steps = np.random.default_rng(seed).normal(0, 0.005, (DAYS * DAY + 1, 2))
    prices = 100 * np.exp(np.cumsum(steps, axis=0))
    return panel_of(prices[:-1], prices[1:])


def daily(panel: Panel, values: Floats, known_after_hours: int) -> Rows:
    """One value a day, about the day, known some hours after its start."""
    start = panel.times.as_unit("us").asi8[::DAY][: len(values)]
    return Rows.of(start, start + known_after_hours * _HOUR_US, values)


def of_the_day(panel: Panel, symbol: int = 0) -> dict[str, Floats]:
    """What can be said of each day when it is over."""
    opens, closes = panel.open[::DAY, symbol], panel.close[DAY - 1 :: DAY, symbol]
    noise = np.random.default_rng(5).normal(0, 0.005, DAYS)
    change = np.log(closes / opens)
    return {
        "its return": change,
        "its return, roughly": change + noise,
        "its last price": closes,
        "the sum of all returns": np.cumsum(change),
        "against it": -change,
    }


@pytest.mark.parametrize("what", of_the_day(walk(0)))
@pytest.mark.parametrize("seed", range(20))
def test_a_day_s_figure_that_is_said_to_be_known_in_the_morning_is_refused(
    what: str, seed: int
) -> None:
    panel = walk(seed)
    values = of_the_day(panel)[what]
    with pytest.raises(ClmError) as refused:
        require_not_foreseen("mood.score", daily(panel, values, 0), panel, range(2))
    said = refused.value.message
    assert "look-ahead: mood.score foretells S0/USDT" in said
    assert "is available_at when each value was really known?" in said
    require_not_foreseen("mood.score", daily(panel, values, DAY), panel, range(2))


def test_it_is_looked_for_in_each_symbol_that_sees_the_series() -> None:
    panel = walk(1)
    leak = daily(panel, of_the_day(panel, 1)["its return"], 0)
    require_not_foreseen("mood.score", leak, panel, range(1))
    with pytest.raises(ClmError, match="foretells S1/USDT"):
        require_not_foreseen("mood.score", leak, panel, range(2))


@pytest.mark.parametrize("seed", range(20))
def test_an_honest_signal_that_is_far_better_than_any_market_has_goes_on(seed: int) -> None:
    """A rank correlation of about 0.4 with the day to come."""
    panel = walk(seed)
    change = of_the_day(panel)["its return"]
    noise = np.random.default_rng(seed + 100).normal(0, 2.2 * change.std(), DAYS)
    require_not_foreseen("mood.score", daily(panel, change + noise, 0), panel, range(2))


@pytest.mark.parametrize("leaks", [True, False], ids=["of the hour to come", "of the hour before"])
def test_of_values_denser_than_bars_the_newest_at_each_close_counts(*, leaks: bool) -> None:
    """Four values an hour; the last of them holds the return of a bar."""
    panel = walk(7)
    change = np.log(panel.close[1:, 0] / panel.close[:-1, 0])
    told = change[1:] if leaks else change[:-1]
    quarters = np.random.default_rng(2).normal(size=(len(told), 4))
    quarters[:, 3] = told
    hours = panel.times.as_unit("us").asi8[1:-1]
    moments = (hours[:, None] + np.arange(1, 5) * _HOUR_US // 5).ravel()
    rows = Rows.of(moments, moments, quarters.ravel())
    if leaks:
        with pytest.raises(ClmError, match="the return of the 1 bar"):
            require_not_foreseen("mood.score", rows, panel, range(2))
    else:
        require_not_foreseen("mood.score", rows, panel, range(2))


def test_a_history_that_became_known_at_once_says_nothing() -> None:
    panel = walk(8)
    rows = daily(panel, of_the_day(panel)["its return"], 0)
    at_once = Rows.of(rows.about, np.full(DAYS, rows.known[-50]), rows.numbers)
    require_not_foreseen("mood.score", at_once, panel, range(2))


def test_too_few_values_say_nothing() -> None:
    panel = walk(2)
    values = of_the_day(panel)["its return"][:20]
    require_not_foreseen("mood.score", daily(panel, values, 0), panel, range(2))


def test_a_constant_foretells_nothing() -> None:
    panel = walk(3)
    require_not_foreseen("mood.score", daily(panel, np.ones(DAYS), 0), panel, range(2))


def test_the_first_word_counts_not_a_correction_that_came_after_the_day() -> None:
    panel = walk(4)
    change = of_the_day(panel)["its return"]
    first = daily(panel, np.random.default_rng(1).normal(size=DAYS), 0)
    later = daily(panel, change, DAY + 1)
    both = Rows.of(
        *(np.concatenate([getattr(one, name) for one in (first, later)])
          for name in ("about", "known", "numbers"))
    )  # fmt: skip
    require_not_foreseen("mood.score", both, panel, range(2))


def test_bars_of_another_time_than_the_series_are_left_alone() -> None:
    panel = walk(6)
    early = panel.times[0] - pd.Timedelta("4000D")
    about = np.arange(100) * DAY * _HOUR_US + early.value // 1000
    rows = Rows.of(about, about, np.random.default_rng(1).normal(size=100))
    require_not_foreseen("mood.score", rows, panel, range(2))
