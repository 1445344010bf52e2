"""Bars that can't be what they seem: found within a day, and never in real bars."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from tools.study.changes import Change, prices_frozen, scaled, silent, volume_gone
from tools.study.seeds import shapes
from tools.study.stationary import stationary

from clm_api.drift import MarketFaultKind
from clm_trainer.monitoring.drift_faults import faults_of
from clm_trainer.panel import Panel

DAY, TRAINED = 24, 180 * 24
NOBODY = np.random.default_rng(0)
FAULTS: dict[str, tuple[Change, MarketFaultKind, str]] = {
    "no volume": (volume_gone, MarketFaultKind.VOLUME_GONE, "moves without any volume"),
    "one price": (prices_frozen, MarketFaultKind.PRICES_FROZEN, "repeats the same prices"),
    "price × 1000": (scaled("prices", 1000), MarketFaultKind.UNIT_CHANGED, "1e+03 times"),
    "price ÷ 10": (scaled("prices", 0.1), MarketFaultKind.UNIT_CHANGED, "1/10 of"),
    "volume × 1000": (scaled("volume", 1000), MarketFaultKind.UNIT_CHANGED, "volume for its"),
    "volume ÷ 1000": (scaled("volume", 0.001), MarketFaultKind.UNIT_CHANGED, "volume for its"),
    "no bar": (silent, MarketFaultKind.SYMBOL_SILENT, "while others have"),
}


@cache
def market(source: str) -> Panel:
    """Bars of two years, drawn or real."""
    panel = stationary(2, 2 * 8766) if source == "drawn" else shapes().window(0, 2 * 8766)
    return replace(panel, symbols=("AAA/USDT", "BBB/USDT"))


@pytest.mark.parametrize("source", ["drawn", "real"])
@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.parametrize("after", [DAY, 20 * DAY], ids=["a day later", "three weeks later"])
def test_a_fault_is_found(source: str, name: str, after: int) -> None:
    change, kind, says = FAULTS[name]
    begun = TRAINED + 500
    panel = change(market(source), begun, NOBODY).window(0, begun + after)
    found = faults_of(panel, TRAINED)
    assert [(one.symbol, one.kind) for one in found] == [("BBB/USDT", kind)]
    assert says in found[0].message
    assert abs(pd.Timestamp(found[0].since) - panel.times[begun]) <= pd.Timedelta("12h")


@pytest.mark.parametrize("source", ["drawn", "real"])
def test_bars_without_a_fault_have_none(source: str) -> None:
    panel = market(source)
    looks = range(TRAINED + 1, len(panel), 5 * DAY)
    assert [faults_of(panel.window(0, stop), TRAINED) for stop in looks] == [[]] * len(looks)


NAMES = ("open", "high", "low", "close", "volume", "gap")


def swapped(panel: Panel) -> Panel:
    """The columns of the two symbols in the other order."""
    return replace(panel, **{name: getattr(panel, name)[:, ::-1] for name in NAMES})


def both(change: Change, panel: Panel, begun: int, stop: int) -> Panel:
    """The change on both symbols, until it is over."""
    made = swapped(change(swapped(change(panel, begun, NOBODY)), begun, NOBODY))
    changed = {name: getattr(panel, name).copy() for name in NAMES}
    for name, values in changed.items():
        values[begun:stop] = getattr(made, name)[begun:stop]
    return replace(panel, **changed)


@pytest.mark.parametrize(
    ("change", "bars"),
    [(silent, 30), (volume_gone, 8), (prices_frozen, 8), (scaled("prices", 1000), 1)],
    ids=[
        "the exchange is away for a day: no bars of any symbol",
        "eight hours without volume",
        "eight hours at one price",
        "one wrong price of both",
    ],
)
def test_what_an_exchange_does_now_and_then_is_no_fault(change: Change, bars: int) -> None:
    begun = TRAINED + 500
    for later in (0, 3):
        panel = both(change, market("drawn"), begun, begun + bars)
        assert faults_of(panel.window(0, begun + bars + later), TRAINED) == []


def test_what_the_training_knew_is_no_fault() -> None:
    thin = market("drawn").volume.copy()
    thin[1000:1030, 1] = 0.0
    thin[TRAINED + 100 : TRAINED + 150, 1] = 0.0
    panel = replace(market("drawn"), volume=thin).window(0, TRAINED + 150)
    assert faults_of(panel, TRAINED) == []
    fault = faults_of(panel, 900)[0]
    assert fault.kind is MarketFaultKind.VOLUME_GONE
