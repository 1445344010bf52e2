"""A planted leak in an own feature set is refused, and so is a look-back longer than declared."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clm_api.errors import ClmError
from clm_trainer.features.windowed import LEAST_BLOCK_BARS
from tests.trainer.evaluation.markets import real, with_holes
from tests.trainer.own.planted import (
    LEAKS,
    SOUND,
    SOUND_PANEL,
    TOO_SHORT,
    leaking,
    planted,
    watched,
)

MEMORY = ("a cache by time alone", "drawn numbers")


@pytest.mark.parametrize(("seed", "leak"), [*enumerate(LEAKS)], ids=LEAKS)
def test_a_planted_leak_is_refused(seed: int, leak: str, tmp_path: Path) -> None:
    said = "values in another process" if leak in MEMORY else "look-ahead in feature set"
    program = leaking(LEAKS[leak])
    with (
        planted(program, tmp_path, model={"seed": seed}) as run,
        pytest.raises(ClmError, match=said) as caught,
    ):
        watched(run, real(200))
    assert caught.value.reason == "MetricsRejected"
    assert '"x" of ' in caught.value.message


@pytest.mark.parametrize("column", TOO_SHORT.values(), ids=TOO_SHORT)
def test_a_look_back_longer_than_declared_is_refused(column: str, tmp_path: Path) -> None:
    said = "declares a look-back of 100 bars"
    with (
        planted(leaking(column, 100), tmp_path) as run,
        pytest.raises(ClmError, match=said) as caught,
    ):
        watched(run, real(200))
    assert caught.value.reason == "MetricsRejected"
    assert "raise lookback_bars" in caught.value.message


@pytest.mark.parametrize("program", [SOUND, SOUND_PANEL], ids=["of a symbol", "of the panel"])
def test_a_sound_set_passes_with_holes_too(program: str, tmp_path: Path) -> None:
    panel = real(200)
    gap = np.zeros(panel.gap.shape, dtype=bool)
    gap[2000:2004, 0] = gap[3000, 1] = gap[:500, 1] = True
    with planted(program, tmp_path) as run:
        watched(run, with_holes(panel, gap))


IN_WINDOWS = (
    "WINDOWS = np.lib.stride_tricks.sliding_window_view\n"
    "@features(lookback_bars=168)\n"
    "def x(bars, params):\n"
    "    highest = WINDOWS(bars['high'].to_numpy(), 168).max(axis=1)\n"
    "    return {'x': np.concatenate([np.full(167, np.nan), highest])}\n"
)


@pytest.mark.parametrize("late", [0, 1], ids=["of all symbols", "of one symbol"])
def test_a_function_never_sees_fewer_bars_than_it_needs(late: int, tmp_path: Path) -> None:
    """A block that has begun, or is about to end, has few bars of what is listed then."""
    panel = real(200)
    hours = panel.times.as_unit("us").asi8 // 3_600_000_000
    edge = int(np.flatnonzero(hours % LEAST_BLOCK_BARS == 0)[0]) - 20
    gap = np.zeros(panel.gap.shape, dtype=bool)
    gap[:edge, late:] = True
    with planted(IN_WINDOWS, tmp_path) as run:
        watched(run, with_holes(panel, gap).window(0 if late else edge, len(panel)))


def test_a_series_that_is_filled_backwards_is_refused(tmp_path: Path) -> None:
    program = (
        "@features(lookback_bars=100, columns=('mood.score',))\n"
        "def x(bars, params):\n"
        "    score = bars['mood.score']\n"
        "    return {'sound': score.ffill(limit=50), 'x': score.bfill()}\n"
    )
    data = {"series": [{"name": "mood", "columns": ["score"]}]}
    panel = real(200)
    rare = np.arange(len(panel))[:, None] % 40 == 0
    panel = replace(panel, extra={"mood.score": np.where(rare, panel.close, np.nan)})
    with planted(program, tmp_path, data=data) as run, pytest.raises(ClmError, match='"x" of '):
        watched(run, panel)


FAULTS = {
    "an infinite value": (
        '1 / (bars["close"] - bars["close"].shift(1)).where(bars.index.hour == 3, 0)',
        "is infinite",
    ),
    "a column of nothing": ('bars["close"] * float("nan")', "has no number on any of the"),
}


@pytest.mark.parametrize(("column", "said"), FAULTS.values(), ids=FAULTS)
def test_features_must_be_numbers(column: str, said: str, tmp_path: Path) -> None:
    with planted(leaking(column), tmp_path) as run, pytest.raises(ClmError, match=said) as caught:
        watched(run, real(200))
    assert caught.value.reason == "MetricsRejected"
    assert '"x" of feature set "planted.x"' in caught.value.message


def test_a_panel_set_must_not_depend_on_the_order_of_symbols(tmp_path: Path) -> None:
    program = (
        "@panel_features(lookback_bars=10)\n"
        "def x(frames, params):\n"
        "    return {n: {'x': f['close'] * i} for i, (n, f) in enumerate(frames.items())}\n"
    )
    with planted(program, tmp_path) as run, pytest.raises(ClmError, match="order of the symbols"):
        watched(run, real(200))


ELSEWHERE = "import sys\nif sys.argv[0].endswith('apart.py'):\n"
DIES = {
    "with a word": ("raise SystemExit('no licence here')", "ended: no licence here"),
    "without a word": ("import os; os._exit(3)", "ended: without a word"),
}


@pytest.mark.parametrize(("death", "said"), DIES.values(), ids=DIES)
def test_a_process_that_dies_says_why(death: str, said: str, tmp_path: Path) -> None:
    program = f"{ELSEWHERE}    {death}\n" + leaking("1.0 * bars.index.hour")
    with planted(program, tmp_path) as run, pytest.raises(ClmError, match=said) as caught:
        watched(run, real(200))
    assert caught.value.reason == "TrainingFailed"


def test_a_package_that_fails_elsewhere_alone_says_so_in_its_own_words(tmp_path: Path) -> None:
    program = f"{ELSEWHERE}    raise ValueError('no licence')\n" + leaking("1.0 * bars.index.hour")
    said = "can't be imported: ValueError: no licence"
    with planted(program, tmp_path) as run, pytest.raises(ClmError, match=said) as caught:
        watched(run, real(200))
    assert caught.value.reason == "SpecInvalid"
