"""From percentiles to positions: enter high, leave by rule, never decide in a hole."""

from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clm_api.errors import ClmError
from clm_api.run import RunTarget
from clm_trainer.evaluation.positions import PercentileMap, target_positions
from clm_trainer.panel import Floats, Panel
from tests.trainer.evaluation.markets import NAN, column, one, panel_of

HIGH, MID, LOW = 0.9, 0.6, 0.4
SIGMA = 0.01
"""With a horizon of 4 bars: take profit at +2 %, stop at -3 % (of log return)."""


def target(**overrides: Any) -> RunTarget:
    quick = {"entryPercentile": 0.75, "horizonBars": 4, "minHoldBars": 3, "volatilityTarget": 5}
    return RunTarget.model_validate(quick | overrides)


@dataclass
class Case:
    name: str
    ranks: list[float]
    held: list[float]
    close: list[float] = field(default_factory=lambda: [100.0] * 8)
    fill: float | None = None
    """Open of row 1; its close where absent."""
    holes: tuple[int, ...] = ()
    shorts: bool = False
    target: dict[str, Any] = field(default_factory=dict)


CASES = [
    Case("no rank above the entry: flat", [MID] * 8, [0] * 8),
    Case("exactly the entry percentile is not above it", [0.75] * 8, [0] * 8),
    Case("in above the entry, and on while the rank stays above the exit",
         [HIGH] + [MID] * 7, [1] * 8),
    Case("a falling rank ends it only after three bars held",
         [HIGH] + [LOW] * 7, [1, 1, 1, 0, 0, 0, 0, 0]),
    Case("take profit from the first bar held, whatever the rank",
         [HIGH] * 8, [1, 1, 0, 1, 1, 1, 1, 1], close=[100, 100, 102.1, *[102.1] * 5]),
    Case("below the take profit: on", [HIGH] * 8, [1] * 8, close=[100, 100, *[101.9] * 6]),
    Case("stop loss", [HIGH] + [MID] * 7, [1, 1, 0, 0, 0, 0, 0, 0],
         close=[100, 100, *[96.9] * 6]),
    Case("above the stop loss: on", [HIGH] + [MID] * 7, [1] * 8, close=[100, 100, *[97.2] * 6]),
    Case("profit counts from the fill, not from the decision", [HIGH] + [MID] * 7, [1] * 8,
         close=[95, *[100] * 7]),
    Case("the fill's own bar may take profit: its close against its open",
         [HIGH] + [MID] * 7, [1, 0, 0, 0, 0, 0, 0, 0], fill=97.9),
    Case("the fill's own bar may stop", [HIGH] + [MID] * 7, [1, 0, 0, 0, 0, 0, 0, 0], fill=103.2),
    Case("again in at the next decision if the rank still qualifies",
         [HIGH, LOW, LOW, LOW, HIGH, HIGH, HIGH, HIGH], [1, 1, 1, 0, 1, 1, 1, 1]),
    Case("a hole repeats the last target and decides nothing",
         [MID, NAN, HIGH, NAN, NAN, MID, MID, MID], [0, 0, 1, 1, 1, 1, 1, 1], holes=(1, 3, 4)),
    Case("a rank in a hole is not read", [MID, HIGH, MID, MID, MID, MID, MID, MID], [0] * 8,
         holes=(1,)),
    Case("holding starts at the fill: holes before it don't count",
         [HIGH, NAN, NAN, LOW, LOW, LOW, LOW, LOW], [1, 1, 1, 1, 1, 0, 0, 0], holes=(1, 2)),
    Case("a row without a score neither enters nor leaves by rank",
         [HIGH] + [NAN] * 7, [1] * 8),
    Case("a row without a score still takes profit",
         [HIGH] + [NAN] * 7, [1, 1, 0, 0, 0, 0, 0, 0], close=[100, 100, *[103] * 6]),
    Case("long/flat never goes short", [0.01] * 8, [0] * 8),
    Case("short below the mirrored entry, out above the mirrored exit after three bars",
         [0.1] + [MID] * 7, [-1, -1, -1, 0, 0, 0, 0, 0], shorts=True),
    Case("a short takes its profit when prices fall",
         [0.1] + [LOW] * 7, [-1, -1, 0, 0, 0, 0, 0, 0], close=[100, 100, *[97.9] * 6],
         shorts=True),
    Case("a short is stopped when prices rise",
         [0.1] + [LOW] * 7, [-1, -1, 0, 0, 0, 0, 0, 0], close=[100, 100, *[103.1] * 6],
         shorts=True),
    Case("size aims at the volatility target and is fixed at entry",
         [HIGH] + [MID] * 7, [0.5] * 8, target={"volatilityTarget": 0.005 * 8766**0.5}),
    Case("size is capped", [HIGH] + [MID] * 7, [0.3] * 8, target={"maxWeight": 0.3}),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=attrgetter("name"))
def test_positions(case: Case) -> None:
    opens = [case.close[0], *case.close[:-1]]
    opens[1] = case.close[1] if case.fill is None else case.fill
    got = target_positions(
        column(*case.ranks),
        column(*[SIGMA] * 8),
        one(opens, case.close, case.holes),
        target(**case.target),
        shorts=case.shorts,
    )
    np.testing.assert_allclose(got[:, 0], case.held, rtol=1e-12)


@st.composite
def walks(draw: st.DrawFn) -> tuple[Panel, Floats, Floats]:
    bars, rng = draw(st.integers(3, 80)), np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (bars, 2)), axis=0))
    gap = rng.random((bars, 2)) < draw(st.sampled_from([0, 0.1]))
    panel = panel_of(close * np.exp(rng.normal(0, 0.001, (bars, 2))), close, gap)
    ranks = np.where(gap | (rng.random((bars, 2)) < 0.05), np.nan, rng.random((bars, 2)))
    return panel, ranks, np.abs(rng.normal(SIGMA, SIGMA, (bars, 2))) + 1e-3


@settings(max_examples=100, deadline=None, derandomize=True)
@given(walk=walks(), shorts=st.booleans(), data=st.data())
def test_a_position_ignores_everything_after_it(
    walk: tuple[Panel, Floats, Floats], *, shorts: bool, data: st.DataObject
) -> None:
    panel, ranks, sigma = walk
    cut = data.draw(st.integers(1, len(panel)))
    whole = target_positions(ranks, sigma, panel, target(), shorts=shorts)
    known = target_positions(
        ranks[:cut], sigma[:cut], panel.window(0, cut), target(), shorts=shorts
    )
    np.testing.assert_array_equal(known, whole[:cut])
    assert (np.abs(whole) <= 1).all()
    assert shorts or (whole >= 0).all()
    moved = np.diff(whole, axis=0) != 0
    assert not (moved & panel.gap[1:]).any(), "nothing is decided in a hole"


def test_percentiles_of_distinct_scores_are_uniform() -> None:
    scores = np.random.default_rng(3).normal(size=5000)
    ranks = PercentileMap.fit(scores).rank(scores)
    assert ranks.min() >= 0
    assert ranks.max() <= 1
    for share in (0.25, 0.5, 0.75, 0.85):
        assert (ranks > share).mean() == pytest.approx(1 - share, abs=0.005)


@pytest.mark.parametrize(
    ("fitted_on", "score", "rank"),
    [
        ([1.0], 1.0, 0.5),
        ([1.0], 0.9, 0.0),
        ([1.0], 1.1, 1.0),
        ([0.0, 1.0], 0.5, 0.5),
        ([0.0, 1.0], 1.0, 0.75),
        ([0.0, NAN, 1.0, NAN], 0.0, 0.25),
    ],
    ids=[
        "a tie with all is the middle", "below all", "above all", "between two",
        "a tie with the upper half", "scores that are missing don't count",
    ],
)  # fmt: skip
def test_mid_rank(fitted_on: list[float], score: float, rank: float) -> None:
    assert PercentileMap.fit(np.array(fitted_on)).rank(np.array([score]))[0] == rank


def test_an_unknown_score_has_no_rank() -> None:
    assert np.isnan(PercentileMap.fit(np.array([1.0, 2.0])).rank(np.array([NAN]))).all()


def test_without_scores_nothing_can_be_ranked() -> None:
    with pytest.raises(ClmError, match="calibration tail") as caught:
        PercentileMap.fit(np.full(9, NAN))
    assert caught.value.reason == "InsufficientData"


def test_512_quantiles_are_kept_and_serving_ranks_as_training_did() -> None:
    scores = np.random.default_rng(4).normal(size=4321)
    fitted = PercentileMap.fit(scores)
    assert len(fitted.quantiles) == 512
    again = PercentileMap(np.array(fitted.quantiles.tolist()))
    np.testing.assert_array_equal(again.rank(scores), fitted.rank(scores))
