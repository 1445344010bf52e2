"""The planted leak in a target is refused, always; what has ended when it says so is left alone."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from clm_api.errors import ClmError
from clm_trainer.panel import Floats, Panel
from clm_trainer.targets import Labels, Target
from clm_trainer.targets.barriers import BarrierParams, TripleBarrier
from clm_trainer.targets.base import fixed_ends
from clm_trainer.targets.returns import Return, Sign
from clm_trainer.targets.settled import cuts, require_settled
from tests.trainer.evaluation.markets import real, with_holes

DECLARED = 24
"""Every planted target says that its labels end this many bars after the next one."""
Values = Callable[[Panel, Floats], Floats]


@dataclass(frozen=True)
class Planted:
    """Labels of one's own with ends of one length."""

    values: Values

    def labels(self, panel: Panel, sigma: Floats) -> Labels:
        return Labels(self.values(panel, sigma), fixed_ends(panel, DECLARED))


def ahead(panel: Panel, bars: int) -> Floats:
    """log(close[t+bars] / close[t]); NaN where it is not known."""
    change = np.full_like(panel.close, np.nan)
    if len(panel) > bars:
        change[:-bars] = np.log(panel.close[bars:] / panel.close[:-bars])
    return change


def at(hour: int, panel: Panel) -> Floats:
    return np.where((panel.times.hour == hour)[:, None], 1.0, 0.0)


def peeking(bars: int, hour: int) -> Values:
    """Right but at one hour of the day, where a later close is added."""
    return lambda p, _: ahead(p, 20) + at(hour, p) * np.nan_to_num(ahead(p, bars))


def smoothed(panel: Panel, window: int, shift: int) -> Floats:
    frame = pd.DataFrame(panel.close)
    return frame.rolling(window).mean().shift(-shift).to_numpy() / panel.close - 1


def guessed(panel: Panel) -> Floats:
    """What is not known yet is guessed, also where the label says that it has ended."""
    return np.nan_to_num(ahead(panel, DECLARED + 4), nan=0.01)


LEAKS: dict[str, Values] = {
    "declares 24 bars and looks at 48": lambda p, _: ahead(p, 48),
    "looks one bar too far": lambda p, _: ahead(p, DECLARED + 2),
    "divided by the spread of all bars": lambda p, _: ahead(p, 20) / np.nanstd(ahead(p, 20)),
    "less the mean of all bars": lambda p, _: ahead(p, 20) - np.nanmean(ahead(p, 20)),
    "cut off at quantiles of all bars": lambda p, _: np.clip(
        ahead(p, 20), *np.nanquantile(ahead(p, 20), [0.1, 0.9])
    ),
    "ranked among all bars": lambda p, _: pd.DataFrame(ahead(p, 20)).rank(pct=True).to_numpy(),
    "one bar too far at midnight": peeking(DECLARED + 2, 0),
    "one bar too far at 13 o'clock": peeking(DECLARED + 2, 13),
    "a day too far at 23 o'clock": peeking(2 * DECLARED, 23),
    "a week too far at 5 o'clock": peeking(168, 5),
    "one bar too far on Sundays": lambda p, _: ahead(p, 20)
    + np.where((p.times.day_of_week == 6)[:, None], 1, 0)
    * np.nan_to_num(ahead(p, DECLARED + 2)),
    "an average that ends too late": lambda p, _: smoothed(p, 6, DECLARED + 3),
    "a centred average of the path": lambda p, _: pd.DataFrame(ahead(p, 20))
    .rolling(30, center=True).mean().to_numpy(),
    "holes filled from behind": lambda p, _: pd.DataFrame(
        np.where(at(12, p) > 0, np.nan, ahead(p, 25))
    ).bfill().to_numpy(),
    "the newest price of all": lambda p, _: np.log(p.close[-1:] / p.close),
    "the largest price to come": lambda p, _: np.log(
        np.maximum.accumulate(p.high[::-1], axis=0)[::-1] / p.close
    ),
    "the volatility to come": lambda p, s: ahead(p, 20) / np.roll(s, -DECLARED - 2, axis=0),
    "the other symbol, too far ahead": lambda p, _: ahead(p, DECLARED + 5)[:, ::-1],
    "the newest labels guessed": lambda p, _: guessed(p),
    "drawn anew every time": lambda p, _: ahead(p, 20)
    + np.random.default_rng().normal(0, 1e-6, p.close.shape),
}  # fmt: skip


def check(target: Target, panel: Panel) -> None:
    sigma = np.full(panel.close.shape, 0.004) * (1 + 0.1 * np.sin(np.arange(len(panel))))[:, None]
    require_settled(target, "mine.label", panel, sigma, target.labels(panel, sigma))


def test_there_are_20_leaks() -> None:
    assert len(LEAKS) == 20


@pytest.mark.parametrize("leak", LEAKS.values(), ids=LEAKS.keys())
def test_a_planted_leak_is_refused(leak: Values) -> None:
    with pytest.raises(ClmError, match=r"mine\.label: the label of .* after its end") as caught:
        check(Planted(leak), real(260))
    assert (caught.value.reason, caught.value.exit_code) == ("MetricsRejected", 66)


SOUND: dict[str, Target] = {
    "return": Return(24),
    "sign": Sign(24),
    "triple barrier": TripleBarrier(24, BarrierParams()),
    "triple barrier with one side": TripleBarrier(72, BarrierParams(loss_sigmas=None)),
    "the close as far ahead as it says": Planted(lambda p, _: ahead(p, DECLARED + 1)),
    "an average of closes as far ahead as it says": Planted(lambda p, _: smoothed(p, 6, 25)),
    "what came before counts too": Planted(
        lambda p, _: ahead(p, 20) / pd.DataFrame(p.close).expanding(2).std().to_numpy()
    ),
}


@pytest.mark.parametrize("target", SOUND.values(), ids=SOUND.keys())
@pytest.mark.parametrize("holes", [0.0, 0.03], ids=["whole", "with holes"])
def test_what_ends_when_it_says_is_left_alone(target: Target, holes: float) -> None:
    panel = real(260)
    check(target, with_holes(panel, np.random.default_rng(4).random((len(panel), 2)) < holes))


@dataclass(frozen=True)
class Given:
    """Labels that are what they are."""

    values: Floats
    ends: Floats

    def labels(self, panel: Panel, sigma: Floats) -> Labels:
        del sigma
        return Labels(self.values[: len(panel)], self.ends[: len(panel)])  # type: ignore[arg-type]


SHAPE = (260 * 24, 2)


@pytest.mark.parametrize(
    ("values", "ends", "said"),
    [
        (np.full(SHAPE, np.inf), np.tile(np.arange(SHAPE[0]), (2, 1)).T, "S at 2.* is infinite"),
        (np.zeros(SHAPE), np.zeros(SHAPE, dtype=np.int64), "ends before its own bar"),
        (np.zeros(SHAPE), np.full(SHAPE, 1e5), "ends are rows, not float64"),
        (np.zeros(SHAPE), np.zeros((3, 2), dtype=np.int64), r"ends of shape \(3, 2\)"),
        (np.zeros(SHAPE[:1]), np.zeros(SHAPE, dtype=np.int64), r"labels of shape \(6240,\)"),
    ],
    ids=["infinite", "ends before it begins", "ends of no rows", "too few ends", "one column"],
)  # fmt: skip
def test_labels_that_can_not_be_are_refused(values: Floats, ends: Floats, said: str) -> None:
    with pytest.raises(ClmError, match=said.replace("S at", "USDT at")) as caught:
        check(Given(values, ends), real(260))
    assert caught.value.reason == "MetricsRejected"


@pytest.mark.parametrize(
    ("bars", "bars_per_day", "hours", "days"),
    [(17520, 24.0, 24, 7), (6240, 24.0, 24, 7), (210240, 288.0, 24, 7), (730, 1.0, 1, 7)],
    ids=["two years of hours", "260 days of hours", "two years of 5 minutes", "two years of days"],
)  # fmt: skip
def test_every_hour_and_weekday_is_cut_at_and_all_cuts_are_cheap(
    bars: int, bars_per_day: float, hours: int, days: int
) -> None:
    made, hour = cuts(bars, bars_per_day), max(1, int(bars_per_day) // 24)
    assert len({cut // hour % 24 if hours > 1 else 0 for cut in made}) == hours
    assert len({cut // int(bars_per_day) % 7 for cut in made}) == days
    assert 0 < made[0] < made[-1] < bars
    assert sum(made) < 10 * bars


def test_a_few_bars_have_a_few_cuts() -> None:
    assert cuts(3, 24.0) == []
    check(Return(24), real(260).window(0, 30))
