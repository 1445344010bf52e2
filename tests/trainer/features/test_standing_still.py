"""Where nothing moved, a feature says nothing: it is 0, and never the strongest of all signals."""

import warnings

import numpy as np
import pytest

from clm_trainer.features import WARM_UP_BARS, build_features
from clm_trainer.panel import Floats
from tests.trainer.evaluation.markets import panel_of

BARS, MOVED = 1700, 800
CLOCK = ("hour_sin", "hour_cos", "weekday_sin", "weekday_cos")
FADING = ("emad12", "emad48", "emad168", "macdh")
"""Distances from averages that never forget: they fade."""


def moving(bars: int) -> Floats:
    walk: Floats = 100 * np.exp(np.cumsum(np.random.default_rng(5).normal(0, 0.01, (bars, 1)), 0))
    return walk


def at_the_end(close: Floats, volume: float) -> dict[str, float]:
    """Return the newest bar's features by name; every bar opens where the last one closed."""
    opens = np.concatenate([close[:1], close[:-1]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = build_features(panel_of(opens, close, volume=volume))
    assert table.usable[WARM_UP_BARS:].all()
    newest = table.values[-1, 0]
    return dict(zip(table.names, newest.tolist(), strict=True))


@pytest.mark.parametrize("volume", [1.0, 0.0], ids=["steady volume", "no volume"])
@pytest.mark.parametrize("price", [1e-9, 0.3, 100.0, 7e5], ids=lambda p: f"a price of {p:g}")
def test_a_price_that_never_moved(price: float, volume: float) -> None:
    found = at_the_end(np.full((BARS, 1), price), volume)
    wrong = {n: v for n, v in found.items() if n not in CLOCK and abs(v) > 1e-9}
    assert not wrong


@pytest.mark.parametrize("volume", [1.0, 0.0], ids=["steady volume", "no volume"])
def test_a_price_that_stood_still_for_longer_than_every_window(volume: float) -> None:
    moved = moving(MOVED)
    close = np.concatenate([moved, np.full((BARS - MOVED, 1), moved[-1, 0])])
    found = at_the_end(close, volume)
    wrong = {n: v for n, v in found.items() if n not in (*CLOCK, *FADING) and v != 0}
    assert not wrong
    assert all(abs(found[name]) < 0.01 for name in FADING)


@pytest.mark.parametrize(
    ("name", "bars"),
    [("rsi14", 14), ("rsi48", 48), ("atr_r", 24), ("vol24_168", 24), ("pos24", 24),
     ("svol24", 24), ("skew72", 72), ("vol168_720", 720)],
)  # fmt: skip
@pytest.mark.parametrize("price", [1e-9, 100.0], ids=lambda p: f"a price around {p:g}")
def test_it_is_0_once_its_window_stands_still_and_not_before(
    name: str, bars: int, price: float
) -> None:
    moved = moving(1000) * price / 100
    still = np.concatenate([moved, np.full((bars, 1), moved[-1, 0])])
    assert at_the_end(still, 1.0)[name] == 0
    assert at_the_end(still[: -bars // 2], 1.0)[name] != 0


@pytest.mark.parametrize(
    ("name", "up", "down"),
    [("rsi14", 1, -1), ("rsi48", 1, -1), ("pos24", 1, -1), ("svol24", 1, -1), ("body", 1, -1)],
)
def test_what_only_rises_or_falls_has_the_strongest_value(name: str, up: int, down: int) -> None:
    steps = np.arange(BARS)[:, None] * 1e-3
    assert at_the_end(100 * np.exp(steps), 1.0)[name] == pytest.approx(up)
    assert at_the_end(100 * np.exp(-steps), 1.0)[name] == pytest.approx(down)
