"""A feature set is a stream: blocks, saving and resuming make no difference to its values."""

from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_trainer.features import STANDARD, FeatureTable, TableStream, build_features
from clm_trainer.panel import Panel
from tests.trainer.evaluation.markets import real, with_holes
from tests.trainer.features.reference import reference


def holed(panel: Panel, share: float, since: int = 0) -> Panel:
    """The same bars with holes; the second symbol is listed later."""
    gap = np.random.default_rng(8).random(panel.gap.shape) < share
    gap[:since, 1:] = True
    return with_holes(panel, gap)


def require_equal(one: FeatureTable, other: FeatureTable) -> None:
    assert one.names == other.names
    for name in ("values", "sigma", "usable", "log_close"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


@pytest.mark.parametrize(
    "panel",
    [
        pytest.param(lambda: real(700), id="two years without holes"),
        pytest.param(lambda: holed(real(300), 0.05, 480), id="holes and a young symbol"),
        pytest.param(lambda: real(90, symbols=1), id="one symbol"),
        pytest.param(lambda: holed(real(40), 0.0, 40 * 24), id="a symbol without any bar"),
        pytest.param(lambda: real(40).window(0, 30), id="fewer bars than any window"),
    ],
)
def test_the_standard_set_is_bit_for_bit_what_talib_and_pandas_give(panel: object) -> None:
    assert callable(panel)
    bars = panel()
    require_equal(build_features(bars), reference(bars))


@cache
def whole() -> tuple[Panel, FeatureTable]:
    bars = holed(real(50), 0.03, 100)
    return bars, build_features(bars)


@given(
    cuts=st.lists(st.integers(1, 50 * 24 - 1), max_size=5),
    restarts=st.lists(st.booleans(), min_size=6, max_size=6),
    singles=st.integers(0, 30),
)
@settings(max_examples=25, deadline=None)
def test_blocks_and_restarts_make_no_difference(
    cuts: list[int], restarts: list[bool], singles: int
) -> None:
    bars, expected = whole()
    last = len(bars) - singles
    edges = sorted({0, *(cut for cut in cuts if cut < last), *range(last, len(bars) + 1)})
    stream, made = TableStream(STANDARD, bars.symbols, bars.timeframe), []
    for number, (start, stop) in enumerate(pairwise(edges)):
        made.append(stream.advance(bars.window(start, stop)))
        if restarts[number % len(restarts)]:
            saved = {name: array.copy() for name, array in stream.save().items()}
            stream = TableStream.resume(STANDARD, bars.symbols, bars.timeframe, saved)

    def joined(name: str) -> Any:
        return np.concatenate([getattr(part, name) for part in made])

    table = FeatureTable(
        expected.names, joined("values"), joined("sigma"), joined("usable"), joined("log_close")
    )
    require_equal(table, expected)


def test_what_is_saved_stays_as_it_was_and_does_not_grow() -> None:
    bars, _ = whole()
    stream = TableStream(STANDARD, bars.symbols, bars.timeframe)
    sizes = []
    for start in (0, 600):
        stream.advance(bars.window(start, start + 600))
        saved = stream.save()
        before = {name: array.copy() for name, array in saved.items()}
        sizes.append(sum(array.nbytes for array in saved.values()))
    stream.advance(bars.window(600, 1200))
    for name, array in before.items():
        np.testing.assert_array_equal(saved[name], array, err_msg=name)
    assert sizes[0] == sizes[1] < 30_000 * len(bars.symbols)
